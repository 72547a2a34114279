// `fieldcheck demo --sign-in`, as a person with a browser meets it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { builtPackage } from '../tools/built-package.ts';

const cli = join((await builtPackage()).folder, 'dist/cli.js');
const data = mkdtempSync(join(tmpdir(), 'fieldcheck-sign-in-'));
// Nothing of the network is asked.
const env = { ...process.env, FIELDCHECK_RESOLVERS: '127.0.0.1:9' };
const child = spawn(process.execPath, [cli, 'demo', '--data', data, '--port', '0', '--sign-in'], { env });
afterAll(async () => {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  rmSync(data, { recursive: true, force: true });
});

async function said(text: string): Promise<string> {
  let all = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (all += String(chunk)));
  while (!all.includes(text)) {
    if (child.exitCode !== null) throw new Error(all);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return all;
}

test('nobody comes in unknown; who signs in sees what the role allows, by a cookie that no script reads', {
  timeout: 120_000,
}, async () => {
  const text = await said('and out at');
  const [, url = ''] = /at +(http:\/\/localhost:\d+)\/api\/sign-in/.exec(text) ?? [];
  const report = `${url}/api/organizations/contoso/evaluations/dkim/report`;
  const browser = { accept: 'text/html' };
  expect((await fetch(report)).status).toBe(401);
  const sent = await fetch(report, { headers: browser, redirect: 'manual' });
  expect([sent.status, sent.headers.get('location')]).toEqual([
    302,
    `/api/sign-in?to=${encodeURIComponent(new URL(report).pathname)}`,
  ]);

  const visit = async (person: string) => {
    const begun = await fetch(`${url}${sent.headers.get('location')}`, { redirect: 'manual' });
    const [remembered = ''] = begun.headers.getSetCookie();
    const chosen = await fetch(`${begun.headers.get('location')}&person=${person}`, { redirect: 'manual' });
    const back = await fetch(chosen.headers.get('location') ?? '', {
      headers: { cookie: remembered.split(';')[0] ?? '' },
      redirect: 'manual',
    });
    expect(back.headers.get('location')).toBe(new URL(report).pathname);
    const session = back.headers.getSetCookie().find((one) => one.startsWith('__Host-fieldcheck=')) ?? '';
    expect(session).toMatch(/; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
    const cookie = session.split(';')[0] ?? '';
    return (method: string, path: string) =>
      fetch(`${url}/api/${path}`, { method, headers: { cookie, origin: url, ...browser } }).then(
        ({ status }) => status,
      );
  };
  const contoso = 'organizations/contoso';
  const runs = `${contoso}/evaluations/dkim/runs`;
  const rita = await visit('Rita');
  expect([await rita('GET', contoso), await rita('POST', runs), await rita('GET', 'doctor')]).toEqual([200, 403, 403]);
  const otto = await visit('Otto');
  expect([await otto('POST', runs), await otto('DELETE', contoso)]).toEqual([202, 403]);
  const mia = await visit('Mia');
  expect([await mia('GET', contoso), await mia('GET', 'organizations')]).toEqual([404, 403]);
  const ada = await visit('Ada');
  expect(await ada('GET', 'audit')).toBe(200);
});
