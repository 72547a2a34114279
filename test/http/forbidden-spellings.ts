// Runs in network and mount namespaces of its own (`unshare -nm node forbidden-spellings.ts`): every forbidden address is
// there with a trap at each port that we speak to, and names lead there, so that a connection would be seen for certain and
// could not leave the machine. Every way out of the product is tried with every spelling. Prints one JSON line.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { type AddressGuard, AddressRefused, createAddressGuard } from '../../src/http/address-guard.ts';
import { get } from '../../src/http/anonymous-get.ts';
import { createHttp } from '../../src/http/client.ts';
import { createRoots } from '../../src/http/roots.ts';
import { InvalidChannel } from '../../src/notifiers/address.ts';
import { createNotifier, type ResolvedChannel } from '../../src/notifiers/index.ts';
import { inspectTls } from '../../src/sources/https-probe/tls.ts';
import { SmtpConnection } from '../../src/sources/smtp-probe/connection.ts';
import { failingDomains, notice } from '../notifiers/notices.ts';
import { createAuthority } from '../sources/https-probe/certificates.ts';
import { serveHttps } from '../sources/https-probe/simulated-exchange.ts';

/** Refused always, and refused unless the deployment allows private ones. */
const never = ['169.254.169.254', '169.254.169.253', '169.254.170.2', '168.63.129.16', '100.64.0.1', '169.254.7.7'];
const inside = ['127.0.0.1', '127.8.8.8', '10.0.0.5', '172.16.0.5', '192.168.7.5'];
const never6 = ['fe80::5', 'fd00:ec2::254', '4000::5', 'fec0::5'];
const inside6 = ['::1', 'fd00::5'];
const ports = [25, 80, 443, 465, 587];

const bytesOf = (address: string) => ipaddr.IPv4.parse(address).toByteArray();
const hexOf = (address: string) =>
  bytesOf(address)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
const halves = (address: string) => [hexOf(address).slice(0, 4), hexOf(address).slice(4)].join(':');
const sixToFour = (address: string) => `2002:${halves(address)}::1`;
const nat64 = (address: string) => `64:ff9b::${halves(address)}`;

/** How an IPv4 address may be written in a URL, and in IPv6. */
function spellingsOf(address: string): readonly string[] {
  const [a = 0, b = 0, c = 0, d = 0] = bytesOf(address);
  const number = Number.parseInt(hexOf(address), 16);
  const hex = (byte: number) => `0x${byte.toString(16)}`;
  const octal = (byte: number) => `0${byte.toString(8)}`;
  return [
    address,
    `${address}.`,
    String(number),
    `0x${hexOf(address)}`,
    `0X${hexOf(address).toUpperCase()}`,
    `0${number.toString(8)}`,
    [a, b, c, d].map(hex).join('.'),
    [a, b, c, d].map(octal).join('.'),
    [a, b, c, d].map((byte) => `000${octal(byte)}`).join('.'),
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    `[::ffff:${address}]`,
    `[::ffff:${halves(address)}]`,
    `[0:0:0:0:0:ffff:${halves(address)}]`,
    `[::${address}]`,
    `[${nat64(address)}]`,
    `[64:ff9b::${address}]`,
    `[${sixToFour(address)}]`,
  ];
}

const names: Readonly<Record<string, string>> = {
  'metadata.google.internal': '169.254.169.254',
  'metadata.azure.internal': '169.254.169.254',
  'instance-data.contoso.com': '169.254.169.254',
  'wireserver.contoso.com': '168.63.129.16',
  'nat64.contoso.com': nat64('169.254.169.254'),
  'sixtofour.contoso.com': sixToFour('169.254.169.254'),
  'mapped.contoso.com': '::ffff:169.254.169.254',
  'link-local.contoso.com': 'fe80::5',
  'inside.contoso.com': '10.0.0.5',
  'loopback.contoso.com': '127.0.0.1',
};
const insideNames = ['localhost', 'localhost.', 'inside.contoso.com', 'loopback.contoso.com'];

