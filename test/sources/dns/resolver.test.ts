import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, describe, expect, it } from 'vitest';
import {
  createZone,
  type DnsServer,
  type DnsServerOptions,
  startDnsServer,
  type Zone,
} from '../../../src/local/dns-server.ts';
import { DnsFailure, type QueryType } from '../../../src/sources/dns/answer.ts';
import { createResolver, type Resolver, type ResolverOptions } from '../../../src/sources/dns/resolver.ts';
import { dkimKey, txtStrings } from '../../dns-server/dkim-zone.ts';

const name = 'selector1._domainkey.contoso.com';
const target = 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com';

const cleanups: (() => void | Promise<void>)[] = [];
// Behind all of them, because some run beside each other.
afterAll(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function server(fill: (zone: Zone) => void, options: Partial<DnsServerOptions> = {}): Promise<DnsServer> {
  const zone = createZone();
  fill(zone);
  const started = await startDnsServer({ zone, ...options });
  cleanups.push(() => started.close());
  return started;
}

function resolver(address: string, options: Partial<ResolverOptions> = {}): Resolver {
  const created = createResolver({ address, timeouts: [200, 200], ...options });
  cleanups.push(() => created.close());
  return created;
}

async function failure(asked: Promise<unknown>): Promise<DnsFailure> {
  const said = await asked.then(
    (answer) => new Error(`answered: ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  );
  expect(said).toBeInstanceOf(DnsFailure);
  return said as DnsFailure;
}

/** A UDP server that answers by hand. */
async function byHand(
  answer: (query: Buffer, send: (message: Buffer) => void, socket: Socket) => void,
): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    answer(query, (message) => socket.send(message, from.port, from.address), socket);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  cleanups.push(() => void socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

/** A reply that repeats the question of the query and carries nothing else. */
function emptyReply(query: Buffer, flags = 0x8180): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const reply = Buffer.from(query.subarray(0, end));
  reply.writeUInt16BE(flags, 2);
  reply.fill(0, 6, 12);
  return reply;
}

describe('answers', () => {
  it('one TXT query brings CNAME, key, TTLs, rcode and who said so', async () => {
    const key = dkimKey(2048);
    const { address } = await server((zone) => {
      zone.set(name, { type: 'CNAME', data: target, ttl: 300 });
      zone.set(target, { type: 'TXT', data: txtStrings(key) });
    });
    const asked = resolver(address);
    const answer = await asked.query(name, 'TXT');
    expect(answer).toMatchObject({
      name,
      type: 'TXT',
      rcode: 'NOERROR',
      authenticated: false,
      authoritative: false,
      resolver: address,
      transport: 'udp',
      answers: [
        { name, type: 'CNAME', ttl: 300, data: target },
        { name: target, type: 'TXT', ttl: 3600, data: [key.slice(0, 255), key.slice(255)] },
      ],
    });
    expect(new Date(answer.at).toISOString()).toBe(answer.at);
    expect(asked.statistics()).toMatchObject({ queries: 1, answers: 1, retries: 0, tcp: 0 });
  });

  it('"no such name", "no such record" and a chain to nowhere are answers', async () => {
    const { address } = await server((zone) => {
      zone.set(name, { type: 'CNAME', data: target });
      zone.set('fabrikam.com', { type: 'A', data: '192.0.2.1' });
      zone.misbehave('gone.fabrikam.com', 'nxdomain-with-chain');
    });
    const asked = resolver(address);
    expect(await asked.query('gone.fabrikam.com', 'TXT')).toMatchObject({
      rcode: 'NXDOMAIN',
      answers: [{ type: 'CNAME', data: 'missing.gone.fabrikam.com' }],
    });
    expect(await asked.query('_domainkey.fabrikam.com', 'TXT')).toMatchObject({
      rcode: 'NXDOMAIN',
      answers: [],
      negativeTtl: 300,
    });
    expect(await asked.query('fabrikam.com', 'TXT')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(await asked.query('_domainkey.contoso.com', 'TXT')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(await asked.query(name, 'TXT')).toMatchObject({
      rcode: 'NXDOMAIN',
      answers: [{ type: 'CNAME', data: target }],
    });
  });

  it('reads the other record types', async () => {
    const { address } = await server((zone) => {
      zone.set('contoso.com', { type: 'A', data: '192.0.2.1' }, { type: 'AAAA', data: '2001:db8::1' });
      zone.set('fabrikam.com', { type: 'MX', data: { preference: 10, exchange: 'mail.fabrikam.com' } });
      zone.set('_autodiscover._tcp.contoso.com', {
        type: 'SRV',
        data: { priority: 0, weight: 5, port: 443, target: 'mail.contoso.com' },
      });
    });
    const asked = resolver(address);
    const data = async (owner: string, type: QueryType) =>
      (await asked.query(owner, type)).answers.map((record) => record.data);
    expect(await data('contoso.com', 'A')).toEqual(['192.0.2.1']);
    expect(await data('contoso.com', 'AAAA')).toEqual(['2001:db8::1']);
    expect(await data('fabrikam.com', 'MX')).toEqual([{ preference: 10, exchange: 'mail.fabrikam.com' }]);
    expect(await data('_autodiscover._tcp.contoso.com', 'SRV')).toEqual([
      { priority: 0, weight: 5, port: 443, target: 'mail.contoso.com' },
    ]);
  });

  it('a mended record is seen at once', async () => {
    const zone = createZone();
    const started = await startDnsServer({ zone });
    cleanups.push(() => started.close());
    const asked = resolver(started.address);
    expect((await asked.query(name, 'TXT')).rcode).toBe('NXDOMAIN');
    zone.set(name, { type: 'TXT', data: ['v=DKIM1; p='] });
    expect((await asked.query(name, 'TXT')).rcode).toBe('NOERROR');
    zone.delete(name);
    expect((await asked.query('_domainkey.contoso.com', 'TXT')).rcode).toBe('NXDOMAIN');
  });

  it('what does not fit into UDP comes over TCP, many on one connection', async () => {
    const key = dkimKey(4096);
    const { address } = await server(
      (zone) => {
        for (let i = 0; i < 40; i++) zone.set(`s${i}.contoso.com`, { type: 'TXT', data: txtStrings(key) });
        zone.misbehave('short.contoso.com', 'truncate', { type: 'TXT', data: ['x'] });
      },
      { truncateUdpOver: 512 },
    );
    const asked = resolver(address);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => asked.query(`s${i}.contoso.com`, 'TXT')));
    for (const { transport, answers: records } of answers) {
      expect(transport).toBe('tcp');
      expect(records).toMatchObject([{ data: txtStrings(key) }]);
    }
    expect(await asked.query('short.contoso.com', 'TXT')).toMatchObject({
      transport: 'tcp',
      answers: [{ data: ['x'] }],
    });
    expect(asked.statistics()).toMatchObject({ queries: 82, tcp: 41, truncated: 41, retries: 0 });
  });
});

describe('failures', () => {
  const rcodes = ['servfail', 'refused'] as const;
  it.each(rcodes)('%s is a failure, at once', async (behaviour) => {
    const { address } = await server((zone) => zone.misbehave(name, behaviour));
    const failed = await failure(resolver(address).query(name, 'TXT'));
    const rcode = behaviour.toUpperCase();
    expect(failed).toMatchObject({ reason: behaviour, rcode, resolver: address, tries: 1, answers: [] });
    expect(failed.message).toBe(`${rcode} from ${address} (TXT ${name}).`);
  });

  it('SERVFAIL behind a CNAME carries the CNAME', async () => {
    const { address } = await server((zone) => {
      zone.set(name, { type: 'CNAME', data: target });
      zone.misbehave(target, 'servfail');
    });
    expect(await failure(resolver(address).query(name, 'TXT'))).toMatchObject({
      reason: 'servfail',
      answers: [{ name, type: 'CNAME', data: target }],
    });
  });

  it('silence is a time-out after all tries', async () => {
    const { address } = await server((zone) => zone.misbehave(name, 'timeout'));
    const asked = resolver(address);
    const failed = await failure(asked.query(name, 'TXT'));
    expect(failed.message).toBe(`No answer from ${address} to 2 queries (TXT ${name}).`);
    expect(failed).toMatchObject({ reason: 'timeout', tries: 2, rcode: undefined });
    expect(asked.statistics()).toMatchObject({ queries: 2, retries: 1, timeouts: 2, failures: 1 });
  });

  it('a malformed answer is asked for again over TCP, then it is malformed', async () => {
    const { address } = await server((zone) => zone.misbehave(name, 'malformed'));
    const asked = resolver(address);
    const failed = await failure(asked.query(name, 'TXT'));
    expect(failed.reason).toBe('malformed');
    expect(failed.message).toBe(`${address} answered with something that is no DNS message (TXT ${name}).`);
    expect(asked.statistics()).toMatchObject({ malformed: 2, tcp: 1 });
  });

  it('CNAMEs in a circle are told apart, whether the server minds or not', async () => {
    const { address } = await server((zone) => {
      zone.misbehave('a.contoso.com', 'cname-loop');
      zone.set('b.contoso.com', { type: 'CNAME', data: 'c.contoso.com' });
      zone.set('c.contoso.com', { type: 'CNAME', data: 'b.contoso.com' });
    });
    const asked = resolver(address);
    for (const [owner, rcode] of [
      ['a.contoso.com', 'NOERROR'],
      ['b.contoso.com', 'SERVFAIL'],
    ] as const) {
      const failed = await failure(asked.query(owner, 'TXT'));
      expect(failed).toMatchObject({ reason: 'loop', rcode, answers: [{ name: owner }, {}] });
      expect(failed.message).toBe(`The CNAME records from ${address} run in a circle (TXT ${owner}).`);
    }
  });

  it('a port where nobody listens is unreachable, without waiting for time-outs', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const address = `127.0.0.1:${socket.address().port}`;
    socket.close();
    const failed = await failure(resolver(address, { timeouts: [60_000, 60_000] }).query(name, 'TXT'));
    expect(failed).toMatchObject({ reason: 'unreachable', tries: 2 });
    expect(failed.message).toBe(`${address} cannot be reached (ECONNREFUSED) (TXT ${name}).`);
  });

  it('a name that is none is not sent', async () => {
    const asked = resolver('127.0.0.1:9');
    const failed = await failure(asked.query('a..b', 'TXT'));
    expect(failed.reason).toBe('name');
    expect(failed.message).toBe(
      `'a..b' cannot be looked up: it has an empty label (two dots in a row, or one in front).`,
    );
    expect(asked.statistics().queries).toBe(0);
  });

  it('an abort rejects with its reason, queued or sent; close fails what is open', async () => {
    const { address } = await server((zone) => zone.misbehave(name, 'timeout'));
    const asked = resolver(address, { inFlight: 1, timeouts: [60_000] });
    const abort = new AbortController();
    const reasons = [asked.query(name, 'TXT', abort.signal), asked.query(name, 'TXT', abort.signal)].map((query) =>
      query.catch((error: unknown) => error),
    );
    const last = failure(asked.query(name, 'TXT'));
    abort.abort(new Error('enough'));
    expect(await Promise.all(reasons)).toEqual([new Error('enough'), new Error('enough')]);
    asked.close();
    expect(await last).toMatchObject({ reason: 'closed' });
    expect(await failure(asked.query(name, 'TXT'))).toMatchObject({ reason: 'closed' });
  });

  it('says what a resolver address looks like', () => {
    expect(() => createResolver({ address: '9.9.9.9:dns' })).toThrow(
      "'9.9.9.9:dns' is no resolver address: 'dns' is no port number. Write an address like 9.9.9.9, 192.0.2.53:5353 or [2001:db8::53]:53, or an https:// URL for DNS over HTTPS.",
    );
    for (const address of ['', 'http://dns.example', '[192.0.2.1]:53', '1.1.1.1:0']) {
      expect(() => createResolver({ address })).toThrow('is no resolver address');
    }
    for (const address of [
      '9.9.9.9',
      '2001:db8::53',
      '[2001:db8::53]:5353',
      'localhost:53',
      'https://dns.example/dns-query',
    ]) {
      createResolver({ address }).close();
    }
  });
});

describe('a hostile network', () => {
  it('forged answers are ignored: wrong id, wrong question, queries, junk; the right one counts', async () => {
    const address = await byHand((query, send) => {
      const wrongId = emptyReply(query, 0x8183);
      wrongId.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
      const wrongQuestion = emptyReply(query, 0x8183);
      wrongQuestion[13] = 0x78;
      for (const forged of [
        wrongId,
        wrongQuestion,
        query,
        Buffer.alloc(1),
        Buffer.alloc(0),
        emptyReply(query).subarray(0, 12),
      ]) {
        send(forged);
      }
      send(emptyReply(query));
    });
    const asked = resolver(address);
    expect(await asked.query(name, 'TXT')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(asked.statistics()).toMatchObject({ queries: 1, ignored: 6 });
  });

  it('an answer from another port is not heard', async () => {
    const other = createSocket('udp4');
    cleanups.push(() => void other.close());
    const socket = createSocket('udp4');
    cleanups.push(() => void socket.close());
    socket.on('message', (query, from) => other.send(emptyReply(query, 0x8183), from.port, from.address));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const failed = await failure(resolver(`127.0.0.1:${socket.address().port}`).query(name, 'TXT'));
    expect(failed.reason).toBe('timeout');
  });

  it('ids and source ports are not to be foreseen', async () => {
    const ids: number[] = [];
    const ports = new Set<number>();
    const socket = createSocket('udp4');
    cleanups.push(() => void socket.close());
    socket.on('message', (query, from) => {
      ids.push(query.readUInt16BE(0));
      ports.add(from.port);
      socket.send(emptyReply(query), from.port, from.address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const asked = resolver(`127.0.0.1:${socket.address().port}`, { ratePerSecond: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 64; i++) await asked.query(name, 'TXT');
    expect(new Set(ids).size).toBeGreaterThan(60);
    expect(ids.filter((id, i) => id === (ids[i - 1] ?? 0) + 1).length).toBeLessThan(4);
    expect(ports.size).toBeGreaterThan(4);
  });

  it('a server that does not understand EDNS0 is asked without', async () => {
    const address = await byHand((query, send) =>
      send(emptyReply(query, query.readUInt16BE(10) === 1 ? 0x8181 : 0x8180)),
    );
    const asked = resolver(address);
    expect(await asked.query(name, 'TXT')).toMatchObject({ rcode: 'NOERROR' });
    expect(asked.statistics().queries).toBe(2);
  });

  it('a late answer still counts', async () => {
    let answerFirst: (() => void) | undefined;
    const address = await byHand((query, send) => {
      // The first query is answered when the second one has come, which itself is not.
      if (answerFirst !== undefined) answerFirst();
      else answerFirst = () => send(emptyReply(query));
    });
    const asked = resolver(address, { timeouts: [200, 5000] });
    expect(await asked.query(name, 'TXT')).toMatchObject({ rcode: 'NOERROR' });
    expect(asked.statistics()).toMatchObject({ queries: 2, late: 1, lost: 0, timeouts: 1 });
  });
});

// Beside each other: they wait more than they work.
describe.concurrent('pace', () => {
  const names = Array.from({ length: 1500 }, (_, i) => `s${i}.contoso.com`);
  const fill = (zone: Zone): void => {
    for (const owner of names) zone.set(owner, { type: 'TXT', data: [owner] });
  };
  const askAll = (asked: Resolver) =>
    Promise.all(names.map(async (owner) => (await asked.query(owner, 'TXT')).answers[0]?.data));

  it('loses nothing against a server that drops above 1,000 queries per second', async () => {
    const started = await server(fill, { dropAbovePerSecond: 1000, delayMs: 5 });
    const asked = resolver(started.address, { timeouts: [2000, 3000, 4000] });
    expect(await askAll(asked)).toEqual(names.map((owner) => [owner]));
    expect(asked.statistics().failures).toBe(0);
  });

  it('configured too fast, it slows down and still gets every answer', async () => {
    const started = await server(fill, { dropAbovePerSecond: 1000, delayMs: 5 });
    const asked = resolver(started.address, { timeouts: [400, 600, 800], ratePerSecond: 5000 });
    expect(await askAll(asked)).toEqual(names.map((owner) => [owner]));
    expect(started.statistics().dropped).toBeGreaterThan(0);
    expect(asked.statistics()).toMatchObject({ failures: 0 });
    expect(asked.statistics().slowdowns).toBeGreaterThan(0);
    expect(asked.statistics().ratePerSecond).toBeLessThan(2000);
  });

  it('dead names do not keep the others waiting', async () => {
    const { address } = await server((zone) => {
      for (let i = 0; i < 20; i++) zone.misbehave(`dead${i}.contoso.com`, 'timeout');
      for (let i = 0; i < 20; i++) zone.set(`s${i}.contoso.com`, { type: 'TXT', data: ['x'] });
    });
    const asked = resolver(address, { inFlight: 5, timeouts: [8000] });
    const dead = Array.from({ length: 20 }, (_, i) => failure(asked.query(`dead${i}.contoso.com`, 'TXT')));
    await Promise.all(Array.from({ length: 20 }, (_, i) => asked.query(`s${i}.contoso.com`, 'TXT')));
    expect(asked.statistics()).toMatchObject({ answers: 20, failures: 0, timeouts: 0 });
    asked.close();
    await Promise.all(dead);
  });

  it('holds no more questions in flight than allowed', async () => {
    let open = 0;
    let most = 0;
    const address = await byHand((query, send) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        send(emptyReply(query));
      }, 5);
    });
    const asked = resolver(address, { inFlight: 7, ratePerSecond: Number.POSITIVE_INFINITY, timeouts: [5000] });
    await Promise.all(Array.from({ length: 100 }, () => asked.query(name, 'TXT')));
    expect(most).toBeLessThanOrEqual(7);
  });
});

it('an idle resolver does not keep the process alive', async () => {
  const { address } = await server((zone) => zone.misbehave(name, 'truncate', { type: 'TXT', data: ['x'] }));
  const module = new URL('../../../src/sources/dns/resolver.ts', import.meta.url).href;
  const script = `const { createResolver } = await import('${module}');
    console.log((await createResolver({ address: '${address}' }).query('${name}', 'TXT')).transport);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(output.trim()).toBe('tcp');
});

describe('what a server says besides', () => {
  /** Answers every query over UDP alone: its own header and question with these flags, and what is appended. */
  async function udpOnly(flags: number, opt: Buffer = Buffer.alloc(0)): Promise<string> {
    const socket = createSocket('udp4');
    socket.on('message', (query, from) => {
      const header = Buffer.from(query.subarray(0, 12));
      header.writeUInt16BE(flags, 2);
      header.writeUInt16BE(opt.length > 0 ? 1 : 0, 10);
      const question = query.subarray(12, query.indexOf(0, 12) + 5);
      socket.send(Buffer.concat([header, question, opt]), from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    return `127.0.0.1:${socket.address().port}`;
  }

  it('a truncated answer where TCP is closed names TCP, so that somebody opens the port', async () => {
    const address = await udpOnly(0x8380);
    await expect(resolver(address, { timeouts: [100] }).query(name, 'TXT')).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining('over TCP, after a truncated answer over UDP: let TCP through to its port'),
    });
  });

  /** OPT record with one extended error. */
  const extended = (code: number, text: string) => {
    const data = Buffer.concat([Buffer.from([0, code]), Buffer.from(text)]);
    const option = Buffer.concat([Buffer.from([0, 15, 0, data.length]), data]);
    const opt = Buffer.concat([Buffer.from('00002904d0000000000000', 'hex'), option]);
    opt.writeUInt16BE(option.length, 9);
    return opt;
  };

  it('an extended error stands in the sentence', async () => {
    const address = await udpOnly(0x8182, extended(7, 'expired on Monday'));
    await expect(resolver(address).query(name, 'TXT')).rejects.toMatchObject({
      reason: 'servfail',
      message: `SERVFAIL from ${address}: DNSSEC: a signature has expired (extended error 7, "expired on Monday") (TXT ${name}).`,
    });
  });

  it('a denial that the resolver was told to give is none', async () => {
    const address = await udpOnly(0x8183, extended(15, ''));
    await expect(resolver(address).query(name, 'TXT')).rejects.toMatchObject({
      reason: 'blocked',
      message: expect.stringContaining('withholds the answer (NXDOMAIN: blocked by the operator of the resolver'),
    });
  });
});
