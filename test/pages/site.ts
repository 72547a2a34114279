// A site with many organizations to look at: the App over a store in memory, its doors behind a server on loopback.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp, type Ports } from '../../src/app/index.ts';
import { silentLog } from '../../src/app/log.ts';
import { summarize } from '../../src/app/organizations/summary.ts';
import { compare } from '../../src/domain/compare.ts';
import type { Answer, Finding, Run } from '../../src/domain/finding.ts';
import { answerOf, doorsOf, forBrowser } from '../../src/doors/index.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createWorld } from '../../src/sources/world.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';

export const now = new Date('2026-11-28T07:05:00.000Z');

const dayMs = 86_400_000;
const daysAgo = (days: number) => new Date(now.getTime() - days * dayMs - 3_900_000).toISOString();

/** Markup, quotes, characters that turn the direction of writing, and names without a place to break. */
export const hostile = {
  organization: '<script>alert("1")</script> & \u202e"Cöntoso" אבג 北京',
  target: 'selector1"><img src=x onerror=alert(2)>',
  message: `The key </pre><script>alert(3)</script> of \u202emoc.osotnoc is missing: ${'x'.repeat(200)}.`,
  observed: `v=DKIM1; p=<b>${'A'.repeat(200)}</b>\u200b\u202e`,
};

/** 200 characters in one label after the other, as DNS allows them. */
export const longDomain = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.contoso.com`;

const places =
  'amsterdam berlin bologna brno dresden faro geneva graz helsinki krakow lille lisbon lugano madrid milan'.split(' ');

const domains = [
  ...places.map((place) => `${place}.contoso.com`),
  ...Array.from({ length: 15 }, (_, index) => `brand-${index + 1}.fabrikam.com`),
];

export interface PagesSite {
  readonly url: string;
  readonly store: Store;
  close(): Promise<void>;
}

export async function startSite(organizations: number): Promise<PagesSite> {
  const store = createMemoryStore();
  await store.open();
  await seed(store, organizations);
  const ports: Ports = {
    store,
    queue: { open: async () => {}, sendSlices: async () => {}, sendDue: async () => {}, sendDelivery: async () => {} },
    evaluations,
    world: createWorld({ resolvers: ['127.0.0.1:9'] }),
    log: silentLog,
    clock: () => now,
    notifierFor: () => {
      throw new Error('Nobody is told.');
    },
    publicUrl: undefined,
    localChannels: true,
    localAccess: true,
  };
  const app = createApp(ports);
  const doors = doorsOf(evaluations).map((door) => ({
    door,
    names: [...door.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ''),
    pattern: new RegExp(`^/api/${door.path.replace(/\{\w+\}/g, '([^/]+)')}$`),
  }));
  // Those without parameters first, as ASP.NET routes.
  doors.sort((a, b) => a.names.length - b.names.length);
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    for (const { door, names, pattern } of doors) {
      const found = pattern.exec(url.pathname);
      if (found === null || door.method !== request.method) continue;
      const values = found.slice(1).map(decodeURIComponent);
      const answer = forBrowser(
        await answerOf(
          door,
          () => app,
          {
            params: Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])),
            query: url.searchParams,
            headers: new Headers(request.headers as Record<string, string>),
            body: new Blob(chunks).stream(),
          },
          (error) => console.error(error),
        ),
      );
      response.writeHead(answer.status ?? 200, {
        ...(answer.jsonBody === undefined ? {} : { 'content-type': 'application/json' }),
        ...answer.headers,
      });
      response.end(answer.body ?? (answer.jsonBody === undefined ? '' : JSON.stringify(answer.jsonBody)));
      return;
    }
    response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    store,
    async close() {
      await app.stop();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** `Contoso` with all three evaluations and a past, one with a hostile name, and others: twelve show every kind of row. */
async function seed(store: Store, organizations: number): Promise<void> {
  const others = Array.from({ length: organizations - 2 }, (_, index) => ({
    id: `customer-${index + 1}`,
    name: `Customer ${index + 1}`,
  }));
  const watched = {
    dkim: {},
    'teams-exchange-interop': { hosts: ['mail.contoso.com'] },
    'smtp-source-ip': { services: [] },
  };
  await put(store, {
    id: 'contoso',
    name: 'Contoso',
    tenant: { id: '11111111-2222-3333-4444-555555555555' },
    report: { author: 'Northwind Managed Services' },
    channels: { 'mail-team': { kind: 'console', heartbeat: true } },
    evaluations: watched,
  });
  await put(store, { id: 'hostile', name: hostile.organization, evaluations: { dkim: {} } });
  for (const one of others) await put(store, { ...one, evaluations: { dkim: {}, 'smtp-source-ip': { services: [] } } });

  // Every day, but for those on which nobody looked: one domain broke before and was mended, and was silent for a day.
  await watch(
    store,
    'contoso',
    'dkim',
    (days) =>
      domains.map((domain, index) =>
        dkimRun(
          domain,
          index < 3 ? days < 1 : index < 15 && (days < 17 || (index === 4 && days > 54 && days < 59)),
          index,
          days,
        ),
      ),
    Array.from({ length: 84 }, (_, index) => 83 - index).filter((days) => days < 68 || days > 72),
  );
  await watch(store, 'contoso', 'teams-exchange-interop', () => [interopRun()]);
  await watch(store, 'contoso', 'smtp-source-ip', (days) => [smtpRun(days < 4)]);
  const said = { at: daysAgo(3), by: 'Adele', until: daysAgo(-60) };
  await store.putStatement('contoso', {
    ...said,
    kind: 'acceptance',
    id: 'acceptance-20261125-1',
    key: `contoso/dkim/${domains[1]}/dkim/active-key-published#selector2`,
    reason: 'Sends no mail.',
    ticket: 'RISK-7',
  });
  await store.putStatement('hostile', {
    ...said,
    kind: 'silence',
    id: 'silence-20261125-1',
    from: daysAgo(3),
    match: { subject: '*' },
    reason: hostile.organization,
  });
  await watch(store, 'hostile', 'dkim', () => [hostileRun(longDomain), hostileRun('xn--hgi.contoso.com')], [0]);
  for (const [index, { id }] of others.entries()) {
    const broken = index % 4 === 0;
    await watch(store, id, 'dkim', () => [dkimRun(`${id}.fabrikam.com`, broken, 20 + index, 0)], [0]);
    await watch(store, id, 'smtp-source-ip', () => [smtpRun(false, index % 3 === 2)], [0]);
  }
}

