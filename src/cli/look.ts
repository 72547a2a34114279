import type { Command } from 'commander';
import type { Registration } from '../evaluations/registration.ts';
import type { Registry } from '../evaluations/registry.ts';
import { oneOrganization, suppliedFiles, worldOf } from './evaluate.ts';
import { readJson, readUpTo } from './files.ts';
import { note, say } from './progress.ts';
import { collect, exitCodeOf, isoTime, localSettings, print } from './shell.ts';

interface LookOptions {
  readonly organization?: string;
  readonly facts: readonly string[];
  readonly resolver: readonly string[];
  readonly ca: readonly string[];
  readonly now?: Date;
  readonly json?: boolean;
}

/** A command that explains what a file holds, or what is piped into it. */
export function addLook(command: Command, evaluations: Registry, evaluation: Registration): void {
  command
    .option('--organization <file>', 'organization document: what is kept about it counts')
    .option('--facts <file>', 'saved facts or a raw export; repeatable', collect, [])
    .option('--resolver <host[:port]>', 'name server to ask; repeatable', collect, [])
    .option('--ca <file>', 'PEM file of roots to trust besides the public ones; repeatable', collect, [])
    .option('--now <time>', 'explain as of this time (ISO 8601)', isoTime)
    .option('--json', 'print as JSON')
    .action(async (file: string, options: LookOptions) => {
      process.exitCode = await look(evaluations, evaluation, file, options);
    });
}

async function look(
  evaluations: Registry,
  { id, look: explains }: Registration,
  file: string,
  options: LookOptions,
): Promise<number> {
  const [{ createApp, lookPorts }, { loadConfig }] = await Promise.all([
    import('../app/index.ts'),
    import('../config.ts'),
  ]);
  const document =
    options.organization === undefined
      ? undefined
      : await oneOrganization(evaluations, await readJson(options.organization), options.organization);
  // What is kept is asked for only where somebody says whose it is.
  const environment = { ...(document === undefined ? {} : await localSettings()), ...process.env };
  const ports = await lookPorts(evaluations, loadConfig(environment), environment, await worldOf(options), document);
  const app = createApp(ports);
  try {
    const supply = app.readSupplied(id, await suppliedFiles({}, options));
    for (const line of supply.notes ?? []) note(line);
    const name = file === '-' ? 'what was typed' : file;
    const content = await readUpTo(file, explains?.limit ?? 0);
    const { json, text, answer } = await app.look(id, { name, content }, { document, supply, now: options.now });
    if (options.json === true) print(json);
    else say(text);
    return exitCodeOf([answer]);
  } finally {
    await app.stop();
  }
}
