// Runs in a network namespace of its own (`unshare -n node forbidden-addresses.ts`): every forbidden address is there, with
// a trap listening, so that a connection would be seen for certain and could not leave the machine. Prints one JSON line.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { noFacts } from '../../../src/domain/fact-set.ts';
import { gather } from '../../../src/domain/gather.ts';
import { judge } from '../../../src/domain/judge.ts';
import { bound } from '../../../src/domain/source.ts';
import { teamsExchangeInterop } from '../../../src/evaluations/teams-exchange-interop/index.ts';
import { exchangeOrganization } from '../../../src/facts/exchange-organization/subject.ts';
import { createRoots } from '../../../src/http/roots.ts';
import { interopSources } from '../../../src/sources/bindings/teams-exchange-interop/sources.ts';
import { createAuthority } from './certificates.ts';
import { exchangeServer, type Handler, resolverOf, serveHttp, serveHttps, type Zone } from './simulated-exchange.ts';

const forbidden = ['10.0.0.5', '169.254.169.254', '168.63.129.16', '100.64.0.1', '127.0.0.1'];
const published = '192.0.2.10';

execFileSync('ip', ['link', 'set', 'lo', 'up']);
for (const address of [...forbidden.filter((one) => one !== '127.0.0.1'), published]) {
  execFileSync('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
}

const trapped: string[] = [];
for (const address of forbidden) {
  for (const port of [80, 443]) {
    const trap = createServer((socket) => {
      trapped.push(`${address}:${port}`);
      socket.destroy();
    }).listen(port, address);
    await once(trap, 'listening');
    trap.unref();
  }
}

const authority = createAuthority();
const certificate = authority.issue(['autodiscover.contoso.com', 'mail.contoso.com']);
const roots = createRoots([authority.root]);
let handler: Handler = exchangeServer();
const server = await serveHttps(published, certificate, (...all) => handler(...all));
const plain = await serveHttp(published, (_, response) => response.writeHead(404).end());

interface Scene {
  readonly zone: Zone;
  readonly allowPrivate?: boolean;
  readonly hosts?: readonly string[];
  readonly handler?: Handler;
  readonly rule: string;
  readonly target?: string;
}

const good: Zone = { 'autodiscover.contoso.com': [published], 'mail.contoso.com': [published] };

/** A name whose answer changes after it was checked. */
function rebinding(): ReturnType<typeof resolverOf> {
  const first = resolverOf(good);
  const later = resolverOf({ ...good, 'mail.contoso.com': ['169.254.169.254'] });
  let looked = 0;
  return (name, type) => {
    if (name === 'mail.contoso.com' && type === 'A') looked += 1;
    return looked > 1 ? later(name, type) : first(name, type);
  };
}

const redirectTo =
  (location: string, status = 302): Handler =>
  (_, response) => {
    response.writeHead(status, { location }).end();
  };

const scenes: Readonly<Record<string, Scene>> = {
  'a name with a private address': {
    zone: { 'autodiscover.contoso.com': ['10.0.0.5'] },
    hosts: ['autodiscover.contoso.com'],
    rule: 'tls-trusted',
  },
  'a name with the metadata address, private ones allowed': {
    zone: { 'autodiscover.contoso.com': ['169.254.169.254'] },
    hosts: ['autodiscover.contoso.com'],
    allowPrivate: true,
    rule: 'tls-trusted',
  },
  'a name with the address of the Azure host, written as IPv6': {
    zone: { 'autodiscover.contoso.com': ['64:ff9b::a83f:8110'] },
    hosts: ['autodiscover.contoso.com'],
    allowPrivate: true,
    rule: 'tls-trusted',
  },
  'a name with a shared address (CGNAT)': {
    zone: { 'autodiscover.contoso.com': ['100.64.0.1'] },
    hosts: ['autodiscover.contoso.com'],
    allowPrivate: true,
    rule: 'tls-trusted',
  },
  'a declared host at loopback': {
    zone: { 'mail.contoso.com': ['127.0.0.1'] },
    hosts: ['mail.contoso.com'],
    rule: 'tls-trusted',
    target: 'mail.contoso.com',
  },
  'an EWS URL with the metadata address': {
    zone: good,
    handler: exchangeServer({ ewsUrl: 'https://169.254.169.254/EWS/Exchange.asmx' }),
    rule: 'autodiscover-v2-returns-ews',
  },
  'an EWS URL with a decimal loopback address': {
    zone: good,
    handler: exchangeServer({ ewsUrl: 'https://2130706433/EWS/Exchange.asmx' }),
    rule: 'autodiscover-v2-returns-ews',
  },
  'an EWS URL whose name leads inside': {
    zone: { ...good, 'inside.contoso.com': ['10.0.0.5'] },
    handler: exchangeServer({ ewsUrl: 'https://inside.contoso.com/EWS/Exchange.asmx' }),
    rule: 'autodiscover-v2-returns-ews',
  },
  'a redirect to the metadata address': {
    zone: good,
    handler: redirectTo('https://169.254.169.254/latest/meta-data'),
    rule: 'autodiscover-v2-returns-ews',
  },
  'a redirect to plain http on the metadata address': {
    zone: good,
    handler: redirectTo('http://169.254.169.254/metadata/instance', 307),
    rule: 'autodiscover-v2-returns-ews',
  },
  'a name that changes its address after the check': { zone: good, rule: 'ews-without-pre-authentication' },
};

const results: Record<string, string> = {};
for (const [name, scene] of Object.entries(scenes)) {
  handler = scene.handler ?? exchangeServer();
  const subject = exchangeOrganization.parse({
    kind: 'exchange-organization',
    id: 'contoso',
    domains: ['contoso.com'],
    hosts: scene.hosts ?? [],
    tenantId: '11111111-2222-3333-4444-555555555555',
  });
  const sources = bound(
    interopSources({
      resolve: name.startsWith('a name that changes') ? rebinding() : resolverOf(scene.zone),
      allowPrivate: scene.allowPrivate,
      roots,
      timeoutMs: 2000,
    }),
  );
  const now = new Date();
  const facts = await gather(teamsExchangeInterop, subject, sources, { now, supplied: noFacts });
  const { findings } = judge(teamsExchangeInterop, subject, facts, { now });
  const finding = findings.find(
    ({ rule, target }) =>
      rule === `teams-exchange-interop/${scene.rule}` && (scene.target === undefined || scene.target === target),
  );
  results[name] = `${finding?.verdict}: ${finding?.message}`;
}
await server.close();
await plain.close();
console.log(JSON.stringify({ trapped, results }));
process.exit(0);