async function put(store: Store, document: object): Promise<void> {
  await store.putOrganization(evaluations.document.parse(document), undefined, daysAgo(100));
}

/** Runs of a watch, one for each of these days ago, newest last, as the App keeps them. */
async function watch(
  store: Store,
  organization: string,
  evaluation: string,
  runsOf: (daysAgo: number) => readonly Run[],
  days: readonly number[] = [80, 17, 4, 1, 0],
): Promise<void> {
  const of = { organization, evaluation };
  for (const ago of days) {
    const at = daysAgo(ago);
    const runId = `${organization}.${evaluation}.${at.slice(0, 10).replaceAll('-', '')}T060000Z`;
    const runs = runsOf(ago).map((run) => ({ ...run, at }));
    const before = await store.states(
      of,
      runs.map(({ subject }) => subject),
    );
    const changes = runs.map((run) => {
      const known = before.get(run.subject);
      const { state, superseded } = compare(known?.value, runId, run);
      return { subject: run.subject, state, expected: known?.etag, superseded, pending: [] };
    });
    await store.createRun({
      ...of,
      runId,
      trigger: 'schedule',
      startedAt: at,
      deadline: at,
      subjects: runs.length,
      slices: 1,
      state: 'running',
    });
    const answers: Record<string, Record<string, number>> = {};
    const verdicts: Record<string, number> = {};
    for (const run of runs) {
      for (const [question, answer] of Object.entries(run.answers)) {
        answers[question] ??= {};
        answers[question][answer] = (answers[question][answer] ?? 0) + 1;
      }
      for (const { verdict } of run.findings) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    }
    await store.commit(of, changes, { runId, slice: 0, subjects: runs.length, answers, verdicts });
    await summarize({ store, clock: () => new Date(at) }, { ...of, runId, startedAt: at }, 'finished');
    const progress = await store.run(runId);
    if (progress !== undefined)
      await store.finishRun(progress, 'finished', new Date(Date.parse(at) + 9_000).toISOString());
  }
}

