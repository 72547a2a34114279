import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests that replace a module of Node, register functions or telemetry for good, measure their process, or spend their
 * time in programs that they start: each file has a process to itself. A worker runs many of all others and loads once
 * what they import, which is most of what a small file costs.
 */
const alone = [
  ...['app/large-files', 'doors/doors'],
  ...['cli', 'collectors', 'functions', 'infra', 'local', 'pages', 'powershell', 'telemetry', 'tools'].map(
    (room) => `${room}/**/*`,
  ),
  ...['https-probe', 'smtp-probe'].map((room) => `sources/${room}/*`),
].map((file) => `test/${file}.test.ts`);

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
      { extends: true, test: { name: 'alone', include: alone } },
      { extends: true, test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: alone, isolate: false } },
    ],
  },
});
