import { expect, test } from 'vitest';
import { channelNotifiers } from '../../src/app/ports.ts';
import { loadConfig } from '../../src/config.ts';
import type { Notifier } from '../../src/domain/notice.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createBudgets, workflowBudget } from '../../src/notifiers/budget.ts';
import { startLoopback } from './loopback.ts';
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

test('organizations share a budget where their settings hold one address, whatever their channels are called', async () => {
  const flow = await startLoopback((_request, response) => void response.writeHead(202).end());
  const url = `http://127.0.0.1:${flow.port}/workflows/0123456789abcdef/triggers/manual/paths/invoke`;
  const environment = { CHANNEL_A: url, CHANNEL_B: url, CHANNEL_C: `${url}?sig=another` };
  const notifierFor = channelNotifiers(loadConfig({ FIELDCHECK_LOCAL_CHANNELS: 'true' }), environment, {
    clock: () => new Date('2026-11-24T06:00:00Z'),
  });
  const send = async (organization: string, channel: string, setting: string) => {
    const channels = { [channel]: { url: `secret:${setting}` } };
    const document = evaluations.document.parse({ id: organization, channels });
    return (await notifierFor(document, channel).send(notice(), AbortSignal.timeout(20_000))).outcome;
  };
  for (let index = 0; index < 25; index += 1)
    expect(
      await (index % 2 === 0 ? send('contoso', 'mail-team', 'CHANNEL_A') : send('fabrikam', 'desk', 'CHANNEL_B')),
    ).toBe('delivered');
  expect(await send('contoso', 'mail-team', 'CHANNEL_A')).toBe('retry');
  expect(await send('fabrikam', 'desk', 'CHANNEL_B')).toBe('retry');
  expect(await send('fabrikam', 'other', 'CHANNEL_C')).toBe('delivered');
  expect(flow.arrived).toHaveLength(26);
  await flow.close();
});
