import { afterEach, describe, expect, it } from 'vitest';
import { type FactSet, type FactSetOf, type Gathered, known, noFacts } from '../../../src/domain/fact-set.ts';
import { gather } from '../../../src/domain/gather.ts';
import { judge } from '../../../src/domain/judge.ts';
import { dkim } from '../../../src/evaluations/dkim/index.ts';
import type { MailDomainFacts } from '../../../src/facts/mail-domain/index.ts';
import type { SelectorCname, SelectorKey } from '../../../src/facts/mail-domain/selector.ts';
import type { SigningConfigurationRow } from '../../../src/facts/mail-domain/signing-configuration.ts';
import { mailDomain } from '../../../src/facts/mail-domain/subject.ts';
import {
  createZone,
  type DnsServer,
  type ServerRole,
  startDnsServer,
  type Zone,
  type ZoneRecord,
} from '../../../src/local/dns-server.ts';
import { mailDomainSources } from '../../../src/sources/bindings/dkim/sources.ts';
import { createResolverPool, type ResolverAddresses } from '../../../src/sources/dns/resolvers.ts';
import { dkimKey } from '../../dns-server/dkim-zone.ts';

const now = new Date('2026-11-24T09:30:00Z');
const domain = 'contoso.com';
const name = (selector: string) => `${selector}._domainkey.${domain}`;
const target = (selector: string) => `${selector}-contoso-com._domainkey.contoso.onmicrosoft.com`;

const keys = { selector1: dkimKey(2048), selector2: dkimKey(2048) };
const otherKey = dkimKey(2048);

/** `selector1` signs, `selector2` is passive. */
const row: SigningConfigurationRow = {
  domain,
  enabled: true,
  status: 'Valid',
  keyCreationTime: '2026-03-02T08:14:40.706Z',
  rotateOnDate: '2026-03-06T08:14:40.706Z',
  selectorBeforeRotateOnDate: 'selector2',
  selectorAfterRotateOnDate: 'selector1',
  selectors: {
    selector1: { cname: `${target('selector1').replace('contoso.on', 'CONTOSO.on')}.`, publicKey: keys.selector1 },
    selector2: { cname: target('selector2'), publicKey: keys.selector2 },
  },
};

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const txt = (text: string): ZoneRecord => ({ type: 'TXT', data: text.match(/.{1,255}/gs) ?? [''] });
const cname = (data: string, ttl = 3600): ZoneRecord => ({ type: 'CNAME', data, ttl });

/** Both selectors as they should be, then whatever the test changes. */
async function server(change: (zone: Zone) => void = () => {}, role: ServerRole = 'resolver'): Promise<DnsServer> {
  const zone = createZone();
  for (const selector of ['selector1', 'selector2'] as const) {
    zone.set(name(selector), cname(target(selector)));
    zone.set(target(selector), txt(keys[selector]));
  }
  change(zone);
  const started = await startDnsServer({ zone, role });
  cleanups.push(() => started.close());
  return started;
}

const configuredAs = (value: SigningConfigurationRow): FactSet => ({
  facts: {
    'signing-configuration': known({ state: 'configured', row: value }, 'dkim.json', '2026-11-24T09:00:00Z'),
  },
  parts: {},
});

/** Looks with real sockets, and judges what was found. */
async function look(
  resolvers: readonly string[] | ResolverAddresses,
  { supplied = configuredAs(row), subject = { kind: 'mail-domain', id: domain } as object } = {},
) {
  const pool = createResolverPool(resolvers, { timeouts: [150], pauseMs: 10 });
  cleanups.push(() => pool.close());
  const sources = mailDomainSources({ resolvers: pool, tenantLists: undefined, graph: undefined });
  const parsed = mailDomain.parse(subject);
  const facts = await gather(dkim, parsed, sources, { now, supplied });
  const run = judge(dkim, parsed, facts, { now });
  const { parts } = facts as FactSetOf<MailDomainFacts>;
  const of = (selector: string) => ({
    cname: parts.selector?.[selector]?.['selector-cname'],
    key: parts.selector?.[selector]?.['selector-key'],
  });
  return {
    run,
    of,
    failed: run.findings.filter(({ verdict }) => verdict === 'fail').map(({ rule, target }) => `${rule} ${target}`),
    finding: (rule: string) => run.findings.find((one) => one.rule === rule),
  };
}