const evidence = (fact: string, observed: string): Finding['evidence'] => [
  { fact, observed, source: '192.0.2.53', at: '2026-11-28T06:00:55.000Z' },
];

function dkimRun(subject: string, broken: boolean, index: number, days: number): Run {
  const target = `selector2-${subject.replaceAll('.', '-')}._domainkey.contoso.n-v1.dkim.mail.microsoft`;
  const silent = index === 4 && (days === 39 || days === 40);
  const failing: Finding = {
    rule: 'dkim/active-key-published',
    target: 'selector2',
    verdict: 'fail',
    severity: 'critical',
    owner: 'microsoft',
    message: `The active selector selector2 of ${subject} has no key: the CNAME is right, but in Microsoft's DNS the name does not exist (${target}). Receivers cannot verify what is signed now.`,
    evidence: evidence('selector-key', `${target}: NXDOMAIN`),
    remedy: 'Open a support case with Microsoft; the text to paste is in the finding.',
    supportCase: `DKIM: no usable key of selector2 for ${subject}\n\nAsked (UTC):\n  2026-11-28T06:00:55Z  selector2._domainkey.${subject} TXT: NXDOMAIN`,
  };
  const key: Finding = silent
    ? {
        rule: failing.rule,
        target: 'selector2',
        verdict: 'unknown',
        reason: 'timeout',
        message: 'Could not look: key record of the selector: nobody answered.',
        evidence: evidence('selector-key', 'unobtainable, timeout: nobody answered within 5 s'),
      }
    : broken
      ? failing
      : {
          rule: failing.rule,
          target: 'selector2',
          verdict: 'pass',
          message: `selector2._domainkey.${subject} answers with a key record.`,
          evidence: evidence('selector-key', 'v=DKIM1; k=rsa; p=MIIB…'),
        };
  const short: Finding[] =
    index % 37 === 20
      ? [
          {
            rule: 'dkim/active-key-strong',
            target: 'selector2',
            verdict: 'fail',
            severity: 'low',
            owner: 'tenant',
            message: 'The key of selector2 has 1024 bits: it verifies, but 2048 bits are what signers should use.',
            remedy: `Renew the selector that is not in use, and after the switch (96 hours) the other one:\nRotate-DkimSigningConfig -Identity ${subject} -KeySize 2048`,
            evidence: [],
          },
        ]
      : [];
  const answer: Answer = silent ? 'undetermined' : broken ? 'no' : 'yes';
  return {
    evaluation: 'dkim',
    subject,
    at: '',
    answers: { 'verifiable-now': answer, 'verifiable-after-rotation': 'yes' },
    findings: [
      pass('dkim/signing-configured', `There is a configuration for ${subject}.`),
      pass('dkim/signing-enabled', 'Signing is on.'),
      key,
      ...short,
    ],
  };
}

function pass(rule: string, message: string, target?: string): Finding {
  return { rule, ...(target === undefined ? {} : { target }), verdict: 'pass', message, evidence: [] };
}

function interopRun(): Run {
  const fail = (
    rule: string,
    target: string | undefined,
    owner: Finding['owner'],
    message: string,
    remedy: string,
  ): Finding => ({
    rule: `teams-exchange-interop/${rule}`,
    ...(target === undefined ? {} : { target }),
    verdict: 'fail',
    severity: 'high',
    ...(owner === undefined ? {} : { owner }),
    message,
    remedy,
    evidence: evidence('ews-anonymous', '302 to https://signin.contoso.com/adfs/ls/'),
  });
  return {
    evaluation: 'teams-exchange-interop',
    subject: 'contoso',
    at: '',
    answers: {
      calendar: 'no',
      delegates: 'no',
      presence: 'undetermined',
      voicemail: 'yes',
      compliance: 'yes',
      'rich-coexistence': 'not_applicable',
    },
    findings: [
      fail(
        'ews-without-pre-authentication',
        'mail.contoso.com',
        'network',
        'https://mail.contoso.com/EWS/Exchange.asmx redirects to a sign-in page: a proxy authenticates callers before Exchange sees them.',
        'Publish /EWS as pass-through: Exchange itself has to ask for the token, nothing in front of it.',
      ),
      fail(
        'autodiscover-without-http-redirect',
        'contoso.com',
        'customer-dns',
        'autodiscover.contoso.com only redirects from port 80: Outlook follows that, Teams does not.',
        'Serve autodiscover.contoso.com on port 443 with a certificate that carries the name.',
      ),
      fail(
        'exchange-hybrid-option-enabled',
        undefined,
        'tenant',
        'The option "Exchange hybrid deployment" is off in Entra Connect.',
        'Entra Connect: Configure > Customize synchronization options > Optional features > Exchange hybrid deployment.',
      ),
      {
        rule: 'teams-exchange-interop/rest-published',
        verdict: 'unknown',
        blockedBy: 'teams-exchange-interop/ews-without-pre-authentication',
        message: 'Not judged: blocked.',
        evidence: [],
      },
      {
        rule: 'teams-exchange-interop/firewall-admits-microsoft',
        verdict: 'manual',
        message: 'Nobody looked from outside.',
        remedy: 'Ask the network team whether port 443 is open for Microsoft 365.',
        evidence: [],
      },
      pass('teams-exchange-interop/tls-trusted', 'The certificate is trusted.', 'mail.contoso.com'),
    ],
  };
}

