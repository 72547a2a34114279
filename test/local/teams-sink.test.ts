import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import { failingDomains, notice } from '../notifiers/notices.ts';

describe('the local Teams channel', () => {
  let sink: TeamsSink;
  beforeEach(async () => {
    sink = await startTeamsSink();
  });
  afterEach(() => sink.close());

  const send = () =>
    createNotifier({ kind: 'teams-workflow', url: sink.url }, { allowLocal: true }).send(
      notice({ subjects: failingDomains(2) }),
      AbortSignal.timeout(10_000),
    );
  const post = (body: string) => fetch(sink.url, { method: 'POST', body });

  it('takes a card with 202, keeps it and finds nothing wrong', async () => {
    expect((await send()).outcome).toBe('delivered');
    expect(sink.cards).toHaveLength(1);
    expect(sink.cards[0]).toMatchObject({ problems: [], payload: { summary: 'Contoso: 2 new problems in DKIM' } });
  });

  it('takes with 202 what Teams would show nothing of, and says why', async () => {
    for (const body of ['{"text":"x"}', 'no JSON', '']) expect((await post(body)).status).toBe(202);
    expect(sink.cards.map(({ problems }) => problems.join(' '))).toEqual([
      expect.stringContaining('attachments: '),
      'It is no JSON.',
      'It is no JSON.',
    ]);
    await post(JSON.stringify({ text: 'x'.repeat(24_300) }));
    expect(sink.cards[3]?.problems[0]).toBe(
      'Its 24311 bytes become 28730 in the flow; Teams shows nothing of a card above 28672.',
    );
  });

  it('answers otherwise when told so, and keeps nothing of that', async () => {
    sink.respondWith(429, { headers: { 'retry-after': '7' }, times: 1 });
    expect(await send()).toMatchObject({ outcome: 'retry', afterSeconds: 7 });
    expect(sink.cards).toHaveLength(0);
    expect((await send()).outcome).toBe('delivered');
    sink.respondWith(401);
    expect((await send()).outcome).toBe('rejected');
    sink.respondWith(202);
    expect((await send()).outcome).toBe('delivered');
    expect(sink.cards).toHaveLength(2);
  });

  it('shows a page that needs no network', async () => {
    await send();
    const page = await fetch(sink.page);
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect([...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address)).toEqual(['adaptivecards.js']);
    expect((await fetch(new URL('adaptivecards.js', sink.page))).status).toBe(200);
    expect(await (await fetch(new URL('cards.json', sink.page))).json()).toEqual(sink.cards);
  });

  it('knows no other door', async () => {
    expect((await fetch(new URL('elsewhere', sink.page))).status).toBe(404);
    expect((await fetch(sink.url.replace('sig=local', 'sig=other'), { method: 'POST', body: '{}' })).status).toBe(404);
  });

  it('reads no more than a megabyte', async () => {
    const answer = await post('x'.repeat(2 * 1024 * 1024)).then(
      ({ status }) => status,
      () => 413,
    );
    expect(answer).toBe(413);
    expect(sink.cards).toHaveLength(0);
  });
});
