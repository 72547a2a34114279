import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Tests that replace a module of Node, register functions or telemetry for good, or spend their time in programs that
 * they start: each file has a process to itself. A worker runs many of all others and loads once what they import,
 * which is most of what a small file costs.
 */
const alone = [
  ...['app/large-files', 'doors/doors', 'functions/{bundle,deployed}', 'sources/smtp-probe/*', 'telemetry/*'],
  ...['collectors/*', 'infra/{access,container-run}', 'local/{azurite,cli,serve,start}', 'pages/*', 'powershell/*'],
  ...['cli/unreachable-resolver', 'tools/{bootstrap,build,npm-package,package}'],
].map((file) => `test/${file}.test.ts`);

/** Short to read and long to run. */
const long = /\/(kills|year|fuzz|matrix|large-files|linux-nodes|packets)\.test\.ts$/;

/**
 * Vitest starts what took longest in the last run. A fresh clone has had none, and the longest files come first, in
 * bytes: without these, which would run at the end on a core alone.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const projects = Map.groupBy(await super.sort(files), ({ project }) => project.name);
    return [...projects.values()].flatMap((own) => [
      ...own.filter(({ moduleId }) => long.test(moduleId)),
      ...own.filter(({ moduleId }) => !long.test(moduleId)),
    ]);
  }
}

export default defineConfig({
  test: {
    // Four workers, also on two cores: many suites wait for a server, a limit or a process that they started.
    maxWorkers: 4,
    // For what hangs; nothing here is timed, and a busy machine takes ten times as long as a quiet one.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Programs that tests start again and again (the shell, the host, Azurite) are compiled once.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/node-compile') },
    globalSetup: 'test/temporary-folder.ts',
    sequence: { sequencer: LongFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      { extends: true, test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: alone, isolate: false } },
    ],
  },
});
