import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { loadConfig, settingsSchema } from '../../src/config.ts';
import { loadFunctions } from '../../src/local/host/core.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const example = z
  .object({ IsEncrypted: z.literal(false), Values: z.record(z.string(), z.string()) })
  .parse(JSON.parse(read('local.settings.example.json')));

/** Settings that bindings name, as `%SETTING%` or as a connection, when every schedule is set. */
async function settingsOfBindings(): Promise<readonly string[]> {
  for (const name of Object.keys(settingsSchema.shape).filter((one) => one.endsWith('_SCHEDULE')))
    vi.stubEnv(name, '0 0 0 1 1 *');
  onTestFinished(() => void vi.unstubAllEnvs());
  const entry = new URL('?settings', pathToFileURL(`${root}functions/index.ts`));
  const bindings = (await loadFunctions(entry, root)).functions.flatMap((fn) => Object.values(fn.bindings));
  const named = bindings.flatMap((binding) => [
    ...[...JSON.stringify(binding).matchAll(/%([^%]+)%/g)].map(([, name]) => String(name)),
    ...('connection' in binding ? [String(binding.connection)] : []),
  ]);
  return [...new Set(named)].sort();
}

describe('every setting that a binding names', () => {
  test('stands in the example for the real host, in what is deployed and in the local host', async () => {
    const names = await settingsOfBindings();
    expect(names).toEqual([
      'AzureWebJobsStorage',
      'FIELDCHECK_DELIVERY_SCHEDULE',
      'FIELDCHECK_DUE_SCHEDULE',
      'FIELDCHECK_HEARTBEAT_SCHEDULE',
      'FIELDCHECK_RETENTION_SCHEDULE',
    ]);
    expect(Object.keys(example.Values)).toEqual(expect.arrayContaining([...names]));
    for (const name of names.filter((one) => one.endsWith('_SCHEDULE'))) {
      expect(read('infra/app/function-app.bicep')).toContain(`    ${name}: `);
      expect(read('src/local/demo/run.ts')).toContain(`    ${name}: '`);
    }
  });
});

describe('the example for the real host', () => {
  test('is complete, starts the app, and says what holds without it', () => {
    expect(example.Values.FUNCTIONS_WORKER_RUNTIME).toBe('node');
    expect(example.Values.AzureWebJobsStorage).toBe('UseDevelopmentStorage=true');
    const config = loadConfig(example.Values);
    const defaults = loadConfig({});
    expect(Object.fromEntries(Object.entries(config).filter(([name]) => name.endsWith('_SCHEDULE')))).toEqual(
      Object.fromEntries(Object.entries(defaults).filter(([name]) => name.endsWith('_SCHEDULE'))),
    );
    const known = new Set(['FUNCTIONS_WORKER_RUNTIME', ...Object.keys(settingsSchema.shape)]);
    expect(Object.keys(example.Values).filter((name) => !known.has(name))).toEqual([]);
  });
});
