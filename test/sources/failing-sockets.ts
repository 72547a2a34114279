// Runs in a network namespace of its own (`unshare -n node failing-sockets.ts`), where nothing leads anywhere but loopback,
// and tries everything of the product that opens a socket against every way a socket fails. Prints one JSON line:
// what each of them says. What nobody catches ends the process, and with it the test.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { smtpService } from '../../src/facts/smtp-service/subject.ts';
import { createAddressGuard } from '../../src/http/address-guard.ts';
import { get } from '../../src/http/anonymous-get.ts';
import { createHttp } from '../../src/http/client.ts';
import { createPatientHttp } from '../../src/http/retry.ts';
import { createRoots } from '../../src/http/roots.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import { createResolver } from '../../src/sources/dns/resolver.ts';
import { inspectTls } from '../../src/sources/https-probe/tls.ts';
import { probeService } from '../../src/sources/smtp-probe/probe.ts';
import { selfSigned } from '../notifiers/certificate.ts';
import { failingDomains, notice } from '../notifiers/notices.ts';

execFileSync('ip', ['link', 'set', 'lo', 'up']);
const certificate = selfSigned('localhost');
const ca = [certificate.cert];

/** Something that is asked at `host:port`, and what it says of it. Ends early when `signal` aborts. */
type Asking = (host: string, port: number, signal: AbortSignal) => Promise<string>;

const askers: Readonly<Record<string, Asking>> = {
  resolver: (host, port, signal) => resolve(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, signal),
  'resolver over HTTPS': (host, port, signal) => resolve(`https://${inUrl(host)}:${port}/dns-query`, signal),
  'cloud service': async (host, port, signal) => {
    const http = createHttp({ ca });
    const services = createPatientHttp(http, { backOffSeconds: [0] });
    const url = new URL(`https://${inUrl(host)}:${port}/`);
    const pace = { key: 'a', perSecond: 1000 };
    return said(services.send({ service: 'The service', pace, url, method: 'GET', headers: {}, signal }), http);
  },
  channel: async (host, port, signal) => {
    const url = `https://${inUrl(host)}:${port}/hook?sig=secret`;
    const { outcome, detail } = await createNotifier({ kind: 'webhook', url }, { allowPrivate: true }).send(
      given,
      signal,
    );
    return `${outcome}: ${detail.replace(/#[0-9a-f]{8}/, '#')}`;
  },
  'https probe': (host, port, signal) => {
    const url = new URL(`https://${inUrl(host)}:${port}/`);
    const common = { guard: undefined, trust: undefined, userAgent: 'test', timeoutMs: 10_000 };
    return said(get(url, { ...common, signal }));
  },
  'smtp probe': async (host, port, signal) => {
    const target = `${inUrl(host)}:${port}`;
    const nodes = [{ name: 'EX1', address: host }];
    const service = smtpService.parse({ kind: 'smtp-service', id: 's', vips: [target], nodes });
    const { probe } = await probeService(service, { guard: createAddressGuard({ allowPrivate: true }), signal });
    return [...new Set(probe.attempts.map(({ outcome, detail }) => `${outcome}: ${detail}`))].join(' | ');
  },
};

const given = notice({ subjects: failingDomains(1) });
const inUrl = (host: string) => (host.includes(':') ? `[${host}]` : host);

function resolve(address: string, signal: AbortSignal): Promise<string> {
  const http = createHttp({ ca });
  const resolver = createResolver({ address, http, timeouts: [500, 500] });
  const close = () => {
    resolver.close();
    http.close();
  };
  return said(resolver.query('contoso.com', 'TXT', signal), { close });
}

async function said(asked: Promise<unknown>, opened?: { close(): void }): Promise<string> {
  try {
    await asked;
    return 'an answer';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    opened?.close();
  }
}

async function listening(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return (server.address() as AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A server whose handshake ends well, and that cuts the connection at the first byte after it. */
async function cutsAfterHandshake(): Promise<number> {
  const server = createTlsServer(certificate, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => {});
  await once(server, 'listening');
  server.unref();
  return (server.address() as AddressInfo).port;
}

/** Every file descriptor that the process may have is taken while `work` runs. */
async function withoutDescriptors<T>(work: () => Promise<T>): Promise<T> {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    // That was the last one.
  }
  try {
    return await work();
  } finally {
    taken.forEach(closeSync);
  }
}

const never = new AbortController().signal;

function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('nobody waits any longer')), milliseconds);
  return controller.signal;
}

