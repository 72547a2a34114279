import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const bootstrap = fileURLToPath(new URL('../../tools/bootstrap.mjs', import.meta.url));

test('a task that the bootstrap does not know is named, with those it knows', () => {
  const { status, stderr } = spawnSync(process.execPath, [bootstrap, 'deploy'], { encoding: 'utf8' });
  expect(status).toBe(3);
  expect(stderr).toBe("bootstrap: no task 'deploy'. Known tasks: start, cli, complete, test, bench, tenant.\n");
});
