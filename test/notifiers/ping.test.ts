import { afterEach, expect, test } from 'vitest';
import type { Cycle } from '../../src/domain/notice.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import { type Loopback, startLoopback } from './loopback.ts';

const servers: Loopback[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const cycle = (phase: Cycle['phase'], runId = 'contoso.dkim.20261124T060000Z'): Cycle => ({
  phase,
  runId,
  words: `It is ${phase}.`,
});
const signal = () => AbortSignal.timeout(10_000);

test('start, success and fail are called as Healthchecks has them, with an id that belongs to the run', async () => {
  const server = await startLoopback((_request, response) => void response.writeHead(200).end('OK'));
  servers.push(server);
  const ping = createNotifier({ kind: 'ping', url: `http://127.0.0.1:${server.port}/a-check/` }, { allowLocal: true });
  for (const phase of ['start', 'success', 'fail'] as const)
    expect((await ping.cycle?.(cycle(phase), signal()))?.outcome).toBe('delivered');
  await ping.cycle?.(cycle('start', 'contoso.dkim.20261125T060000Z'), signal());
  const [rid, ...others] = server.arrived.map(({ target }) => new URLSearchParams(target.split('?')[1]).get('rid'));
  expect(rid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(others).toEqual([rid, rid, expect.not.stringMatching(rid ?? '')]);
  expect(server.arrived.map(({ method, target, body }) => [method, target.split('?')[0], body])).toEqual([
    ['POST', '/a-check/start', 'It is start.'],
    ['POST', '/a-check', 'It is success.'],
    ['POST', '/a-check/fail', 'It is fail.'],
    ['POST', '/a-check/start', 'It is start.'],
  ]);
});

test('an address is never called twice at once, and a success does not overtake its start', async () => {
  let [atOnce, most] = [0, 0];
  const server = await startLoopback((_request, response) => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    setTimeout(() => {
      atOnce -= 1;
      response.writeHead(200).end();
    }, 30);
  });
  servers.push(server);
  const url = `http://127.0.0.1:${server.port}/check`;
  const phases = ['start', 'success', 'fail'] as const;
  // One notifier for each, as a run makes one each time.
  await Promise.all(
    phases.map((phase) => createNotifier({ kind: 'ping', url }, { allowLocal: true }).cycle?.(cycle(phase), signal())),
  );
  expect(most).toBe(1);
  expect(server.arrived.map(({ target }) => target.split('?')[0])).toEqual(['/check/start', '/check', '/check/fail']);
});