const forever = [
  ...never.flatMap(spellingsOf),
  ...never6.map((address) => `[${address}]`),
  '[fe80::5%25lo]',
  '[fe80::5%lo]',
  '[ff02::1]',
  '0.0.0.0',
  '0',
  '0x0',
  '[::]',
  '255.255.255.255',
  '224.0.0.1',
  '[2001:0:a9fe:a9fe::1]',
  '[64:ff9b:1::a9fe:a9fe]',
  ...Object.keys(names).filter((name) => !insideNames.includes(name)),
  'METADATA.google.internal.',
];
const unlessAllowed = [...inside.flatMap(spellingsOf), ...inside6.map((address) => `[${address}]`), ...insideNames];

const trappedAddresses = [
  ...[...never, ...inside].filter((address) => !address.startsWith('127.')),
  ...[...never6, ...inside6].filter((address) => address !== '::1'),
  ...[...never, ...inside].flatMap((address) => [nat64(address), sixToFour(address)]),
];
const commands = [...trappedAddresses, '192.0.2.10'].map((address) =>
  isIP(address) === 4 ? `address add ${address}/32 dev lo` : `address add ${address}/128 dev lo nodad`,
);
execFileSync('ip', ['-batch', '-'], { input: `${['link set lo up', ...commands].join('\n')}\n` });
const hosts = join(mkdtempSync(join(tmpdir(), 'hosts-')), 'hosts');
const lines = [
  ...Object.entries(names).map(([name, address]) => `${address} ${name} ${name}.`),
  // What ends with a dot is a name to some: it leads there, too.
  ...[...never, ...inside].map((address) => `${address} ${address}.`),
  '127.0.0.1 localhost localhost.',
  '::1 localhost localhost.',
];
writeFileSync(hosts, `${lines.join('\n')}\n`);
execFileSync('mount', ['--bind', hosts, '/etc/hosts']);

const trapped: string[] = [];
for (const address of [...trappedAddresses, '127.0.0.1', '127.8.8.8', '::1']) {
  for (const port of ports) {
    const host = address.startsWith('fe80') ? `${address}%lo` : address;
    const trap = createServer((socket) => {
      trapped.push(`${address} ${port}`);
      socket.destroy();
    }).listen({ port, host, ipv6Only: true });
    await once(trap, 'listening');
    trap.unref();
  }
}

const [from, to] = ['fieldcheck@contoso.com', ['mail-team@contoso.com']];
const channels: Readonly<Record<string, (host: string) => ResolvedChannel>> = {
  webhook: (host) => ({ kind: 'webhook', url: `https://${host}/in` }),
  'webhook on another port': (host) => ({ kind: 'webhook', url: `https://${host}:587/in` }),
  'webhook over http': (host) => ({ kind: 'webhook', url: `http://${host}/in` }),
  ping: (host) => ({ kind: 'ping', url: `https://${host}/ping` }),
  'Teams workflow': (host) => ({
    kind: 'teams-workflow',
    url: `https://${host}/workflows/x/triggers/manual/paths/invoke?sig=x`,
  }),
  'mail with STARTTLS': (host) => ({ kind: 'email', url: `smtp://${host}:587`, from, to }),
  'mail without TLS': (host) => ({ kind: 'email', url: `smtp://${host}:25?tls=if-offered`, from, to }),
  'mail over TLS': (host) => ({ kind: 'email', url: `smtps://${host}:465`, from, to }),
};

const signal = () => AbortSignal.timeout(20_000);
const given = notice({ subjects: failingDomains(1) });
const roots = createRoots();

/** Each says how it was refused, or what came of it. */
type Way = (host: string, allowPrivate: boolean) => Promise<string>;

