import { join, relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Tests that replace a module of Node or register functions or telemetry for good: each file has a process to itself.
 * A worker runs many of all others and loads once what they import, which is most of what a small file costs.
 */
const alone = ['app/large-files', 'doors/doors', 'functions/{bundle,deployed}', 'telemetry/*'].map(testFile);

/**
 * The longest, to start first: those that mostly wait take turns with those that mostly compute, and of those that have
 * scripts run, which two processes do for all, no more than two are there at once.
 */
const long = [
  ...['sources/smtp-probe/packets', 'app/kills', 'collectors/teams-interop', 'app/runs', 'local/start'],
  ...['collectors/smtp-source-ip', 'app/year', 'sources/smtp-probe/linux-nodes', 'pages/pages', 'local/serve'],
  ...['sources/smtp-probe/probe', 'doors/fuzz', 'local/host/queues', 'collectors/smtp-source-ip-linux'],
  ...['infra/access', 'collectors/worlds', 'cli/cli', 'tenant/live', 'local/host/timers'],
].map(testFile);

function testFile(name: string): string {
  return `test/${name}.test.ts`;
}

/**
 * Vitest starts what took longest in the last run. A fresh clone has had none, and the longest files come first, in
 * bytes: some are short to read and long to run, and at the end one would run on a core alone.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = long.indexOf(relative(import.meta.dirname, moduleId));
      return at < 0 ? long.length : at;
    };
    // A worker ends where another project's turn comes.
    const projects = Map.groupBy(await super.sort(files), ({ project }) => project.name);
    return [...projects.values()].flatMap((own) => own.toSorted((one, other) => place(one) - place(other)));
  }
}

export default defineConfig({
  test: {
    // Six workers, also on two cores: many suites wait for a server, a limit or a process that they started.
    maxWorkers: 6,
    // For what hangs; nothing here is timed, and a busy machine takes ten times as long as a quiet one.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Programs that tests start again and again (the shell, the host, Azurite) are compiled once.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/node-compile') },
    globalSetup: ['test/temporary-folder.ts', 'test/powershell/hosts.ts'],
    sequence: { sequencer: LongFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      { extends: true, test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: alone, isolate: false } },
    ],
  },
});