const scenes: Readonly<Record<string, (ask: Asking) => Promise<string>>> = {
  'no route (IPv6)': (ask) => ask('2001:db8::1', 443, never),
  'no route (IPv4)': (ask) => ask('192.0.2.1', 443, never),
  'nobody listens': async (ask) => ask('127.0.0.1', await closedPort(), never),
  'every connection is cut': async (ask) =>
    ask('127.0.0.1', await listening((socket) => socket.resetAndDestroy()), never),
  'something else speaks there': async (ask) =>
    ask('127.0.0.1', await listening((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')), never),
  'the handshake ends, then it is cut': async (ask) => ask('localhost', await cutsAfterHandshake(), never),
  'nobody waits any longer while it connects': async (ask) =>
    ask('127.0.0.1', await listening(() => {}), abortedAfter(100)),
  'nobody waits from the start': async (ask) =>
    ask('127.0.0.1', await listening(() => {}), AbortSignal.abort(new Error('nobody waits any longer'))),
  'no descriptor is left': async (ask) => {
    const port = await closedPort();
    // What the scenes before have closed gives its descriptor back a moment later.
    await sleep(100);
    return withoutDescriptors(() => ask('127.0.0.1', port, never));
  },
};

const results: Record<string, Record<string, string>> = {};
for (const [scene, show] of Object.entries(scenes)) {
  results[scene] = {};
  for (const [name, ask] of Object.entries(askers)) {
    // Probes of mail servers take addresses only.
    if (name === 'smtp probe' && scene === 'the handshake ends, then it is cut') continue;
    results[scene][name] = await show(ask);
  }
}

// What only one of them can meet.
const alone: Record<string, string> = {};
const probeTls = (host: string, signal: AbortSignal) =>
  said(
    inspectTls(host, {
      guard: createAddressGuard({ allowPrivate: true, addressesOf: async () => ['192.0.2.1', '2001:db8::1'] }),
      trust: createRoots().published,
      timeoutMs: 10_000,
      signal,
    }),
  );
alone['a handshake with a host that no route leads to'] = await probeTls('mail.contoso.com', never);
alone['a handshake that nobody waits for'] = await probeTls('mail.contoso.com', AbortSignal.abort());
for (const host of ['nowhere.invalid:53', 'https://nowhere.invalid/dns-query', '[fe80::1%nosuch]:53']) {
  alone[`a resolver that is no host: ${host}`] = await resolve(host, never);
}

/** Cuts every answer short, so that it is asked for again over TCP, where nobody listens. */
const truncating = createSocket('udp4').bind(0, '127.0.0.1');
await once(truncating, 'listening');
truncating.unref().on('message', (query, { port, address }) => {
  query.writeUInt16BE(0x8380, 2);
  truncating.send(query, port, address);
});
alone['a resolver without TCP'] = (await resolve(`127.0.0.1:${truncating.address().port}`, never)).replace(
  /:\d+/,
  ':…',
);

// Closed by us in every state.
for (const address of ['192.0.2.1', '[2001:db8::1]:53', 'nowhere.invalid:53', 'https://nowhere.invalid/dns-query']) {
  const resolver = createResolver({ address });
  const asked = said(resolver.query('contoso.com', 'TXT'));
  await sleep(0);
  resolver.close();
  alone[`closed while it connects: ${address}`] = await asked;
}

// The way is there when the sockets are connected, and gone when something is sent.
execFileSync('ip', ['address', 'add', '192.0.2.10/32', 'dev', 'lo']);
const answering = createSocket('udp4').bind(53, '192.0.2.10');
await once(answering, 'listening');
answering.unref().on('message', (query, { port, address }) => {
  query.writeUInt16BE(0x8180, 2);
  answering.send(query, port, address);
});
const cutOff = createResolver({ address: '192.0.2.10', timeouts: [5000, 5000] });
await Promise.all(Array.from({ length: 100 }, (_, index) => cutOff.query(`${index}.contoso.com`, 'TXT')));
execFileSync('ip', ['address', 'del', '192.0.2.10/32', 'dev', 'lo']);
alone['a way that ends while the sockets are open'] = await said(cutOff.query('contoso.com', 'TXT'));
cutOff.close();

// Whatever comes late would come now.
await sleep(300);
// Ports that the system chose are left out.
console.log(JSON.stringify({ results, alone }).replace(/:\d{4,5}\b/g, ':…'));
process.exit(0);
