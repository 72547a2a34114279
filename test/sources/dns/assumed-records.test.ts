// Planned records in a DNS that answers for everything else.
import { afterEach, describe, expect, it } from 'vitest';
import { createZone, startDnsServer, type Zone } from '../../../src/local/dns-server.ts';
import type { DnsAnswer } from '../../../src/sources/dns/answer.ts';
import { assumedRecords, notingAssumed, withRecords } from '../../../src/sources/dns/assumed-records.ts';
import { createResolverPool, type ResolverPool } from '../../../src/sources/dns/resolvers.ts';
import { readZoneLines } from '../../../src/sources/dns/zone-lines.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Two real resolvers over a zone, and what is assumed on top. */
async function pool(fill: (zone: Zone) => void, lines: string, asked?: Set<string>) {
  const zone = createZone();
  fill(zone);
  const servers = await Promise.all([startDnsServer({ zone }), startDnsServer({ zone })]);
  const real = createResolverPool(
    servers.map(({ address }) => address),
    { timeouts: [300], pauseMs: 1 },
  );
  cleanups.push(...servers.map((server) => () => server.close()), () => real.close());
  const { records } = readZoneLines('planned.zone', lines);
  return { real, planned: withRecords(real, records, asked) };
}

const words = ({ rcode, answers }: DnsAnswer) =>
  [rcode, ...answers.map(({ type, data, assumed }) => `${type} ${data}${assumed ? ' (assumed)' : ''}`)].join(', ');

describe('records that are assumed', () => {
  it('answer for their names; what they lead to is asked, and confirmed by the other resolver', async () => {
    const { planned } = await pool(
      (zone) => zone.set('target.example', { type: 'TXT', data: ['key'] }),
      'a.example. CNAME target.example.',
    );
    const first = await planned.ask('A.example', 'TXT');
    expect(words(first)).toBe('NOERROR, CNAME target.example (assumed), TXT key');
    expect(first.resolver).toMatch(/^assumed \(planned\.zone, line 1\), 127\.0\.0\.1:\d+$/);
    const second = await planned.confirm('a.example', 'TXT', first);
    expect(words(second)).toBe(words(first));
    expect(second.resolver).not.toBe(first.resolver);
  });

  it('answer behind a real CNAME, and to the end of a chain of both', async () => {
    const { planned } = await pool((zone) => {
      zone.set('a.example', { type: 'CNAME', data: 'b.example' });
      zone.set('c.example', { type: 'CNAME', data: 'd.example' });
    }, 'b.example. CNAME c.example.\nd.example. TXT "one" "two"');
    expect(words(await planned.ask('a.example', 'TXT'))).toBe(
      'NOERROR, CNAME b.example, CNAME c.example (assumed), CNAME d.example, TXT one,two (assumed)',
    );
  });

  it('take the place of what stands there: a CNAME of all, a TXT of the CNAME', async () => {
    const { planned } = await pool((zone) => {
      zone.set('a.example', { type: 'TXT', data: ['in the way'] });
      zone.set('b.example', { type: 'CNAME', data: 'elsewhere.example' });
      zone.set('target.example', { type: 'TXT', data: ['key'] });
    }, 'a.example. CNAME target.example.\nb.example. TXT "own"');
    expect(words(await planned.ask('a.example', 'TXT'))).toBe('NOERROR, CNAME target.example (assumed), TXT key');
    expect(words(await planned.ask('b.example', 'TXT'))).toBe('NOERROR, TXT own (assumed)');
  });

  it('leave all other names and types to the real resolvers', async () => {
    const { real, planned } = await pool(
      (zone) => zone.set('contoso.com', { type: 'TXT', data: ['real'] }),
      'contoso.com. MX 0 .',
    );
    expect(words(await planned.ask('contoso.com', 'TXT'))).toBe(words(await real.ask('contoso.com', 'TXT')));
    expect((await planned.ask('contoso.com', 'MX')).answers).toMatchObject([
      { type: 'MX', data: { preference: 0, exchange: '' }, assumed: true },
    ]);
    const missing = await planned.ask('no.contoso.com', 'TXT');
    expect([missing.rcode, missing.answers]).toEqual(['NXDOMAIN', []]);
    expect(words(await planned.confirm('no.contoso.com', 'TXT', missing))).toBe('NXDOMAIN');
  });

  it('that lead where nobody can look are a failure, which keeps what was assumed', async () => {
    const { planned } = await pool(
      (zone) => zone.misbehave('target.example', 'servfail'),
      'a.example. CNAME target.example.',
    );
    const lookUp = async (noting: ResolverPool): Promise<string> => {
      await expect(noting.ask('a.example', 'TXT')).rejects.toMatchObject({
        reason: 'servfail',
        answers: [{ name: 'a.example', data: 'target.example', assumed: true }],
      });
      return 'looked up';
    };
    expect(await notingAssumed(planned, lookUp, (found) => `${found}, assumed`)).toBe('looked up, assumed');
  });

  it('that run in a circle are a failure', async () => {
    const { planned } = await pool(
      (zone) => zone.set('b.example', { type: 'CNAME', data: 'a.example' }),
      'a.example. CNAME b.example.',
    );
    await expect(planned.ask('a.example', 'TXT')).rejects.toMatchObject({ reason: 'loop' });
  });

  it('are named when nobody came upon them', async () => {
    const format = assumedRecords(['selector-key']);
    const read = format.read([
      { name: 'planned.zone', text: 'a.example. TXT "x"\nb.example. TXT "x"\nc.example. NS ns.example.' },
    ]);
    expect(read.notes).toEqual(['planned.zone: NS change nothing here and were left out.']);
    expect(format.read([{ name: 'done.zone', text: '; nothing to publish\n' }]).notes).toEqual([
      'done.zone: holds no record, so nothing is assumed.',
    ]);
    const real = { ask: () => expect.fail('was asked'), confirm: () => expect.fail('was asked') };
    const world = read.within({ resolvers: real as unknown as ResolverPool } as Parameters<typeof read.within>[0]);
    await world.resolvers.ask('a.example', 'TXT');
    expect(read.withoutEffect()).toEqual([
      'planned.zone, line 2: nobody asked for b.example, so assuming its TXT changed nothing.',
    ]);
  });
});
