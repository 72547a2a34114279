import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type Host, type HostOptions, startHost } from '../../../src/local/host/host.ts';
import type { LogEntry } from '../../../src/local/host/log.ts';

const root = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** Starts a host over a fixture app on any free port and stops it with the test; `log` fills as it runs. */
export async function startFixture(
  entry: string,
  options: Partial<HostOptions> = {},
): Promise<Host & { log: LogEntry[] }> {
  const log: LogEntry[] = [];
  const host = await startHost({
    root,
    entry,
    hostJson: { version: '2.0' },
    settings: {},
    storageConnection: '',
    port: 0,
    log: (entry) => log.push(entry),
    ...options,
  });
  onTestFinished(() => host.stop());
  return { ...host, log };
}
