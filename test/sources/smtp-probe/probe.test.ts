import { SMTPServer } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProbeAttempt } from '../../../src/facts/smtp-service/probe.ts';
import { type SmtpService, smtpService } from '../../../src/facts/smtp-service/subject.ts';
import { createAddressGuard } from '../../../src/http/address-guard.ts';
import { addressIn, type ProbeOptions, probeService } from '../../../src/sources/smtp-probe/probe.ts';
import { nodesSeen, probeProof, vipPaths } from '../../../src/sources/smtp-probe/proof.ts';
import { type ExchangeBehaviour, exchangeNode, hidingProxy, type Listening, silentServer } from './servers.ts';

// Loopback addresses as a network: the load balancer .5, nodes .11 and .12, the VIP .25; we are 127.0.0.1.
const [balancer, ex1, ex2, vip] = ['127.0.0.5', '127.0.0.11', '127.0.0.12', '127.0.0.25'];

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close()));
});

async function started(server: Promise<Listening>): Promise<Listening> {
  const listening = await server;
  running.push(listening);
  return listening;
}

async function twoNodes(behaviour: Parameters<typeof exchangeNode>[3] = {}) {
  const first = await started(exchangeNode(ex1, 0, 'EX1', behaviour));
  const second = await started(exchangeNode(ex2, first.port, 'EX2', behaviour));
  return { first, second, port: first.port };
}

function serviceAt(port: number, changes: Partial<SmtpService> = {}): SmtpService {
  return {
    ...smtpService.parse({
      kind: 'smtp-service',
      id: 'smtp-in',
      vips: [`${vip}:${port}`],
      loadBalancerAddresses: [balancer],
      nodes: [
        { name: 'EX1', address: ex1 },
        { name: 'EX2', address: ex2 },
      ],
    }),
    ...changes,
  };
}

const probe = (service: SmtpService, options: Partial<ProbeOptions> = {}) =>
  probeService(service, {
    guard: createAddressGuard({ allowPrivate: true }),
    signal: new AbortController().signal,
    ...options,
  });

