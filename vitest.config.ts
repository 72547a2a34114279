import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Rooms whose tests leave nothing behind in their process and measure nothing of it. A worker runs many of these files
 * and loads once what they import.
 */
const shared = [
  ...['domain', 'evaluations', 'facts', 'http', 'notifiers', 'reports'],
  ...['bindings', 'dns', 'exchange-online', 'graph', 'mail', 'smtp-log', 'supplied'].map((room) => `sources/${room}`),
].map((room) => `test/${room}/**/*.test.ts`);

export default defineConfig({
  test: {
    // Four workers, also on two cores: many suites wait for a server, a limit or a process that they started.
    maxWorkers: 4,
    // For what hangs; nothing here is timed, and a busy machine takes ten times as long as a quiet one.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Programs that tests start again and again (the shell, the host, Azurite) are compiled once.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/node-compile') },
    projects: [
      { extends: true, test: { name: 'shared', include: shared, isolate: false } },
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: shared } },
    ],
  },
});