function smtpRun(broken: boolean, blind = false): Run {
  const about = (rule: string, target: string, severity: Finding['severity'], remedy: string): Finding =>
    broken && target === 'EX2'
      ? {
          rule: `smtp-source-ip/${rule}`,
          target,
          verdict: 'fail',
          ...(severity === undefined ? {} : { severity }),
          owner: 'on-premises',
          message: `${target}: ${rule.replaceAll('-', ' ')} is off.`,
          remedy,
          evidence: evidence('network-adapters', 'Disabled'),
        }
      : pass(`smtp-source-ip/${rule}`, `${target}: ${rule.replaceAll('-', ' ')} is on.`, target);
  const both = (rule: string, severity: Finding['severity'], remedy: string) =>
    ['EX1', 'EX2'].map((node) => about(rule, node, severity, remedy));
  return {
    evaluation: 'smtp-source-ip',
    subject: 'smtp-in',
    at: '',
    answers: {
      'source-ip-visible': blind ? 'undetermined' : 'yes',
      'dsr-ready': blind ? 'undetermined' : broken ? 'no' : 'yes',
      'relay-safe': blind ? 'undetermined' : 'yes',
    },
    findings: [
      ...both(
        'lan-weak-host-receive',
        'critical',
        "Set-NetIPInterface -InterfaceAlias 'LAN' -AddressFamily IPv4 -WeakHostReceive Enabled",
      ),
      ...both(
        'loopback-weak-host-send',
        'critical',
        "Set-NetIPInterface -InterfaceAlias 'Loopback' -AddressFamily IPv4 -WeakHostSend Enabled",
      ),
      ...both(
        'netbios-disabled',
        'medium',
        "Set-ItemProperty -Path 'HKLM:\\SYSTEM\\CurrentControlSet' -Name NetbiosOptions -Value 2",
      ),
      ...['EX1', 'EX2'].map(
        (target): Finding => ({
          rule: 'smtp-source-ip/probe-shows-client-address',
          target,
          verdict: 'unknown',
          reason: 'not_supplied',
          message: 'Could not look: the service was not probed.',
          evidence: [],
        }),
      ),
    ],
  };
}

function hostileRun(subject: string): Run {
  return {
    evaluation: 'dkim',
    subject,
    at: '',
    answers: { 'verifiable-now': 'no', 'verifiable-after-rotation': 'undetermined' },
    findings: [
      {
        rule: 'dkim/active-key-published',
        target: hostile.target,
        verdict: 'fail',
        severity: 'critical',
        owner: 'customer-dns',
        message: hostile.message,
        remedy: hostile.message,
        supportCase: hostile.message,
        dns: [{ action: 'publish', name: subject, type: 'TXT', data: hostile.observed }],
        evidence: [
          { fact: hostile.target, observed: hostile.observed, source: hostile.message, at: '2026-11-28T06:00:55.000Z' },
        ],
      },
      {
        rule: 'dkim/next-selector-ready',
        target: hostile.target,
        verdict: 'unknown',
        message: hostile.message,
        evidence: [{ fact: 'x', observed: hostile.observed }],
      },
    ],
  };
}