describe('what the VIP shows', () => {
  it('is the load balancer behind a proxy that hides the source; every node is seen', async () => {
    const { first, second, port } = await twoNodes();
    await started(
      hidingProxy(vip, port, balancer, [
        { host: ex1, port },
        { host: ex2, port },
      ]),
    );
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    for (const node of ['EX1', 'EX2']) {
      expect(probeProof(result, service, node)).toMatchObject({
        translation: 'source-nat',
        seen: [{ target: `${vip}:${port}`, address: balancer }],
        unnamed: false,
      });
    }
    expect(nodesSeen(result, service).nodes).toEqual(['EX1', 'EX2']);
    expect(vipPaths(result, service)).toEqual([{ vip: `${vip}:${port}`, outcome: 'answers' }]);
    for (const { commands } of [first, second]) {
      expect(new Set(commands)).toEqual(new Set(['EHLO', 'QUIT']));
      expect(commands.filter((command) => command === 'QUIT')).toHaveLength(commands.length / 2);
    }
    expect(result.attempts.every(({ startTls, inspected }) => startTls === true && !inspected)).toBe(true);
  });

  it('is ourselves on a direct path', async () => {
    const { port } = await twoNodes();
    let turn = 0;
    await started(
      exchangeNode(vip, port, 'VIP', () => ({ banner: `220 EX${1 + (turn++ % 2)}.contoso.com ready`, inPieces: true })),
    );
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    for (const node of ['EX1', 'EX2']) {
      expect(probeProof(result, service, node)).toMatchObject({ translation: 'preserved', declaredLoadBalancers: 1 });
    }
    expect(nodesSeen(result, service).nodes).toEqual(['EX1', 'EX2']);
  });

  it('is proof of each node alone when one of them still is in NAT', async () => {
    const { port } = await twoNodes();
    let turn = 0;
    await started(
      exchangeNode(vip, port, 'VIP', () => {
        const node = 1 + (turn++ % 2);
        const address = node === 1 ? '127.0.0.1' : balancer;
        return { banner: `220 EX${node}.contoso.com ready`, hello: `250 EX${node}.contoso.com Hello [${address}]` };
      }),
    );
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    expect(probeProof(result, service, 'EX1').translation).toBe('preserved');
    expect(probeProof(result, service, 'EX2').translation).toBe('source-nat');
  });

  it.each<[string, ExchangeBehaviour, RegExp]>([
    ['another mail product', { hello: '250 mail.contoso.com' }, /shows no address/],
    [
      'a NAT that nobody declared',
      { hello: '250 EX1.contoso.com Hello [198.51.100.77]' },
      /neither ours nor a declared/,
    ],
    ['a node in maintenance', { banner: '421 4.3.2 Service not active' }, /421: the node behind it is out of service/],
    ['a refusing greeting', { banner: '554 5.7.1 no service for you' }, /shows no address/],
  ])('decides nothing behind %s', async (_, behaviour, why) => {
    const { port } = await twoNodes();
    await started(exchangeNode(vip, port, 'EX1', behaviour));
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    expect(() => probeProof(result, service, 'EX1')).toThrow(why);
  });

  it('is read through a firewall that inspects SMTP, by HELO', async () => {
    const { port } = await twoNodes();
    await started(exchangeNode(vip, port, 'EX1', { banner: '220 ************', hello: '500 5.5.1 unrecognized' }));
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    expect(result.attempts.filter(({ via }) => via === 'vip').every(({ inspected }) => inspected)).toBe(true);
    expect(probeProof(result, service, 'EX1').translation).toBe('preserved');
    expect(() => probeProof(result, service, 'EX2')).toThrow(/a firewall inspects SMTP/);
  });

  it('decides nothing when a direct connection already shows the load balancer', async () => {
    const { port } = await twoNodes({ hello: `250 EX1.contoso.com Hello [${balancer}]` });
    await started(exchangeNode(vip, port, 'EX1'));
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    expect(() => probeProof(result, service, 'EX1')).toThrow(/the load balancer is a router between prober and node/);
  });

  it('decides nothing when the prober is declared as load balancer', async () => {
    const service = serviceAt(25, { proberAddresses: ['127.0.0.0/29'] });
    expect(() => probeProof({ attempts: [] }, service, 'EX1')).toThrow(
      /declared as the prober's address and as the load balancer's/,
    );
  });
});

describe('the way through the VIP', () => {
  it('is refused while the nodes answer', async () => {
    const { port } = await twoNodes();
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    expect(vipPaths(result, service)).toEqual([{ vip: `${vip}:${port}`, outcome: 'refused' }]);
    expect(() => probeProof(result, service, 'EX1')).toThrow(/ECONNREFUSED/);
  });

  it('hangs while the nodes answer', async () => {
    const { port } = await twoNodes();
    await started(silentServer(vip, port));
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    expect(vipPaths(result, service)).toEqual([{ vip: `${vip}:${port}`, outcome: 'hangs' }]);
    expect(() => probeProof(result, service, 'EX1')).toThrow(/no answer within/);
  }, 30_000);

  it('answers some connections only, twice, while both nodes answer; not when one of them may be down', () => {
    const service = serviceAt(25);
    const attempt = (target: string, outcome: ProbeAttempt['outcome']): ProbeAttempt => ({
      target: `${target}:25`,
      via: target === vip ? 'vip' : 'node',
      at: '2026-11-24T09:30:00.000Z',
      outcome,
      inspected: false,
    });
    const once = [attempt(vip, 'answered'), attempt(vip, 'timeout')];
    const throughVip = [...once, attempt(vip, 'timeout')];
    const bothAnswer = [attempt(ex1, 'answered'), attempt(ex2, 'answered')];
    const oneAnswers = [attempt(ex1, 'answered'), attempt(ex2, 'timeout')];
    expect(vipPaths({ attempts: [...throughVip, ...bothAnswer] }, service)).toEqual([
      { vip: `${vip}:25`, outcome: 'answers-sometimes' },
    ]);
    for (const attempts of [[...throughVip, ...oneAnswers], throughVip, [...once, ...bothAnswer]]) {
      expect(vipPaths({ attempts }, service)).toEqual([{ vip: `${vip}:25`, outcome: 'answers' }]);
    }
  });

  it('says nothing where nothing answers', async () => {
    const { port, first, second } = await twoNodes();
    await Promise.all([first.close(), second.close()]);
    running.length = 0;
    const service = serviceAt(port);
    const { probe: result } = await probe(service);
    expect(() => vipPaths(result, service)).toThrow(/port 25 may be blocked/);
    expect(() => probeProof(result, service, 'EX1')).toThrow(/ECONNREFUSED/);
  });

  it('is not tried where the guard refuses, and nothing is sent', async () => {
    const { first, port } = await twoNodes();
    const service = serviceAt(port);
    const { probe: result } = await probe(service, { guard: createAddressGuard({ allowPrivate: false }) });
    expect(result.attempts.every(({ outcome }) => outcome === 'not-admitted')).toBe(true);
    expect(result.attempts[0]?.detail).toMatch(/is a loopback address/);
    expect(first.commands).toEqual([]);
  });
});

