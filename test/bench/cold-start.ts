// Loads a function app as the Functions worker does and sends its parent how long that took and which files of the
// entry's folder were loaded: node cold-start.ts JOB-AS-JSON
import { registerHooks } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { loadFunctions } from '../../src/local/host/core.ts';

export interface StartJob {
  readonly entry: string;
  /** Run the appStart hooks with these settings; undefined: import only. */
  readonly settings: Readonly<Record<string, string>> | undefined;
}

export interface StartResult {
  /** In the order in which they were loaded. */
  readonly files: readonly string[];
  /** Milliseconds of import and hooks together. */
  readonly milliseconds: number;
}

const { entry, settings } = JSON.parse(process.argv[2] ?? '{}') as StartJob;
const files: string[] = [];
const bundleFolder = pathToFileURL(`${dirname(entry)}/`).href;
registerHooks({
  load(url, context, next) {
    if (url.startsWith(bundleFolder)) files.push(fileURLToPath(url));
    return next(url, context);
  },
});
Object.assign(process.env, settings);
const startedAt = performance.now();
const { hooks } = await loadFunctions(entry, dirname(entry));
if (settings !== undefined) for (const hook of hooks.appStart) await hook({ hookData: {}, functionAppDirectory: '' });
const milliseconds = performance.now() - startedAt;
process.send?.({ files, milliseconds } satisfies StartResult, () => process.exit());
