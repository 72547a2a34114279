import { afterEach, describe, expect, it } from 'vitest';
import { createZone, type DnsServer, startDnsServer, type Zone } from '../../../src/local/dns-server.ts';
import { DnsFailure } from '../../../src/sources/dns/answer.ts';
import {
  createResolverPool,
  defaultResolvers,
  type ResolverAddresses,
  type ResolverPool,
} from '../../../src/sources/dns/resolvers.ts';

const name = 'selector1._domainkey.contoso.com';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function server(fill: (zone: Zone) => void = () => {}): Promise<DnsServer> {
  const zone = createZone();
  fill(zone);
  const started = await startDnsServer({ zone });
  cleanups.push(() => started.close());
  return started;
}

function pool(addresses: readonly string[] | ResolverAddresses): ResolverPool {
  const created = createResolverPool(addresses, { timeouts: [150], pauseMs: 10 });
  cleanups.push(() => created.close());
  return created;
}

const hasKey = (zone: Zone): void => zone.set(name, { type: 'TXT', data: ['v=DKIM1; p='] });
const failure = (asked: Promise<unknown>): Promise<DnsFailure> =>
  asked.then(
    () => expect.fail('answered'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(DnsFailure);
      return error as DnsFailure;
    },
  );

describe('ask', () => {
  it.each(['servfail', 'refused', 'timeout'] as const)(
    'goes on to the next resolver on %s and says so',
    async (behaviour) => {
      const broken = await server((zone) => zone.misbehave(name, behaviour));
      const good = await server(hasKey);
      const answer = await pool({ first: [broken.address], secondOpinion: [good.address] }).ask(name, 'TXT');
      expect(answer).toMatchObject({ rcode: 'NOERROR', resolver: good.address });
      expect(answer.failedBefore).toMatchObject([{ reason: behaviour, resolver: broken.address }]);
    },
  );

  it('fails with the last failure, and carries those before, when nobody answers', async () => {
    const [a, b] = await Promise.all([
      server((zone) => zone.misbehave(name, 'servfail')),
      server((zone) => zone.misbehave(name, 'refused')),
    ]);
    const failed = await failure(pool({ first: [a.address], secondOpinion: [b.address] }).ask(name, 'TXT'));
    expect(failed).toMatchObject({ reason: 'refused', resolver: b.address });
    expect(failed.failedBefore).toMatchObject([{ reason: 'servfail', resolver: a.address }]);
  });

  it('spreads names over the first resolvers, each name always to the same', async () => {
    const servers = await Promise.all([server(), server()]);
    const asked = pool(servers.map(({ address }) => address));
    const whoFor = async (round: number) => {
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => asked.ask(`s${i}.contoso.com`, 'TXT')));
      expect(answers, `round ${round}`).toHaveLength(40);
      return answers.map(({ resolver }) => resolver);
    };
    const first = await whoFor(1);
    expect(await whoFor(2)).toEqual(first);
    for (const { statistics } of servers) expect(statistics().udp).toBeGreaterThan(20);
  });

  it('passes a silent resolver over after three time-outs, but never leaves it out', async () => {
    const silent = await server((zone) => {
      for (let i = 0; i < 10; i++) zone.misbehave(`s${i}.contoso.com`, 'timeout');
    });
    const good = await server();
    const asked = pool({ first: [silent.address], secondOpinion: [good.address] });
    for (let i = 0; i < 6; i++) expect((await asked.ask(`s${i}.contoso.com`, 'TXT')).resolver).toBe(good.address);
    expect(silent.statistics().udp).toBe(3);
    await good.close();
    cleanups.splice(cleanups.length - 2, 1);
    expect((await asked.ask('other.contoso.com', 'TXT')).resolver).toBe(silent.address);
  });

  it('an abort is no failure of a resolver', async () => {
    const silent = await server((zone) => zone.misbehave(name, 'timeout'));
    const good = await server(hasKey);
    const asked = pool({ first: [silent.address], secondOpinion: [good.address] });
    await expect(asked.ask(name, 'TXT', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(good.statistics().udp).toBe(0);
  });
});

