// What the worker hands to the host for each line that the app logs (`RpcLog` of the worker protocol: level, category, id of
// the invocation, message), from which Application Insights fills SeverityLevel, Category, InvocationId and Message.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { startFixture } from '../local/host/start.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const hostJson = JSON.parse(readFileSync(path('../../host.json'), 'utf8'));

test('a line carries its level, its function as category, its invocation, and the id of the run in its JSON', async () => {
  const printed: [string, unknown][] = [];
  for (const level of ['info', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((line) => void printed.push([level, JSON.parse(line)]));
  // As deployed: what host.json holds back would be in no query.
  const { url, log } = await startFixture(path('fixtures/logging.ts'), { hostJson });
  const ask = async (name: string) => (await fetch(`${url}/api/${name}`, { method: 'POST' })).text();
  const runId = await ask('work');
  await ask('work');
  await ask('afterwards');

  const lines = log.filter(({ category }) => category.endsWith('.User'));
  const of = { category: 'Function.work.User', functionName: 'work' };
  const [{ invocationId: first } = {}] = lines;
  const { invocationId: second } = lines[3] ?? {};
  expect(first).toMatch(/^[0-9a-f-]{36}$/);
  expect(second).not.toBe(first);
  expect(lines).toEqual(
    [first, second].flatMap((invocationId) => [
      { ...of, invocationId, level: 'information', message: JSON.stringify({ message: 'run started', runId }) },
      { ...of, invocationId, level: 'warning', message: JSON.stringify({ message: 'cannot look', runId }) },
      {
        ...of,
        invocationId,
        level: 'error',
        message: JSON.stringify({ message: 'run incomplete at its deadline', runId }),
      },
    ]),
  );
  // The host complains of lines for an invocation that is over, and knows none when the app starts: the console takes them.
  expect(printed).toEqual([
    ['info', { message: 'the app starts' }],
    ['warn', { message: 'after the end', runId }],
  ]);
});
