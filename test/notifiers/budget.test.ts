import { expect, test } from 'vitest';
import type { Notifier } from '../../src/domain/notice.ts';
import { createBudgets, workflowBudget } from '../../src/notifiers/budget.ts';
import { notice } from './notices.ts';

test('an address gets 25 posts in 5 minutes, whichever organizations share it, and the rest when there is room', async () => {
  let now = Date.parse('2026-11-24T06:00:00Z');
  const posted: string[] = [];
  const keepingTo = createBudgets(() => new Date(now));
  const notifierOf = (id: string): Notifier => ({
    id,
    send: async () => {
      posted.push(id);
      return { outcome: 'delivered', detail: 'Taken.' };
    },
  });
  const send = (organization: string, address = 'https://one') =>
    keepingTo(notifierOf(organization), address, workflowBudget).send(notice(), AbortSignal.timeout(1_000));
  for (let index = 0; index < 25; index += 1) {
    expect((await send(`org-${index}`)).outcome).toBe('delivered');
    now += 1_000;
  }
  expect(await send('contoso')).toEqual({
    outcome: 'retry',
    detail: 'It has had 25 posts within 5 minutes, which is all that it takes; it is tried again.',
    afterSeconds: 275,
  });
  expect(posted).toHaveLength(25);
  expect((await send('contoso', 'https://another')).outcome).toBe('delivered');
  now += 275_000;
  expect((await send('contoso')).outcome).toBe('delivered');
  expect((await send('contoso')).outcome).toBe('retry');
});