describe('confirm', () => {
  it('asks another resolver than the first', async () => {
    const [a, b] = await Promise.all([server(), server()]);
    const asked = pool([a.address, b.address]);
    const first = await asked.ask(name, 'TXT');
    const second = await asked.confirm(name, 'TXT', first);
    expect([first.resolver, second.resolver].sort()).toEqual([a.address, b.address].sort());
    expect([first.rcode, second.rcode]).toEqual(['NXDOMAIN', 'NXDOMAIN']);
  });

  it('asks the only resolver again', async () => {
    const only = await server();
    const asked = pool([only.address]);
    const first = await asked.ask(name, 'TXT');
    expect(await asked.confirm(name, 'TXT', first)).toMatchObject({ rcode: 'NXDOMAIN', resolver: only.address });
    expect(only.statistics().udp).toBe(2);
  });

  it('asks the first again where the others cannot be reached, and says who they were', async () => {
    const good = await server();
    const silent = await server((zone) => zone.misbehave(name, 'timeout'));
    const asked = pool({ first: [good.address], secondOpinion: [silent.address] });
    const second = await asked.confirm(name, 'TXT', await asked.ask(name, 'TXT'));
    expect(second).toMatchObject({
      resolver: good.address,
      failedBefore: [{ reason: 'timeout', resolver: silent.address }],
    });
  });

  it('does not settle for the first one where another could not find out', async () => {
    const good = await server();
    const failing = await server((zone) => zone.misbehave(name, 'servfail'));
    const asked = pool({ first: [good.address], secondOpinion: [failing.address] });
    const first = await asked.ask(name, 'TXT');
    expect(await failure(asked.confirm(name, 'TXT', first))).toMatchObject({
      reason: 'servfail',
      resolver: failing.address,
    });
  });

  it('nor where the one that could not find out was asked before', async () => {
    const failing = await server((zone) => zone.misbehave(name, 'servfail'));
    const good = await server();
    const asked = pool({ first: [failing.address], secondOpinion: [good.address] });
    const first = await asked.ask(name, 'TXT');
    expect(first).toMatchObject({ rcode: 'NXDOMAIN', resolver: good.address });
    expect(await failure(asked.confirm(name, 'TXT', first))).toMatchObject({
      reason: 'servfail',
      resolver: failing.address,
    });
  });

  it('hears when the second resolver sees it differently', async () => {
    const [without, with_] = await Promise.all([server(), server(hasKey)]);
    const asked = pool({ first: [without.address], secondOpinion: [with_.address] });
    const first = await asked.ask(name, 'TXT');
    expect(first.rcode).toBe('NXDOMAIN');
    expect(await asked.confirm(name, 'TXT', first)).toMatchObject({ rcode: 'NOERROR', resolver: with_.address });
  });
});

describe('zones with resolvers of their own', () => {
  const elsewhere = 'selector1._domainkey.fabrikam.com';

  it('are asked of those alone, and no other name is', async () => {
    const [others, inside] = await Promise.all([
      server((zone) => zone.set(elsewhere, { type: 'TXT', data: ['others'] })),
      server(hasKey),
    ]);
    const zones = [{ resolvers: [inside.address], zones: ['Contoso.com.', 'adatum.com'] }];
    const asked = pool({ first: [others.address], secondOpinion: [], zones });
    expect(await asked.ask(name, 'TXT')).toMatchObject({ rcode: 'NOERROR', resolver: inside.address });
    expect(await asked.ask('contoso.com', 'TXT')).toMatchObject({ rcode: 'NOERROR', resolver: inside.address });
    const first = await asked.ask('adatum.com', 'TXT');
    expect(first).toMatchObject({ rcode: 'NXDOMAIN', resolver: inside.address });
    expect(await asked.confirm('adatum.com', 'TXT', first)).toMatchObject({ resolver: inside.address });
    expect(await asked.ask(elsewhere, 'TXT')).toMatchObject({ rcode: 'NOERROR', resolver: others.address });
    expect(await asked.ask('notcontoso.com', 'TXT')).toMatchObject({ rcode: 'NXDOMAIN', resolver: others.address });
    expect(Object.keys(asked.statistics()).sort()).toEqual([others.address, inside.address].sort());
  });

  it('fall back on nobody: what their resolver does not tell is not known', async () => {
    const others = await server(hasKey);
    const silent = await server((zone) => zone.misbehave(name, 'timeout'));
    const zones = [{ resolvers: [silent.address], zones: ['contoso.com'] }];
    const failed = await failure(pool({ first: [others.address], secondOpinion: [], zones }).ask(name, 'TXT'));
    expect(failed).toMatchObject({ reason: 'timeout', resolver: silent.address });
    expect(others.statistics().udp).toBe(0);
  });

  it('lie in others: the longest name counts', async () => {
    const [wide, narrow] = await Promise.all([server(), server()]);
    const zones = [
      { resolvers: [narrow.address], zones: ['eu.contoso.com'] },
      { resolvers: [wide.address], zones: ['contoso.com'] },
    ];
    const asked = pool({ first: ['127.0.0.1:1'], secondOpinion: [], zones });
    expect(await asked.ask('bern.eu.contoso.com', 'TXT')).toMatchObject({ resolver: narrow.address });
    expect(await asked.ask('us.contoso.com', 'TXT')).toMatchObject({ resolver: wide.address });
  });
});

describe('defaultResolvers', () => {
  it("takes the system's first and public ones as second opinion", () => {
    expect(defaultResolvers({}, ['192.0.2.53', '9.9.9.9'])).toEqual({
      first: ['192.0.2.53', '9.9.9.9'],
      secondOpinion: ['1.1.1.1', '8.8.8.8'],
    });
  });

  it("takes Azure's own in Azure where the system names none, and the virtual network's where it does", () => {
    const azure = { WEBSITE_INSTANCE_ID: 'x' };
    expect(defaultResolvers(azure, []).first).toEqual(['168.63.129.16']);
    expect(defaultResolvers(azure, ['192.0.2.53']).first).toEqual(['192.0.2.53']);
  });

  it('takes the public ones alone where the system names none', () => {
    expect(defaultResolvers({}, [])).toEqual({ first: ['1.1.1.1', '9.9.9.9', '8.8.8.8'], secondOpinion: [] });
  });
});

it('needs at least one resolver', () => {
  expect(() => createResolverPool([])).toThrow('No resolver is given; at least one address is needed.');
});