async function refusalOf(way: Promise<unknown>): Promise<string> {
  try {
    await way;
    return 'connected';
  } catch (error) {
    if (error instanceof AddressRefused) return 'refused';
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const bare = (host: string) => host.replace(/^\[|\]$/g, '');
const guarded = (allowPrivate: boolean): AddressGuard => createAddressGuard({ allowPrivate });

const ways: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(
    Object.entries(channels).map(([name, channelOf]): [string, Way] => [
      name,
      async (host, allowPrivate) => {
        try {
          const notifier = createNotifier(channelOf(host), { allowPrivate, timeLimitMs: 20_000 });
          const { outcome, detail } = await notifier.send(given, signal());
          return outcome === 'rejected' ? 'refused' : `${outcome}: ${detail}`;
        } catch (error) {
          if (error instanceof InvalidChannel) return 'refused';
          throw error;
        }
      },
    ]),
  ),
  'GET of a probe': async (host, allowPrivate) => {
    const url = URL.parse(`https://${host}/autodiscover/autodiscover.json`);
    if (url === null) return 'refused';
    const { published } = roots;
    return refusalOf(
      get(url, {
        guard: guarded(allowPrivate),
        trust: published.secureContext,
        userAgent: 'x',
        timeoutMs: 20_000,
        signal: signal(),
      }),
    );
  },
  'TLS of a probe': (host, allowPrivate) =>
    refusalOf(
      inspectTls(bare(host), {
        guard: guarded(allowPrivate),
        trust: roots.published,
        timeoutMs: 20_000,
        signal: signal(),
      }),
    ),
  'SMTP of a probe': (host, allowPrivate) =>
    refusalOf(
      SmtpConnection.open(bare(host), 25, { guard: guarded(allowPrivate), connectMs: 20_000, signal: signal() }),
    ),
};

const tried: Record<string, number> = {};
const open: string[] = [];
for (const [name, way] of Object.entries(ways)) {
  tried[name] = 0;
  for (const [list, allowPrivate] of [
    [forever, false],
    [forever, true],
    [unlessAllowed, false],
  ] as const) {
    for (const host of list) {
      const result = await way(host, allowPrivate);
      tried[name] += 1;
      if (result !== 'refused') open.push(`${name} ${host}${allowPrivate ? ', private ones allowed' : ''}: ${result}`);
    }
  }
}

/** A published server that leads elsewhere: no channel follows, whatever the status. */
const authority = createAuthority();
let location = '';
let status = 302;
const server = await serveHttps('192.0.2.10', authority.issue(['hooks.contoso.com']), (_, response) => {
  response.writeHead(status, { location }).end();
});
writeFileSync(hosts, `${lines.join('\n')}\n192.0.2.10 hooks.contoso.com\n`);
const redirected: string[] = [];
const http = createHttp({
  asWritten: true,
  ca: [authority.root],
  guard: createAddressGuard({ allowPrivate: true, doing: 'posted to' }),
});
for (const [index, host] of [...forever, ...unlessAllowed].entries()) {
  for (status of index === 0 ? [301, 302, 303, 307, 308] : [307]) {
    location = `https://${host}/latest/meta-data`;
    const notifier = createNotifier({ kind: 'webhook', url: 'https://hooks.contoso.com/in' }, { http });
    const { outcome, detail } = await notifier.send(given, signal());
    redirected.push(`${outcome}: ${detail.replace(/^\S+ /, '')}`);
  }
}
http.close();
await server.close();

/** A name that is public when it is looked at first, and something else from then on. */
const rebound: string[] = [];
for (const address of [...never, ...inside, ...never6, ...inside6]) {
  let looked = 0;
  const addressesOf = async () => {
    looked += 1;
    return [looked === 1 ? '192.0.2.99' : address];
  };
  const guard = createAddressGuard({ allowPrivate: false, addressesOf });
  await new Promise<void>((done) => guard.lookup('rebinding.contoso.com', {}, () => done()));
  const rebinding = createHttp({ guard });
  rebound.push(
    await rebinding
      .send({ to: new URL('https://rebinding.contoso.com/'), method: 'POST', signal: signal(), bodyLimit: 0 })
      .then(
        () => 'connected',
        (error: { kind?: string }) => String(error.kind),
      ),
  );
  rebinding.close();
}

const reached = [...trapped];
// That the traps hear: what is allowed gets there.
await ways.webhook?.('10.0.0.5', true);
const heard = trapped.slice(reached.length);

console.log(
  JSON.stringify({
    trapped: reached,
    heard,
    tried,
    open,
    redirected,
    rebound,
    spellings: forever.length + unlessAllowed.length,
  }),
);
process.exit(0);
