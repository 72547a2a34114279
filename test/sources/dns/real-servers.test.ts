// Against servers of another make: NSD as the authority, Unbound as a validating resolver in front of it.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DnsFailure } from '../../../src/sources/dns/answer.ts';
import { createResolver, type Resolver } from '../../../src/sources/dns/resolver.ts';
import type { Daemon } from '../../dns-server/daemon.ts';
import { dkimKey, txtData, txtStrings } from '../../dns-server/dkim-zone.ts';
import { findProgram } from '../../dns-server/installed.ts';
import { startNsd, zoneHead } from '../../dns-server/nsd.ts';
import { startUnbound } from '../../dns-server/unbound.ts';

const nsdProgram = findProgram('nsd', 'the client is not tested against NSD');
const unboundProgram = findProgram('unbound', 'the client is not tested against Unbound');

const key2048 = dkimKey(2048);
const key4096 = dkimKey(4096);
const target = 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com';

const zones = {
  'contoso.com': `${zoneHead('contoso.com')}
selector1._domainkey IN CNAME ${target}.
selector2._domainkey IN CNAME selector2-contoso-com._domainkey.contoso.onmicrosoft.com.
large._domainkey IN TXT ${txtData(key4096)}
loop1 IN CNAME loop2
loop2 IN CNAME loop1
lame IN NS ns1
away IN CNAME selector1.silent.example.
`,
  'contoso.onmicrosoft.com': `${zoneHead('contoso.onmicrosoft.com')}
selector1-contoso-com._domainkey IN TXT ${txtData(key2048)}
`,
  // Unsigned, while the resolver is told to expect signatures.
  'bogus.example': `${zoneHead('bogus.example')}
selector1._domainkey IN TXT ${txtData(key2048)}
`,
};

const failure = (asked: Promise<unknown>): Promise<DnsFailure> =>
  asked.then(
    () => expect.fail('answered'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(DnsFailure);
      return error as DnsFailure;
    },
  );

describe.runIf(nsdProgram)('NSD', () => {
  let nsd: Daemon;
  let resolver: Resolver;
  beforeAll(async () => {
    nsd = await startNsd(nsdProgram ?? '', zones);
    resolver = createResolver({ address: nsd.address });
  });
  afterAll(async () => {
    resolver?.close();
    await nsd?.close();
  });

  it('a 2,048-bit key behind a CNAME comes in one UDP answer', async () => {
    const answer = await resolver.query('selector1._domainkey.contoso.com', 'TXT');
    expect(answer).toMatchObject({ transport: 'udp', authoritative: true, recursionAvailable: false });
    expect(answer.answers).toMatchObject([
      { type: 'CNAME', data: target },
      { type: 'TXT', data: txtStrings(key2048) },
    ]);
  });

  it('a 4,096-bit key fits as well', async () => {
    const answer = await resolver.query('large._domainkey.contoso.com', 'TXT');
    expect(answer.answers).toMatchObject([{ data: txtStrings(key4096) }]);
  });

  it('tells "no such name", "no such record" and a zone it does not have apart', async () => {
    expect(await resolver.query('missing.contoso.com', 'TXT')).toMatchObject({
      rcode: 'NXDOMAIN',
      answers: [],
      negativeTtl: 300,
    });
    expect(await resolver.query('_domainkey.contoso.com', 'TXT')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(await failure(resolver.query('fabrikam.com', 'TXT'))).toMatchObject({ reason: 'refused', rcode: 'REFUSED' });
  });

  it('CNAMEs in a circle', async () => {
    expect(await failure(resolver.query('loop1.contoso.com', 'TXT'))).toMatchObject({ reason: 'loop' });
  });
});

describe.runIf(nsdProgram && unboundProgram)('Unbound in front of NSD', () => {
  let nsd: Daemon;
  let unbound: Daemon;
  let silent: Socket;
  let resolver: Resolver;
  beforeAll(async () => {
    silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    nsd = await startNsd(nsdProgram ?? '', zones);
    unbound = await startUnbound(unboundProgram ?? '', {
      zones: {
        'contoso.com': nsd.address,
        'contoso.onmicrosoft.com': nsd.address,
        'bogus.example': nsd.address,
        // A lame delegation: the server named for the zone does not have it.
        'lame.example': nsd.address,
        'silent.example': `127.0.0.1:${silent.address().port}`,
      },
      trustAnchors: ['bogus.example. IN DS 12345 8 2 0000000000000000000000000000000000000000000000000000000000000000'],
    });
    resolver = createResolver({ address: unbound.address, timeouts: [400, 400] });
  });
  afterAll(async () => {
    resolver?.close();
    silent?.close();
    await unbound?.close();
    await nsd?.close();
  });

  it('chain and key in one answer', async () => {
    const answer = await resolver.query('selector1._domainkey.contoso.com', 'TXT');
    expect(answer).toMatchObject({ recursionAvailable: true, authoritative: false, authenticated: false });
    expect(answer.answers).toMatchObject([
      { type: 'CNAME', data: target },
      { type: 'TXT', data: txtStrings(key2048) },
    ]);
  });

  it('a CNAME whose target does not exist is NXDOMAIN with the CNAME', async () => {
    expect(await resolver.query('selector2._domainkey.contoso.com', 'TXT')).toMatchObject({
      rcode: 'NXDOMAIN',
      answers: [{ type: 'CNAME' }],
    });
  });

  it('an answer that fails validation and a lame delegation are SERVFAIL, never "missing"', async () => {
    for (const name of ['selector1._domainkey.bogus.example', 'selector1._domainkey.lame.example']) {
      const failed = await failure(resolver.query(name, 'TXT'));
      expect(failed.message).toBe(`SERVFAIL from ${unbound.address} (TXT ${name}).`);
      expect(failed).toMatchObject({ reason: 'servfail', tries: 1 });
    }
  });

  it('a zone whose server is silent is a time-out', async () => {
    expect(await failure(resolver.query('selector1.silent.example', 'TXT'))).toMatchObject({
      reason: 'timeout',
      tries: 2,
    });
  });
});

describe.runIf(nsdProgram)('truncation by NSD', () => {
  it('an answer over 1,232 bytes comes over TCP', async () => {
    const many = Array.from({ length: 4 }, () => dkimKey(2048));
    const text = many.map((key) => `many IN TXT ${txtData(key)}\n`).join('');
    const nsd = await startNsd(nsdProgram ?? '', { 'contoso.com': `${zoneHead('contoso.com')}${text}` });
    const resolver = createResolver({ address: nsd.address });
    try {
      const answer = await resolver.query('many.contoso.com', 'TXT');
      expect(answer.transport).toBe('tcp');
      expect(answer.answers.map(({ data }) => data)).toEqual(expect.arrayContaining(many.map(txtStrings)));
    } finally {
      resolver.close();
      await nsd.close();
    }
  });
});
