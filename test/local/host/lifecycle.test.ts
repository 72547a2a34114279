import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { forget, record, recorded, recordedInOrder } from '../fixtures/record.ts';
import { startFixture } from './start.ts';

beforeEach(forget);

describe('hooks', () => {
  it('run in the order of the worker, and may swap inputs, handler and result', async () => {
    const { url } = await startFixture('lifecycle.ts');
    expect(await (await fetch(`${url}/api/swapped`)).text()).toBe('from the hook');
    expect(recordedInOrder()).toEqual([
      'appStart',
      'preInvocation one',
      'preInvocation two',
      'wrapped handler',
      'swapped',
      'postInvocation',
    ]);
    expect(await recorded('preInvocation two')).toEqual(['one']);
    expect(await recorded('swapped')).toEqual(['swapped input']);
    expect(await recorded('postInvocation')).toEqual([
      { data: 'one', result: { body: 'from the handler' }, error: null },
    ]);
  });

  it('may swallow an error', async () => {
    const { url } = await startFixture('lifecycle.ts');
    const response = await fetch(`${url}/api/forgiven`);
    expect([response.status, await response.text()]).toEqual([200, 'forgiven']);
  });
});

describe('starting', () => {
  it('runs appStart with the settings in the environment, and takes them out when it stops', async () => {
    const host = await startFixture('lifecycle.ts', { settings: { GREETING: 'hello' } });
    expect(await recorded('appStart')).toEqual(['hello']);
    await host.stop();
    expect(process.env.GREETING).toBeUndefined();
  });

  it('fails with the message of an appStart hook that throws', async () => {
    const settings = { REFUSE_START: 'STORAGE_URL is missing' };
    await expect(startFixture('lifecycle.ts', { settings })).rejects.toThrow(
      'The app refused to start: STORAGE_URL is missing',
    );
    expect(process.env.REFUSE_START).toBeUndefined();
  });

  it('refuses a trigger that it does not run', async () => {
    await expect(startFixture('refused/blob-trigger.ts')).rejects.toThrow(
      'Function "blob": the local host runs httpTrigger, timerTrigger, queueTrigger, not blobTrigger.',
    );
  });
});

describe('stopping', () => {
  it('lets a request in flight finish, refuses new ones, then runs appTerminate', async () => {
    const host = await startFixture('lifecycle.ts');
    const answer = fetch(`${host.url}/api/waiting`).then((response) => response.text());
    await recorded('waiting begins');
    const stopped = host.stop();
    await expect(fetch(`${host.url}/api/swapped`)).rejects.toThrow();
    record('let go');
    expect(await answer).toBe('done');
    await stopped;
    expect(recordedInOrder().slice(-2)).toEqual(['postInvocation', 'appTerminate']);
  });

  it('cuts what does not finish in time, and says so', async () => {
    const host = await startFixture('lifecycle.ts', { drainLimitMs: 50 });
    const answer = fetch(`${host.url}/api/endless`);
    const cut = expect(answer).rejects.toThrow();
    await recorded('endless begins');
    await host.stop();
    await cut;
    expect(recordedInOrder().at(-1)).toBe('appTerminate');
    expect(host.log.map((entry) => entry.message)).toContain('Runs cut because they did not finish: 1.');
  });

  it('logs an appTerminate hook that throws and closes all the same', async () => {
    const host = await startFixture('lifecycle.ts', { settings: { TERMINATE_FAILS: 'yes' } });
    await host.stop();
    await host.stop();
    expect(recordedInOrder().filter((what) => what === 'appTerminate')).toHaveLength(1);
    expect(host.log.map((entry) => entry.message)).toContainEqual(
      expect.stringMatching(/^An appTerminate hook failed: Error: the drain is blocked/),
    );
    await expect(fetch(host.url)).rejects.toThrow();
  });
});

describe('running', () => {
  it('ends a run that is longer than functionTimeout', async () => {
    const hostJson = { version: '2.0', functionTimeout: '00:00:00.1' };
    const { url, log } = await startFixture('lifecycle.ts', { hostJson });
    expect((await fetch(`${url}/api/endless`)).status).toBe(500);
    expect(log.map((entry) => entry.message)).toContainEqual(
      expect.stringContaining('Function "endless" ran longer than the functionTimeout of 0.1 s.'),
    );
  });

  it('shows the log lines that host.json lets through', async () => {
    const logLevel = { default: 'Warning', 'Function.chatty.User': 'Information' };
    const hostJson = { version: '2.0', logging: { logLevel } };
    const { url, log } = await startFixture('lifecycle.ts', { hostJson });
    await fetch(`${url}/api/chatty`);
    expect(log).toEqual([
      {
        level: 'information',
        category: 'Function.chatty.User',
        message: 'a line of the app',
        functionName: 'chatty',
        invocationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    ]);
  });

  it('logs a rejection that nobody awaits, and goes on', async () => {
    const program = fileURLToPath(new URL('../fixtures/stray-program.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(stdout).toContain(
      'critical A promise was rejected and nobody awaited it. In Azure this ends the worker. Error: nobody waits for me\n',
    );
    expect(stdout).toContain('200 fine\n');
  });
});
