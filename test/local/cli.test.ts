import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const cli = fileURLToPath(new URL('../../src/local/cli.ts', import.meta.url));

/** Runs the command line after this module. */
function fieldcheck(before: string, ...args: readonly string[]) {
  const module = `data:text/javascript,${encodeURIComponent(before)}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', module, cli, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  return { status, stdout, stderr };
}

test('the command line is the same when nothing crashes', () => {
  expect(fieldcheck('', '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: fieldcheck') });
  expect(fieldcheck('', 'evaluate', 'dkim', 'someone@contoso.com').status).toBe(3);
});

test('a module that cannot be loaded is an error of ours, not a "no"', () => {
  const missing = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier === 'commander') throw new Error("Cannot find package 'commander'");
        return next(specifier, context);
      },
    });`;
  expect(fieldcheck(missing, 'evaluate', 'dkim', 'contoso.com')).toEqual({
    status: 3,
    stdout: '',
    stderr: "fieldcheck: Cannot find package 'commander'\n",
  });
});

test('so is what is thrown where nobody waits for it', () => {
  const late = `process.once('beforeExit', () => { throw new Error('The pipe is gone.'); });`;
  expect(fieldcheck(late, '--help')).toMatchObject({ status: 3, stderr: 'fieldcheck: The pipe is gone.\n' });
});