describe('the relay test', () => {
  it('is only made when asked for, once for each target, without DATA', async () => {
    const { first, port } = await twoNodes();
    const open = await started(exchangeNode(vip, port, 'EX1', { recipient: '250 2.1.5 Recipient OK' }));
    const service = serviceAt(port);
    const without = await probe(service);
    expect(without.relay).toBeUndefined();
    expect(open.commands).not.toContain('MAIL');
    const { relay } = await probe(service, { relayTest: true });
    expect(relay).toEqual(
      expect.arrayContaining([
        { target: `${vip}:${port}`, reply: '250 2.1.5 Recipient OK', accepted: true },
        expect.objectContaining({ node: 'EX1', accepted: false, reply: expect.stringMatching(/^550 5\.7\.54/) }),
      ]),
    );
    expect(open.commands.filter((command) => command === 'MAIL')).toHaveLength(1);
    expect([...open.commands, ...first.commands]).not.toContain('DATA');
    expect(open.commands).toContain('RSET');
  });

  it('says nothing when the server defers', async () => {
    const { port } = await twoNodes({ recipient: '451 4.7.0 Temporary server error' });
    await started(exchangeNode(vip, port, 'EX1', { recipient: '451 4.7.0 Temporary server error' }));
    expect((await probe(serviceAt(port), { relayTest: true })).relay).toEqual([]);
  });
});

it('understands a real mail server', async () => {
  const server = new SMTPServer({ disabledCommands: ['AUTH'], name: 'ex1.contoso.com', disableReverseLookup: true });
  await new Promise<void>((resolve) => server.listen(0, ex1, resolve));
  running.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
  const { port } = server.server.address() as { port: number };
  const service = serviceAt(port, { nodes: [{ name: 'EX1', address: ex1, system: 'windows' }] });
  const { probe: result } = await probe(service);
  expect(result.attempts.find(({ via }) => via === 'node')).toMatchObject({
    outcome: 'answered',
    helloAddress: '127.0.0.1',
    sourceAddress: '127.0.0.1',
    startTls: true,
  });
});

it.each([
  ['250-mail1.contoso.com Hello [203.0.113.10]', '203.0.113.10'],
  ['250  EX1.contoso.com Hello [192.0.2.5] SIZE 36700160', '192.0.2.5'],
  ['250-ex1 hello [fe80::1%13]', 'fe80::1'],
  ['250-ex1 Hello [::ffff:192.0.2.1]', '192.0.2.1'],
  ['250-mx.google.com at your service, [198.51.100.9]', '198.51.100.9'],
  ['250-mail.fabrikam.com Hello client.contoso.com [198.51.100.9], pleased to meet you', '198.51.100.9'],
  ['250-mail.fabrikam.com Hello 198.51.100.9', '198.51.100.9'],
  ['250-mail Hello [IPv6:2001:db8::9]', '2001:db8::9'],
  ['250-postfix.contoso.com', undefined],
  ['250-host [not an address]', undefined],
])('finds the address in "%s"', (first, address) => {
  expect(addressIn({ first })).toBe(address);
});