function value<T>(gathered: Gathered<T> | undefined): T {
  if (gathered?.status !== 'known') return expect.fail(`not known: ${JSON.stringify(gathered)}`);
  return gathered.value;
}
const cnameOf = (seen: { cname: Gathered<unknown> | undefined }) => value(seen.cname as Gathered<SelectorCname>);
const keyOf = (seen: { key: Gathered<unknown> | undefined }) => value(seen.key as Gathered<SelectorKey>);

describe('a healthy domain', () => {
  it('costs one query for each selector, and no second opinion', async () => {
    const [first, second] = await Promise.all([server(), server()]);
    const { run, of, failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual([]);
    expect(run.answers).toEqual({ 'verifiable-now': 'yes', 'verifiable-after-rotation': 'yes' });
    expect(first.statistics()).toMatchObject({ udp: 2, tcp: 0 });
    expect(second.statistics()).toMatchObject({ udp: 0, tcp: 0 });
    expect(cnameOf(of('selector1'))).toMatchObject({
      outcome: 'cname',
      chain: [{ name: name('selector1'), target: target('selector1'), ttl: 3600 }],
    });
    expect(keyOf(of('selector1'))).toMatchObject({
      owner: target('selector1'),
      outcome: 'records',
      sameAsConfigured: true,
      records: [{ text: keys.selector1, ttl: 3600 }],
      asked: [{ name: name('selector1'), type: 'TXT', resolver: first.address, outcome: 'NOERROR' }],
    });
  });

  it.each([
    ['no key behind the passive selector', (zone: Zone) => zone.delete(target('selector2'))],
    ['an old key behind the passive selector', (zone: Zone) => zone.set(target('selector2'), txt(otherKey))],
    ['a revoked key behind the passive selector', (zone: Zone) => zone.set(target('selector2'), txt('v=DKIM1; p='))],
  ])('needs no confirmation for %s', async (_, change) => {
    const [first, second] = await Promise.all([server(change), server()]);
    const { failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual([]);
    expect(first.statistics().udp).toBe(2);
    expect(second.statistics().udp).toBe(0);
  });

  it('may write its key in another way', async () => {
    const spelt = keys.selector1.replace('v=DKIM1; ', '').replace(/;$/, '');
    const only = await server((zone) => zone.set(target('selector1'), txt(spelt)));
    const { failed, of } = await look([only.address]);
    expect(failed).toEqual([]);
    expect(keyOf(of('selector1')).sameAsConfigured).toBe(true);
    expect(only.statistics().udp).toBe(2);
  });

  it('may have a key that is too long for UDP', async () => {
    const only = await server((zone) => zone.misbehave(target('selector1'), 'truncate', txt(keys.selector1)));
    const { failed } = await look([only.address]);
    expect(failed).toEqual([]);
    expect(only.statistics()).toMatchObject({ udp: 2, tcp: 1 });
  });
});

describe('a key that is missing at Microsoft', () => {
  const gone = (zone: Zone) => zone.delete(target('selector1'));

  it('is confirmed by a second resolver and named with owner and support case', async () => {
    const [first, second] = await Promise.all([server(gone), server(gone)]);
    const { finding, failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual(['dkim/active-key-published selector1']);
    const found = finding('dkim/active-key-published');
    expect(found).toMatchObject({
      owner: 'microsoft',
      severity: 'critical',
      message: `The active selector selector1 of ${domain} has no key: the CNAME is right, but in Microsoft's DNS the name does not exist (${target('selector1')}). Receivers cannot verify what is signed now.`,
      evidence: [{ observed: `NXDOMAIN from ${first.address} and ${second.address}` }],
    });
    expect(found?.supportCase).toContain(`${name('selector1')} CNAME ${target('selector1')} (TTL 3600 s)`);
    for (const { address } of [first, second])
      expect(found?.supportCase).toContain(`${name('selector1')} TXT @${address}: NXDOMAIN`);
    expect(second.statistics().udp).toBe(1);
  });

  it('is asked again where there is one resolver only, and the evidence says so', async () => {
    const only = await server(gone);
    const { finding } = await look([only.address]);
    expect(finding('dkim/active-key-published')).toMatchObject({
      verdict: 'fail',
      evidence: [{ observed: `NXDOMAIN from ${only.address}, asked twice` }],
    });
    expect(only.statistics().udp).toBe(3);
  });

  it('is not known when the resolvers disagree', async () => {
    const [first, second] = await Promise.all([server(gone), server()]);
    const { run, of, failed, finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual([]);
    expect(run.answers).toEqual({ 'verifiable-now': 'undetermined', 'verifiable-after-rotation': 'yes' });
    expect(cnameOf(of('selector1')).outcome).toBe('cname');
    expect(finding('dkim/active-key-published')?.message).toBe(
      `Could not look: key record of the selector: not enough to go by (the resolvers disagree about ${name('selector1')}: ${first.address} says NXDOMAIN behind a CNAME to ${target('selector1')}, ${second.address} says 1 TXT record).`,
    );
  });

  it('is not known when the second resolver cannot find out', async () => {
    const [first, second] = await Promise.all([
      server(gone),
      server((zone) => zone.misbehave(target('selector1'), 'servfail')),
    ]);
    const { failed, of, finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual([]);
    expect(cnameOf(of('selector1')).outcome).toBe('cname');
    expect(of('selector1').key).toMatchObject({ status: 'unobtainable', reason: 'insufficient' });
    expect(finding('dkim/active-key-published')?.message).toContain('which could not be confirmed');
  });

  it('is there for neither of two resolvers that differ about empty names', async () => {
    const [first, second] = await Promise.all([server(gone), server((zone) => zone.set(target('selector1')))]);
    const { failed, finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual(['dkim/active-key-published selector1']);
    expect(finding('dkim/active-key-published')?.message).toContain('the name has no TXT record');
    expect(finding('dkim/active-key-published')?.evidence[0]?.observed).toBe(
      `NXDOMAIN from ${first.address}; NODATA from ${second.address}`,
    );
  });

  it('names the resolvers that failed before in the support case', async () => {
    const silent = await server((zone) => zone.misbehave(name('selector1'), 'timeout'));
    const [first, second] = await Promise.all([server(gone), server(gone)]);
    const { finding } = await look({
      first: [silent.address],
      secondOpinion: [first.address, second.address],
    });
    expect(finding('dkim/active-key-published')?.supportCase).toContain(
      `${name('selector1')} TXT @${silent.address}: timeout`,
    );
  });
});

describe('other keys than the right one', () => {
  it.each([
    ['another key', [txt(otherKey)], 'dkim/active-key-matches-configuration selector1'],
    ['a key and an SPF text', [txt(keys.selector1), txt('v=spf1 -all')], 'dkim/active-key-single selector1'],
    ['the same key twice', [txt(keys.selector1), txt(keys.selector1)], 'dkim/active-key-single selector1'],
    ['a revoked key', [txt('v=DKIM1; p=')], 'dkim/active-key-published selector1'],
    ['a malformed record', [txt('v=DKIM1; k=rsa; p=not*base64')], 'dkim/active-key-well-formed selector1'],
  ])('%s is confirmed and fails one rule', async (_, records, rule) => {
    const change = (zone: Zone) => zone.set(target('selector1'), ...records);
    const [first, second] = await Promise.all([server(change), server(change)]);
    const { failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual([rule]);
    expect(second.statistics().udp).toBe(1);
  });

  it('records that come in another order are the same', async () => {
    const [first, second] = await Promise.all([
      server((zone) => zone.set(target('selector1'), txt(keys.selector1), txt('v=spf1 -all'))),
      server((zone) => zone.set(target('selector1'), txt('v=spf1 -all'), txt(keys.selector1))),
    ]);
    const { failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual(['dkim/active-key-single selector1']);
  });

  it('strings of one record are joined without a separator, wherever they were cut', async () => {
    const cut = [
      '',
      keys.selector1.slice(0, 5),
      '',
      keys.selector1.slice(5, 16),
      keys.selector1.slice(16, 200),
      keys.selector1.slice(200),
    ];
    const only = await server((zone) => zone.set(target('selector1'), { type: 'TXT', data: cut }));
    const { failed, of } = await look([only.address]);
    expect(failed).toEqual([]);
    expect(keyOf(of('selector1')).records.map(({ text }) => text)).toEqual([keys.selector1]);
  });
});

describe('the CNAME', () => {
  const both = (change: (zone: Zone) => void) => Promise.all([server(change), server(change)]);

  it('missing is the customer’s, and blocks what hangs on it', async () => {
    const [first, second] = await both((zone) => zone.delete(name('selector1')));
    const { failed, finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual(['dkim/active-cname-correct selector1']);
    expect(finding('dkim/active-cname-correct')).toMatchObject({
      owner: 'customer-dns',
      message: `${name('selector1')} does not exist as a CNAME (no such name); it should point to ${target('selector1')}. Receivers cannot verify what ${domain} signs now.`,
    });
    expect(finding('dkim/active-key-published')).toMatchObject({ blockedBy: 'dkim/active-cname-correct' });
  });

  it('that stands at the name with the zone appended twice is found there', async () => {
    const [first, second] = await both((zone) => {
      zone.delete(name('selector1'));
      zone.set(`${name('selector1')}.${domain}`, cname(target('selector1')));
    });
    const { finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(finding('dkim/active-cname-correct')?.message).toContain(
      `It stands at the name with the zone appended twice (${name('selector1')}.${domain}).`,
    );
  });

  it('is not taken for one with the zone appended twice because of a wildcard', async () => {
    const [first, second] = await both((zone) => {
      zone.delete(name('selector1'));
      zone.set(`${name('selector1')}.${domain}`, cname('parking.fabrikam.com'), txt('hello'));
    });
    const { finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(finding('dkim/active-cname-correct')?.message).not.toContain('twice');
  });

  it('with another target is told with both', async () => {
    const [first, second] = await both((zone) => zone.set(name('selector1'), cname('old.fabrikam.com')));
    const { finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(finding('dkim/active-cname-correct')?.message).toBe(
      `${name('selector1')} points to old.fabrikam.com; the signing configuration wants ${target('selector1')}. Receivers get what stands there, not what Exchange Online publishes for ${domain}.`,
    );
  });

  it.each([
    ['TXT', txt('v=DKIM1; p=')],
    ['A', { type: 'A', data: '192.0.2.1' } satisfies ZoneRecord],
  ])('replaced by a record of type %s is told so', async (type, record) => {
    const [first, second] = await both((zone) => zone.set(name('selector1'), record));
    const { finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(finding('dkim/active-cname-correct')).toMatchObject({
      verdict: 'fail',
      owner: 'customer-dns',
      message: expect.stringContaining(`${name('selector1')} holds ${type} records instead of a CNAME`),
    });
  });

  it('of the passive selector is confirmed and a fault of its own', async () => {
    const [first, second] = await both((zone) => zone.delete(name('selector2')));
    const { run, failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual(['dkim/passive-cname-correct selector2']);
    expect(run.answers).toEqual({ 'verifiable-now': 'yes', 'verifiable-after-rotation': 'no' });
  });

  it('that runs in a circle is a wrong CNAME, and the key could not be looked at', async () => {
    const [first, second] = await both((zone) => zone.misbehave(name('selector1'), 'cname-loop'));
    const { of, failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual(['dkim/active-cname-correct selector1']);
    expect(cnameOf(of('selector1')).chain[0]?.target).toBe(`loop.${name('selector1')}`);
    expect(of('selector1').key).toMatchObject({
      reason: 'malformed',
      detail: expect.stringContaining('run in a circle'),
    });
  });
});

describe('what could not be looked at', () => {
  it('a target that answers SERVFAIL leaves the CNAME known', async () => {
    const broken = (zone: Zone) => zone.misbehave(target('selector1'), 'servfail');
    const [first, second] = await Promise.all([server(broken), server(broken)]);
    const { run, of, failed, finding } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual([]);
    expect(run.answers['verifiable-now']).toBe('undetermined');
    expect(finding('dkim/active-cname-correct')?.verdict).toBe('pass');
    expect(cnameOf(of('selector1')).asked.map(({ resolver, outcome }) => [resolver, outcome])).toEqual([
      [first.address, 'SERVFAIL'],
      [second.address, 'SERVFAIL'],
    ]);
    expect(finding('dkim/active-key-published')?.message).toContain(first.address);
    expect(finding('dkim/active-key-published')?.message).toContain(second.address);
  });

  it.each([
    ['servfail', 'unreachable'],
    ['refused', 'denied'],
    ['timeout', 'timeout'],
    ['malformed', 'malformed'],
  ] as const)('%s of the domain’s own zone is %s, never a missing record', async (behaviour, reason) => {
    const only = await server((zone) => zone.misbehave(name('selector1'), behaviour));
    const { run, of, failed } = await look([only.address]);
    expect(failed).toEqual([]);
    expect(run.answers).toEqual({ 'verifiable-now': 'undetermined', 'verifiable-after-rotation': 'yes' });
    expect(of('selector1').key).toMatchObject({ status: 'unobtainable', reason, source: only.address });
    expect(of('selector1').cname).toMatchObject({ status: 'unobtainable', reason });
  });

  it('a resolver that is not there', async () => {
    const gone = await server();
    await gone.close();
    cleanups.pop();
    const { run, failed } = await look([gone.address]);
    expect(failed).toEqual([]);
    expect(run.answers).toEqual({ 'verifiable-now': 'undetermined', 'verifiable-after-rotation': 'undetermined' });
  });
});

describe('an initial domain', () => {
  const id = 'contoso.onmicrosoft.com';
  const own = (selector: string) => `${selector}-contoso-onmicrosoft-com._domainkey.${id}`;
  const supplied = configuredAs({
    ...row,
    domain: id,
    selectors: {
      selector1: { cname: own('selector1'), publicKey: keys.selector1 },
      selector2: { cname: own('selector2'), publicKey: keys.selector2 },
    },
  });

  it('holds its keys itself, without a CNAME', async () => {
    const only = await server((zone) => {
      zone.set(own('selector1'), txt(keys.selector1));
    });
    const { run, of, failed } = await look([only.address], { supplied, subject: { kind: 'mail-domain', id } });
    expect(failed).toEqual([]);
    expect(run.answers['verifiable-now']).toBe('yes');
    expect(keyOf(of('selector1'))).toMatchObject({ name: own('selector1'), owner: own('selector1') });
    expect(only.statistics().udp).toBe(2);
  });

  it('without a key is a case for Microsoft', async () => {
    const only = await server();
    const { finding } = await look([only.address], { supplied, subject: { kind: 'mail-domain', id } });
    expect(finding('dkim/active-key-published')).toMatchObject({
      owner: 'microsoft',
      message: `The active selector selector1 of ${id} has no key: in Microsoft's DNS the name does not exist (${own('selector1')}). Receivers cannot verify what is signed now.`,
      supportCase: expect.stringContaining('s=selector1-contoso-onmicrosoft-com'),
    });
  });
});

describe('without a signing configuration', () => {
  const options = { supplied: noFacts };

  it('says yes when every named selector verifies', async () => {
    const only = await server();
    const { run } = await look([only.address], options);
    expect(run.answers).toEqual({ 'verifiable-now': 'yes', 'verifiable-after-rotation': 'yes' });
    expect(only.statistics().udp).toBe(2);
  });

  it('takes a key that another signing service publishes without a CNAME', async () => {
    const only = await server((zone) => zone.set(name('mail2026'), txt(otherKey)));
    const subject = { kind: 'mail-domain', id: domain, selectors: ['mail2026'] };
    const { run } = await look([only.address], { ...options, subject });
    expect(run.answers['verifiable-now']).toBe('yes');
    expect(only.statistics().udp).toBe(1);
  });

  it('says no when none does, confirmed', async () => {
    const change = (zone: Zone) => {
      zone.delete(name('selector1'));
      zone.delete(target('selector2'));
    };
    const [first, second] = await Promise.all([server(change), server(change)]);
    const { run, finding } = await look({ first: [first.address], secondOpinion: [second.address] }, options);
    expect(run.answers).toEqual({ 'verifiable-now': 'no', 'verifiable-after-rotation': 'no' });
    expect(finding('dkim/active-key-published')?.message).toBe(
      `No key for selector1 of ${domain}: the name does not exist (${name('selector1')}).`,
    );
  });

  it('says undetermined when some do, and what the configuration would add', async () => {
    const only = await server((zone) => zone.delete(name('selector1')));
    const { run, finding } = await look([only.address], options);
    expect(run.answers['verifiable-now']).toBe('undetermined');
    expect(finding('dkim/active-key-published')).toMatchObject({
      verdict: 'manual',
      message: `No key for selector1 of ${domain}: the name does not exist (${name('selector1')}). But selector2 does verify, and only the signing configuration says which selector is active.`,
    });
  });

  it('says undetermined when one could not be looked at', async () => {
    const only = await server((zone) => zone.misbehave(name('selector1'), 'servfail'));
    const { run } = await look([only.address], options);
    expect(run.answers['verifiable-now']).toBe('undetermined');
  });
});

/** A zone in which a wildcard answers for every name beneath `above` that does not exist (RFC 4592). */
const withWildcard =
  (above: string, ...records: ZoneRecord[]) =>
  (zone: Zone) => {
    zone.delete(name('selector1'));
    const { lookup } = zone;
    zone.lookup = (asked) => lookup(asked) ?? (asked.endsWith(`.${above}`) ? { records } : undefined);
  };

describe('ways to the right key', () => {
  const both = (change: (zone: Zone) => void) => Promise.all([server(change), server(change)]);
  const cnameFinding = async (change: (zone: Zone) => void) => {
    const [first, second] = await both(change);
    const { finding, run } = await look({ first: [first.address], secondOpinion: [second.address] });
    return { found: finding('dkim/active-cname-correct'), run };
  };

  it('a chain through another zone, as a DNAME or a vendor makes it, is right and costs one query', async () => {
    const [first, second] = await both((zone) => {
      zone.set(name('selector1'), cname('selector1._domainkey.contoso.net', 0));
      zone.set('selector1._domainkey.contoso.net', cname(target('selector1')));
    });
    const { finding, failed } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(failed).toEqual([]);
    expect(finding('dkim/active-cname-correct')?.message).toBe(
      `${name('selector1')} leads to ${target('selector1')} by way of selector1._domainkey.contoso.net.`,
    );
    expect([first.statistics().udp, second.statistics().udp]).toEqual([2, 0]);
  });

  it('a chain that ends in SERVFAIL behind a vendor is followed to the configured target', async () => {
    const change = (zone: Zone) => {
      zone.set(name('selector1'), cname('dkim.fabrikam.com'));
      zone.set('dkim.fabrikam.com', cname(target('selector1')));
      zone.misbehave(target('selector1'), 'servfail');
    };
    const { found, run } = await cnameFinding(change);
    expect(found?.verdict).toBe('pass');
    expect(run.answers['verifiable-now']).toBe('undetermined');
  });

  it('the right key without the CNAME is a risk of the next rotation only', async () => {
    const { found, run } = await cnameFinding((zone) => zone.set(name('selector1'), txt(keys.selector1)));
    expect(run.answers).toEqual({ 'verifiable-now': 'yes', 'verifiable-after-rotation': 'no' });
    expect(found).toMatchObject({ verdict: 'fail', severity: 'medium', owner: 'customer-dns' });
    expect(found?.message).toContain('flattens the CNAME, or somebody copied the key by hand');
  });

  it('two CNAMEs are told apart from a wrong one', async () => {
    const { found } = await cnameFinding((zone) =>
      zone.set(name('selector1'), cname('old.fabrikam.com'), cname(target('selector1'))),
    );
    expect(found?.message).toContain(`has 2 CNAMEs (${'old.fabrikam.com'} and ${target('selector1')})`);
    expect(found?.remedy).toBe(
      `Delete the CNAME to old.fabrikam.com at ${name('selector1')}; keep the one to ${target('selector1')}.`,
    );
  });

  it.each([
    ['TXT', [txt('v=spf1 -all')], `answers for it with TXT records`],
    ['CNAME', [cname('parking.fabrikam.com')], 'answers for it with a CNAME to parking.fabrikam.com'],
  ])('a wildcard %s is named, and stays', async (_, records, words) => {
    const { found } = await cnameFinding(withWildcard(domain, ...records));
    expect(found?.message).toContain(
      `${name('selector1')} has no record of its own: the wildcard *.${domain} ${words}`,
    );
    expect(found?.remedy).toContain('takes precedence over the wildcard (RFC 4592)');
  });

  it('a zone that was appended to the target is named', async () => {
    const { found } = await cnameFinding((zone) =>
      zone.set(name('selector1'), cname(`${target('selector1')}.${domain}`)),
    );
    expect(found?.message).toContain(`the zone ${domain} was appended to the right target`);
  });

  it('IPv6 addresses alone in place of the CNAME are seen', async () => {
    const { found } = await cnameFinding((zone) => zone.set(name('selector1'), { type: 'AAAA', data: '2001:db8::1' }));
    expect(found?.message).toContain('holds AAAA records instead of a CNAME');
  });

  it('of a sub-domain may stand with the zone of the domain above it appended', async () => {
    const id = 'news.contoso.com';
    const wanted = 'selector1-news-contoso-com._domainkey.contoso.onmicrosoft.com';
    const doubled = `selector1._domainkey.${id}.${domain}`;
    const [first, second] = await both((zone) => zone.set(doubled, cname(wanted)));
    const selectors = { ...row.selectors, selector1: { cname: wanted, publicKey: keys.selector1 } };
    const { finding } = await look(
      { first: [first.address], secondOpinion: [second.address] },
      { supplied: configuredAs({ ...row, domain: id, selectors }), subject: { kind: 'mail-domain', id } },
    );
    expect(finding('dkim/active-cname-correct')?.message).toContain(`(${doubled})`);
    // The zone that denies the name is told with it, and where the other one landed is the zone that was appended.
    expect(finding('dkim/active-cname-correct')?.dns).toEqual([
      { action: 'remove', name: doubled, type: 'CNAME', zone: domain },
      { action: 'publish', name: `selector1._domainkey.${id}`, type: 'CNAME', data: wanted, zone: domain },
    ]);
  });

  it.each([
    ['TXT', txt('v=DKIM1; p=')],
    ['CNAME', cname('elsewhere.example')],
  ])('the zone of a name that has a %s is asked for', async (type, record) => {
    const { found } = await cnameFinding((zone) => zone.set(name('selector1'), record));
    expect(found?.dns?.map((change) => [change.action, change.type, change.zone])).toEqual([
      ['remove', type, domain],
      ['publish', 'CNAME', domain],
    ]);
  });

  it('a zone of its own for _domainkey is the one to write into', async () => {
    const soa = { mname: 'ns1.contoso.com', rname: 'hostmaster.contoso.com', serial: 1, minimum: 300 };
    const { found } = await cnameFinding((zone) => {
      zone.set(`_domainkey.${domain}`, { type: 'SOA', data: soa });
      zone.set(name('selector1'), cname('elsewhere.example'));
    });
    expect(found?.dns?.at(-1)?.zone).toBe(`_domainkey.${domain}`);
  });
});

describe('who was asked', () => {
  it('a server without recursion that gives the CNAME alone says nothing about the key', async () => {
    const [first, second] = await Promise.all([server(undefined, 'authoritative'), server(undefined, 'authoritative')]);
    const { run, finding, failed } = await look([first.address, second.address]);
    expect(failed).toEqual([]);
    expect(run.answers['verifiable-now']).toBe('undetermined');
    expect(finding('dkim/active-cname-correct')?.verdict).toBe('pass');
    expect(finding('dkim/active-key-published')?.message).toContain('ask a resolver that recurses, e.g. a public one');
  });

  it('a resolver that recurses is asked in its place', async () => {
    const [first, second] = await Promise.all([server(undefined, 'authoritative'), server()]);
    const { run } = await look({ first: [first.address], secondOpinion: [second.address] });
    expect(run.answers).toEqual({ 'verifiable-now': 'yes', 'verifiable-after-rotation': 'yes' });
  });

  const gone = (zone: Zone) => zone.delete(name('selector1'));

  it('a denial from a zone inside is no denial when nobody outside was asked', async () => {
    const [first, second] = await Promise.all([server(gone, 'both'), server(gone, 'both')]);
    const { run, finding, failed } = await look([first.address, second.address]);
    expect(failed).toEqual([]);
    expect(run.answers['verifiable-now']).toBe('undetermined');
    expect(finding('dkim/active-cname-correct')?.message).toContain(
      'that is what the inside sees, not what receivers get; ask a public resolver',
    );
  });

  it('what a resolver outside says counts in its place', async () => {
    const [inside, outside] = await Promise.all([server(gone, 'both'), server()]);
    const { run } = await look({ first: [inside.address], secondOpinion: [outside.address] });
    expect(run.answers).toEqual({ 'verifiable-now': 'yes', 'verifiable-after-rotation': 'yes' });
  });
});

describe('a domain that sends no mail', () => {
  const parked = 'parked.example';
  const subject = { kind: 'mail-domain', id: parked };
  const supplied = noFacts;
  const nullMx: ZoneRecord = { type: 'MX', data: { preference: 0, exchange: '.' } };

  it('is not asked about keys, with the reason', async () => {
    const change = (zone: Zone) => {
      withWildcard(`_domainkey.${parked}`, txt('v=DKIM1; p='))(zone);
      zone.set(parked, nullMx, txt('v=spf1 -all'));
    };
    const [first, second] = await Promise.all([server(change), server(change)]);
    const { run } = await look([first.address, second.address], { supplied, subject });
    expect(run.answers).toEqual({ 'verifiable-now': 'not_applicable', 'verifiable-after-rotation': 'not_applicable' });
    expect(run.findings[0]?.message).toBe(
      `${parked} is parked and sends no mail: the wildcard *._domainkey.${parked} revokes every selector (empty p=), its MX record names no host (null MX, RFC 7505) and its SPF record lets nobody send (v=spf1 -all).`,
    );
  });

  it('is one only where two signs agree', async () => {
    const change = (zone: Zone) => zone.set(parked, nullMx);
    const [first, second] = await Promise.all([server(change), server(change)]);
    const { run } = await look([first.address, second.address], { supplied, subject });
    expect(run.answers['verifiable-now']).toBe('no');
  });
});
