import { getuid } from 'node:process';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FactSet, known, noFacts } from '../../../src/domain/fact-set.ts';
import type { Run } from '../../../src/domain/finding.ts';
import { gather } from '../../../src/domain/gather.ts';
import { judge } from '../../../src/domain/judge.ts';
import { bound } from '../../../src/domain/source.ts';
import { teamsExchangeInterop } from '../../../src/evaluations/teams-exchange-interop/index.ts';
import { type ExchangeOrganization, exchangeOrganization } from '../../../src/facts/exchange-organization/subject.ts';
import { createRoots, type Roots } from '../../../src/http/roots.ts';
import { type InteropOptions, interopSources } from '../../../src/sources/bindings/teams-exchange-interop/sources.ts';
import { type Authority, createAuthority, type ServerCertificate } from './certificates.ts';
import {
  challengeFor,
  exchangeServer,
  type Handler,
  type Running,
  resolverOf,
  type Simulation,
  serveHttp,
  serveHttps,
  type Zone,
} from './simulated-exchange.ts';

// Probes use ports 443 and 80 only, so these servers do too.
const isRoot = getuid?.() === 0;
if (!isRoot)
  console.log('Not run: the HTTPS probe tests listen on ports 443 and 80 of loopback addresses, which needs root.');

const tenantId = '11111111-2222-3333-4444-555555555555';
const front = '127.0.9.1';
const mail = '127.0.9.2';
const zone: Zone = { 'autodiscover.contoso.com': [front], 'mail.contoso.com': [mail] };

describe.runIf(isRoot)('anonymous probes against real servers', () => {
  let authority: Authority;
  let roots: Roots;
  let certificate: ServerCertificate;
  let cloudCertificate: ServerCertificate;
  const running: Running[] = [];

  beforeAll(() => {
    authority = createAuthority();
    roots = createRoots([authority.root]);
    certificate = authority.issue(['mail.contoso.com', 'autodiscover.contoso.com']);
    cloudCertificate = authority.issue(['127.0.0.1']);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()));
  });
  afterAll(() => {
    expect(running).toEqual([]);
  });

  const start = async (server: Promise<Running>): Promise<Running> => {
    const started = await server;
    running.push(started);
    return started;
  };

  const cloud: Handler = (_, response, url) => {
    if (url.pathname.endsWith('/openid-configuration')) {
      response.end(
        JSON.stringify({
          issuer: `https://sts.windows.net/${tenantId}/`,
          token_endpoint: `https://login.microsoftonline.com/${tenantId}/oauth2/token`,
          tenant_region_scope: 'EU',
        }),
      );
      return;
    }
    const email = url.searchParams.get('Email') ?? '';
    const target = email.startsWith('adele') ? 'autodiscover.contoso.com' : 'outlook.office365.com';
    if (email.startsWith('cloud')) {
      response.end(JSON.stringify({ Protocol: 'EWS', Url: 'https://outlook.office365.com/EWS/Exchange.asmx' }));
      return;
    }
    response.writeHead(302, {
      location: `https://${target}/autodiscover/autodiscover.json?Email=${encodeURIComponent(email)}&Protocol=EWS&RedirectCount=1`,
    });
    response.end();
  };

  /** Both hosts on one simulated server, Exchange Online and the sign-in endpoint on another. */
  const exchange = async (simulation: Simulation = {}, cert = certificate) => {
    const handler = exchangeServer(simulation);
    return {
      autodiscover: await start(serveHttps(front, cert, handler)),
      mail: await start(serveHttps(mail, cert, handler)),
    };
  };

  const evaluate = async (
    change: Partial<ExchangeOrganization> = {},
    options: Partial<InteropOptions> = {},
    now = new Date(),
    supplied: FactSet = noFacts,
  ): Promise<{ run: Run; facts: FactSet }> => {
    const online = await start(serveHttps('127.0.0.1', cloudCertificate, cloud, 0));
    const subject = exchangeOrganization.parse({
      kind: 'exchange-organization',
      id: 'contoso',
      domains: ['contoso.com'],
      sampleUsers: ['adele@contoso.com'],
      intents: ['presence'],
      ...change,
    });
    const sources = bound(
      interopSources({
        resolve: resolverOf(zone),
        allowPrivate: true,
        roots,
        endpoints: { 'exchange-online': `https://127.0.0.1:${online.port}`, login: `https://127.0.0.1:${online.port}` },
        timeoutMs: 5000,
        ...options,
      }),
    );
    const facts = await gather(teamsExchangeInterop, subject, sources, { now, supplied });
    const errors: unknown[] = [];
    const run = judge(teamsExchangeInterop, subject, facts, { now, onRuleError: (_, error) => errors.push(error) });
    expect(errors).toEqual([]);
    return { run, facts };
  };

  const said = (run: Run, rule: string, target?: string) => {
    const found = run.findings.find(
      (finding) =>
        finding.rule === `teams-exchange-interop/${rule}` && (target === undefined || finding.target === target),
    );
    return `${found?.verdict}: ${found?.message}`;
  };

  it('finds a published server in order, and asks each question once', async () => {
    const servers = await exchange();
    const asked: string[] = [];
    const { run } = await evaluate({}, { resolve: resolverOf(zone, asked) });
    const seen = Object.fromEntries(
      run.findings
        .filter(({ evidence, verdict }) => evidence.length > 0 && verdict !== 'unknown')
        .map(({ rule, target, verdict }) => [`${rule.split('/')[1]} ${target ?? ''}`.trim(), verdict]),
    );
    expect(seen).toEqual({
      'cloud-environment-supported': 'pass',
      'autodiscover-published contoso.com': 'pass',
      'autodiscover-without-http-redirect contoso.com': 'pass',
      'tls-trusted autodiscover.contoso.com': 'pass',
      'tls-trusted mail.contoso.com': 'pass',
      'waf-passes-autodiscover-v2 contoso.com': 'pass',
      'autodiscover-v2-returns-ews contoso.com': 'pass',
      'path-without-hybrid-agent contoso.com': 'pass',
      'exchange-online-routes-on-premises contoso.com': 'pass',
      // Asked at loopback addresses, so from inside.
      'firewall-admits-microsoft': 'manual',
      'ews-without-pre-authentication mail.contoso.com': 'pass',
      'oauth-trusts-this-tenant mail.contoso.com': 'pass',
      'published-server-on-supported-version autodiscover.contoso.com': 'pass',
      'published-server-on-supported-version mail.contoso.com': 'pass',
      'rest-published contoso.com': 'pass',
      'build-supported autodiscover.contoso.com': 'pass',
      'build-supported mail.contoso.com': 'pass',
    });
    expect(said(run, 'oauth-trusts-this-tenant')).toBe(
      `pass: mail.contoso.com trusts tenant ${tenantId} and names Microsoft's sign-in: OAuth is proven.`,
    );
    for (const { requests } of Object.values(servers)) expect(new Set(requests).size).toBe(requests.length);
    expect(servers.mail.requests).toContain('GET /EWS/Exchange.asmx Bearer');
    expect(servers.mail.requests).toContain('GET /EWS/Exchange.asmx Bearer as Teams');
    expect(new Set(asked).size).toBe(asked.length);
  });

  it.each([
    ['15.0.1497.48', 'fail', 'enough for delegate scheduling'],
    ['15.1.466.34', 'fail', 'Exchange 2016 CU2'],
    ['15.1.544.27', 'pass', 'Exchange 2016 CU3'],
    ['15.2.1748.53', 'pass', 'Exchange 2019 CU15'],
    ['15.2.2562.53', 'pass', 'Exchange SE'],
  ])('reads build %s from outside: %s', async (build, verdict, words) => {
    await exchange({ build });
    const { run } = await evaluate();
    const sentence = said(run, 'published-server-on-supported-version', 'mail.contoso.com');
    expect(sentence).toContain(`${verdict}: `);
    expect(sentence).toContain(words);
    expect(sentence).toContain('high confidence');
  });

  it('sees a server behind a sign-in page', async () => {
    await exchange({
      inFront: (_, response, url) => {
        if (!/^\/ews/i.test(url.pathname)) return false;
        response.writeHead(302, { location: 'https://sts.contoso.com/adfs/ls/?wa=wsignin1.0' });
        response.end();
        return true;
      },
    });
    const { run } = await evaluate();
    expect(said(run, 'ews-without-pre-authentication')).toBe(
      'fail: https://mail.contoso.com/EWS/Exchange.asmx redirects to a sign-in page (https://sts.contoso.com/adfs/ls/?wa=wsignin1.0): a proxy authenticates callers before Exchange sees them.',
    );
    expect(said(run, 'oauth-trusts-this-tenant')).toBe(
      'unknown: Not judged: blocked by teams-exchange-interop/ews-without-pre-authentication, which failed.',
    );
    expect(run.answers).toMatchObject({ calendar: 'no' });
  });

  it.each([
    ['403', (response: Parameters<Handler>[1]) => response.writeHead(403).end(), '403'],
    ['a reset', (response: Parameters<Handler>[1]) => response.destroy(), 'a reset connection'],
    [
      'the page of a filter',
      (response: Parameters<Handler>[1]) =>
        response.end('<title>Request Rejected</title>The requested URL was rejected. Your support ID is: 1'),
      'a page of refusal (200)',
    ],
    [
      '406',
      (response: Parameters<Handler>[1]) => response.writeHead(406).end('Not Acceptable'),
      'a page of refusal (406)',
    ],
  ])('sees a filter that answers autodiscover.json with %s', async (_, block, words) => {
    await exchange({
      inFront: (_request, response, url) => {
        if (!url.pathname.endsWith('autodiscover.json')) return false;
        block(response);
        return true;
      },
    });
    const { run } = await evaluate();
    expect(said(run, 'waf-passes-autodiscover-v2')).toBe(
      `fail: autodiscover.contoso.com answers /autodiscover/autodiscover.xml (401), but autodiscover.json with ${words}: a filter takes it for ProxyShell.`,
    );
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(
      'unknown: Not judged: blocked by teams-exchange-interop/waf-passes',
    );
    expect(said(run, 'ews-without-pre-authentication')).toContain('unknown: Not judged: blocked by');
  });

  it('sees a name that only redirects from port 80, whose certificate is for another name', async () => {
    const wrong = authority.issue(['mail.contoso.com']);
    await exchange({}, wrong);
    await start(
      serveHttp(front, (_, response) => {
        response.writeHead(302, { location: 'https://mail.contoso.com/autodiscover/autodiscover.xml' });
        response.end();
      }),
    );
    const { run } = await evaluate();
    expect(said(run, 'autodiscover-without-http-redirect')).toContain(
      'fail: autodiscover.contoso.com only redirects from port 80 to https://mail.contoso.com/autodiscover/autodiscover.xml',
    );
    expect(said(run, 'tls-trusted', 'autodiscover.contoso.com')).toContain(
      'blocked by teams-exchange-interop/autodiscover-without-http-redirect (contoso.com)',
    );
    expect(said(run, 'ews-without-pre-authentication')).toContain('unknown: Not judged: blocked by');
  });

  it('sees the same with port 443 closed, and an SRV record cures it', async () => {
    await start(serveHttps(mail, certificate, exchangeServer()));
    await start(
      serveHttp(front, (_, response) => {
        response.writeHead(302, { location: 'https://mail.contoso.com/autodiscover/autodiscover.xml' });
        response.end();
      }),
    );
    const trapped = await evaluate();
    expect(said(trapped.run, 'autodiscover-without-http-redirect')).toContain('fail: ');
    expect(said(trapped.run, 'tls-trusted', 'autodiscover.contoso.com')).toContain('unknown: Not judged: blocked by');

    const cured = await evaluate(
      {},
      {
        resolve: resolverOf({ ...zone, 'SRV _autodiscover._tcp.contoso.com': ['0 0 443 mail.contoso.com'] }),
      },
    );
    expect(said(cured.run, 'autodiscover-without-http-redirect')).toContain('pass: ');
    expect(said(cured.run, 'autodiscover-v2-returns-ews')).toBe(
      'pass: mail.contoso.com names https://mail.contoso.com/EWS/Exchange.asmx.',
    );
  });

  it('asks the SRV target where the name does not exist, and no port but 443', async () => {
    await exchange();
    const srv = (port: number): Zone => ({
      'mail.contoso.com': [mail],
      'SRV _autodiscover._tcp.contoso.com': [`0 0 ${port} mail.contoso.com`],
    });
    const good = await evaluate({}, { resolve: resolverOf(srv(443)) });
    expect(said(good.run, 'autodiscover-v2-returns-ews')).toContain('pass: mail.contoso.com names');
    const bad = await evaluate({}, { resolve: resolverOf(srv(8443)) });
    expect(said(bad.run, 'autodiscover-published')).toContain('names port 8443; Teams asks port 443 only');
    expect(said(bad.run, 'tls-trusted', 'autodiscover.contoso.com')).toContain('unknown: Not judged: blocked by');
  });

  it('keeps "no such name" and "no answer" apart', async () => {
    const missing = await evaluate({}, { resolve: resolverOf({}) });
    expect(said(missing.run, 'autodiscover-published')).toContain('fail: Neither autodiscover.contoso.com nor');
    expect(missing.run.answers.calendar).toBe('no');
    const silent = await evaluate({}, { resolve: resolverOf({ 'autodiscover.contoso.com': ['SERVFAIL'] }) });
    expect(said(silent.run, 'autodiscover-published')).toBe(
      'unknown: Could not look: Autodiscover names in DNS: not reachable (autodiscover.contoso.com: SERVFAIL).',
    );
    expect(silent.run.answers.calendar).toBe('undetermined');
  });

  it('judges certificates at the time of the run, not of the machine', async () => {
    const past = authority.issue(['mail.contoso.com', 'autodiscover.contoso.com'], {
      from: new Date('2024-01-01T00:00:00Z'),
      to: new Date('2025-01-01T00:00:00Z'),
    });
    await exchange({}, past);
    const today = await evaluate();
    expect(said(today.run, 'tls-trusted')).toBe(
      'fail: The certificate chain of autodiscover.contoso.com expired on 2025-01-01.',
    );
    const then = await evaluate({}, {}, new Date('2024-06-01T00:00:00Z'));
    expect(said(then.run, 'tls-trusted')).toContain('pass: ');
    expect(said(then.run, 'autodiscover-v2-returns-ews')).toContain('pass: ');
  });

  it('names an intermediate that the server does not send, and a root nobody trusts', async () => {
    await exchange({}, authority.issue(['mail.contoso.com', 'autodiscover.contoso.com'], { chain: false }));
    expect(said((await evaluate()).run, 'tls-trusted')).toContain(
      'fail: autodiscover.contoso.com does not send the intermediate certificate',
    );
    await Promise.all(running.splice(0).map((server) => server.close()));
    const stranger = createAuthority('Stranger');
    await exchange({}, await stranger.issue(['mail.contoso.com', 'autodiscover.contoso.com']));
    expect(said((await evaluate()).run, 'tls-trusted')).toContain('does not chain to a public root');
  });

  it('takes a mailbox that both sides place in the cloud for moved, and neither for a duplicate nor for a fault', async () => {
    await exchange({
      inFront: (_request, response, url) => {
        const email = url.searchParams.get('Email') ?? '';
        if (!email.startsWith('cloud')) return false;
        response.writeHead(302, {
          location: `https://outlook.office365.com/autodiscover/autodiscover.json?Email=${email}`,
        });
        response.end();
        return true;
      },
    });
    const { run } = await evaluate({ sampleUsers: ['adele@contoso.com', 'cloud@contoso.com'] });
    for (const rule of ['autodiscover-v2-returns-ews', 'exchange-online-routes-on-premises']) {
      expect(said(run, rule)).toBe(
        'manual: cloud@contoso.com has a mailbox in Exchange Online, and on premises a remote mailbox: moved, so asking about that user tells nothing of the servers.',
      );
    }
    expect(run.answers.calendar).toBe('undetermined');
  });

  it('asks nothing of a domain in which nobody has a mailbox on premises, once all are counted', async () => {
    await exchange();
    const resolve = resolverOf({
      ...zone,
      'autodiscover.fabrikam.com': ['CNAME autodiscover.outlook.com'],
      'autodiscover.outlook.com': ['192.0.2.1'],
    });
    const counted = (...domains: { domain: string; mailboxes: number }[]): FactSet => ({
      facts: {
        'exchange-servers': known({ servers: [], externalHosts: [], domains }, 'collector', new Date().toISOString()),
      },
      parts: {},
    });
    const domains = ['contoso.com', 'fabrikam.com'];
    const { run } = await evaluate(
      { domains },
      { resolve },
      new Date(),
      counted({ domain: 'contoso.com', mailboxes: 120 }),
    );
    expect(said(run, 'autodiscover-published', 'fabrikam.com')).toBe(
      'not_applicable: No mailbox on premises has its address in fabrikam.com, by the collector’s count of the whole forest: its Autodiscover is of no use to Teams there.',
    );
    const others = run.findings.filter(
      ({ target, rule }) => target?.includes('fabrikam') && !rule.endsWith('-published'),
    );
    expect(others.map(({ rule, verdict }) => `${rule} ${verdict}`)).toEqual([
      'teams-exchange-interop/exchange-online-routes-on-premises not_applicable',
    ]);
    const both = [
      { domain: 'contoso.com', mailboxes: 120 },
      { domain: 'fabrikam.com', mailboxes: 4 },
    ];
    expect(
      said(
        (await evaluate({ domains }, { resolve }, new Date(), counted(...both))).run,
        'autodiscover-published',
        'fabrikam.com',
      ),
    ).toContain('fail: autodiscover.fabrikam.com is a CNAME to autodiscover.outlook.com');
  });

  it('does not follow an expired detour behind a root that everybody knows', async () => {
    await exchange({}, authority.issue(['mail.contoso.com', 'autodiscover.contoso.com'], { chain: 'cross-signed' }));
    const { run } = await evaluate();
    expect(said(run, 'tls-trusted')).toContain('pass: autodiscover.contoso.com presents a trusted certificate until ');
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain('pass: ');
  });

  it('reads an answer that came compressed unasked, or with a byte order mark', async () => {
    const json = JSON.stringify({ Protocol: 'EWS', Url: 'https://mail.contoso.com/EWS/Exchange.asmx' });
    for (const [headers, body] of [
      [{ 'content-encoding': 'gzip' }, gzipSync(json)],
      [{}, `\uFEFF${json}`],
    ] as const) {
      await exchange({
        inFront: (_request, response, url) => {
          if (url.searchParams.get('Protocol') !== 'EWS') return false;
          response.writeHead(200, {
            'content-type': 'application/json; charset=utf-8',
            'x-feserver': 'EX1',
            ...headers,
          });
          response.end(body);
          return true;
        },
      });
      expect(said((await evaluate()).run, 'autodiscover-v2-returns-ews')).toBe(
        'pass: autodiscover.contoso.com names https://mail.contoso.com/EWS/Exchange.asmx.',
      );
      await Promise.all(running.splice(0).map((server) => server.close()));
    }
  });

  it('tells the redirect of the web site from a sign-in page in front', async () => {
    await exchange({
      inFront: (_request, response, url) => {
        if (!/^\/(autodiscover|ews)\//i.test(url.pathname)) return false;
        response.writeHead(302, { location: '/owa' });
        response.end();
        return true;
      },
    });
    const { run } = await evaluate();
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(
      'redirects autodiscover.json to Outlook on the web (https://autodiscover.contoso.com/owa',
    );
    expect(run.findings.find(({ rule }) => rule.endsWith('autodiscover-v2-returns-ews'))).toMatchObject({
      owner: 'on-premises',
    });
  });

  it('names a port that does not speak TLS and a server that speaks an old one only', async () => {
    await start(serveHttp(front, (_, response) => response.end('plain'), 443));
    expect(said((await evaluate()).run, 'tls-trusted')).toBe(
      'fail: Port 443 of autodiscover.contoso.com does not speak TLS.',
    );
    await Promise.all(running.splice(0).map((server) => server.close()));
    await start(serveHttps(front, certificate, exchangeServer(), 443, { maxVersion: 'TLSv1.1' }));
    expect(said((await evaluate()).run, 'tls-trusted')).toBe(
      'fail: autodiscover.contoso.com offers TLSv1.1 at most; Microsoft 365 needs TLS 1.2.',
    );
  });

  it.each([
    [
      'another tenant',
      challengeFor('99999999-8888-7777-6666-555555555555'),
      'fail: mail.contoso.com trusts tenant 9999',
    ],
    ['every realm', challengeFor('*'), 'manual: mail.contoso.com trusts every tenant (realm *)'],
    ['nothing readable', 'Bearer client_id="0000', 'manual: The Bearer challenge of mail.contoso.com cannot be read'],
    ['no Bearer', [], 'fail: mail.contoso.com offers no OAuth'],
    [
      'nobody by name',
      'Bearer token_types="app_asserted_user_v1", error="invalid_token"',
      'unknown: Could not look: OAuth challenge of EWS: not enough to go by (mail.contoso.com offers OAuth but does not say whom it trusts',
    ],
  ])('decodes a challenge that trusts %s', async (_, bearer, words) => {
    await exchange({ bearer });
    expect(said((await evaluate()).run, 'oauth-trusts-this-tenant')).toContain(words);
  });

  it.each([
    ['https://ex1.contoso.local/EWS/Exchange.asmx', 'fail', 'a name that exists inside the network only'],
    ['http://mail.contoso.com/EWS/Exchange.asmx', 'fail', 'which is no https address'],
    ['https://169.254.169.254/EWS/Exchange.asmx', 'fail', 'an address that is not on the internet'],
    ['https://owa.contoso.com/EWS/Exchange.asmx', 'fail', 'owa.contoso.com has no address in public DNS'],
    ['https://outlook.office365.com/EWS/Exchange.asmx', 'fail', 'which is Exchange Online'],
  ])('judges the EWS URL %s: %s', async (ewsUrl, verdict, words) => {
    await exchange({ ewsUrl });
    const { run } = await evaluate();
    expect(said(run, 'autodiscover-v2-returns-ews')).toMatch(new RegExp(`^${verdict}: `));
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(words);
  });

  it('leaves an URL of the Hybrid Agent to the rule about it, and connects to none', async () => {
    await exchange({
      ewsUrl:
        'https://aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee.resource.mailboxmigration.his.msappproxy.net/EWS/Exchange.asmx',
    });
    const { run } = await evaluate();
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain('pass: ');
    expect(said(run, 'path-without-hybrid-agent')).toContain('fail: ');
    expect(said(run, 'ews-without-pre-authentication')).toContain(
      'blocked by teams-exchange-interop/path-without-hybrid-agent',
    );
  });

  it('tells 5xx and silence from an answer', async () => {
    await exchange({
      inFront: (_, response, url) => {
        if (!url.pathname.endsWith('autodiscover.json')) return false;
        response.writeHead(503).end();
        return true;
      },
    });
    const { run } = await evaluate();
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(
      'unknown: Could not look: answer of Autodiscover V2: not reachable (autodiscover.contoso.com answered autodiscover.json with 503: unavailable, what is behind is down or something in front is busy)',
    );
    expect(run.answers.calendar).toBe('undetermined');
  });

  it('follows redirects on the host, three at most, and none to another', async () => {
    let hops = 0;
    await exchange({
      inFront: (_, response, url) => {
        if (!url.pathname.endsWith('autodiscover.json') || hops >= 2) return false;
        hops += 1;
        response.writeHead(302, { location: `${url.pathname}${url.search}&RedirectCount=${hops}` }).end();
        return true;
      },
    });
    expect(said((await evaluate({ intents: [] })).run, 'autodiscover-v2-returns-ews')).toContain('pass: ');
  });

  it('takes what Exchange Online says about sample users', async () => {
    await exchange();
    const duplicate = await evaluate({ sampleUsers: ['cloud@contoso.com'] });
    expect(said(duplicate.run, 'exchange-online-routes-on-premises')).toContain(
      'fail: Exchange Online has a mailbox of its own for cloud@contoso.com',
    );
    const stranger = await evaluate({ sampleUsers: ['nobody@contoso.com'] });
    expect(said(stranger.run, 'exchange-online-routes-on-premises')).toBe(
      'manual: Exchange Online does not know nobody@contoso.com: not synchronised, or the sample is wrong.',
    );
    const none = await evaluate({ sampleUsers: [] });
    expect(said(none.run, 'exchange-online-routes-on-premises')).toContain(
      'unknown: Could not look: routing at Exchange Online',
    );
  });

  it('probes declared hosts, and takes no body beyond its limit', async () => {
    await exchange({
      inFront: (_, response, url) => {
        if (url.pathname !== '/owa/') return false;
        response.end('x'.repeat(1_000_000));
        return true;
      },
    });
    const { run } = await evaluate(
      { hosts: ['mail.contoso.com'], sampleUsers: [] },
      { resolve: resolverOf({ 'mail.contoso.com': [mail] }) },
    );
    expect(said(run, 'ews-without-pre-authentication', 'mail.contoso.com')).toContain('pass: ');
    expect(said(run, 'autodiscover-published')).toContain('fail: ');
  });

  it('probes a declared host without any domain, and passes nothing it did not look at', async () => {
    await exchange();
    const { run } = await evaluate({ domains: [], sampleUsers: [], hosts: ['mail.contoso.com'], tenantId });
    expect(said(run, 'ews-without-pre-authentication', 'mail.contoso.com')).toContain('pass: ');
    expect(said(run, 'autodiscover-published')).toBe(
      'unknown: Could not look: Autodiscover names in DNS: not enough to go by (no domain is named).',
    );
    expect(run.answers.calendar).toBe('undetermined');
  });

  it('gives up on a server that never answers, and says so', async () => {
    await exchange({ inFront: () => true });
    const { run } = await evaluate({}, { timeoutMs: 300 });
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(
      'no answer in time (autodiscover.contoso.com gave no answer within 0.3 s)',
    );
    expect(run.answers.calendar).toBe('undetermined');
  });

  it('names what drops autodiscover.json without a word, once it was silent twice', async () => {
    let asked = 0;
    await exchange({
      inFront: (_, __, url) => {
        if (!url.pathname.endsWith('autodiscover.json')) return false;
        asked += 1;
        return true;
      },
    });
    const { run } = await evaluate({ intents: [] }, { timeoutMs: 300 });
    expect(said(run, 'waf-passes-autodiscover-v2')).toBe(
      'fail: autodiscover.contoso.com answers /autodiscover/autodiscover.xml (401), but autodiscover.json with silence, twice: a filter takes it for ProxyShell.',
    );
    // As Teams, as ourselves, and as Teams again.
    expect(asked).toBe(3);
  });

  it('says who throttles, and takes it for no answer', async () => {
    await exchange({
      inFront: (_, response) => {
        response.writeHead(429, { 'retry-after': '60' }).end();
        return true;
      },
    });
    const { run } = await evaluate();
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(
      'autodiscover.contoso.com answered autodiscover.json with 429: too many requests, something in front throttles callers',
    );
    expect(run.answers.calendar).toBe('undetermined');
  });

  it.each([
    [
      { server: 'LoadBalancer' },
      ['Basic realm="x"'],
      'network',
      '401 Basic, without a sign of Exchange): something in front',
    ],
    [
      { 'x-feserver': 'EX1' },
      ['Negotiate', 'NTLM'],
      'on-premises',
      "of Exchange's own IIS): anonymous authentication is off",
    ],
  ])('tells who asks for credentials before Autodiscover answers: %o', async (headers, schemes, owner, words) => {
    await exchange({
      inFront: (_, response, url) => {
        if (!url.pathname.endsWith('autodiscover.json')) return false;
        response.writeHead(401, { ...headers, 'www-authenticate': schemes }).end();
        return true;
      },
    });
    const { run } = await evaluate();
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(words);
    expect(run.findings.find(({ rule, verdict }) => rule.endsWith('returns-ews') && verdict === 'fail')?.owner).toBe(
      owner,
    );
  });

  it.each([
    [
      'admits Teams and refuses others',
      /fieldcheck/,
      'pass: ',
      'A caller that does not call itself Teams gets another answer (403',
    ],
    ['refuses Teams and admits others', /Teams/, 'fail: ', 'turns away whoever calls itself Teams (403)'],
  ])('asks with both user agents where a filter %s', async (_, refused, verdict, words) => {
    await exchange({
      inFront: (request, response) => {
        if (!refused.test(request.headers['user-agent'] ?? '')) return false;
        response.writeHead(403).end();
        return true;
      },
    });
    const { run } = await evaluate({ intents: [] });
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(verdict);
    expect(said(run, 'autodiscover-v2-returns-ews')).toContain(words);
  });

  describe('at every address', () => {
    const second = '127.0.9.3';
    const two: Zone = { ...zone, 'mail.contoso.com': [mail, second] };
    const withTwo = { resolve: resolverOf(two) };

    it('finds the one whose certificate expired', async () => {
      await exchange();
      const past = authority.issue(['mail.contoso.com'], {
        from: new Date('2024-01-01T00:00:00Z'),
        to: new Date('2025-01-01T00:00:00Z'),
      });
      await start(serveHttps(second, past, exchangeServer()));
      const { run } = await evaluate({}, withTwo);
      expect(said(run, 'tls-trusted', 'mail.contoso.com')).toBe(
        'fail: The certificate chain of mail.contoso.com at 127.0.9.3, one of 2 addresses, expired on 2025-01-01.',
      );
    });

    it('finds the one that has no EWS, no OAuth, an old version', async () => {
      await exchange();
      const old = await start(serveHttps(second, certificate, exchangeServer({ bearer: [], build: '15.1.466.34' })));
      const { run } = await evaluate({}, withTwo);
      expect(said(run, 'oauth-trusts-this-tenant')).toContain('fail: At 127.0.9.3: mail.contoso.com offers no OAuth');
      expect(said(run, 'published-server-on-supported-version', 'mail.contoso.com')).toContain(
        'fail: mail.contoso.com at 127.0.9.3 runs Exchange 2016 CU2',
      );
      running.splice(running.indexOf(old), 1);
      await old.close();
      await start(serveHttps(second, certificate, (_, response) => void response.writeHead(404).end()));
      const without = await evaluate({}, withTwo);
      expect(said(without.run, 'ews-without-pre-authentication')).toBe(
        'fail: https://mail.contoso.com/EWS/Exchange.asmx at 127.0.9.3 is not there (404): EWS is not published at that address.',
      );
    });

    it('asks for a look at the one that is dead, and is content where all are well', async () => {
      await exchange();
      const dead = await evaluate({}, withTwo);
      expect(said(dead.run, 'firewall-admits-microsoft')).toContain(
        'manual: mail.contoso.com at 127.0.9.3 gave no answer from outside',
      );
      await start(serveHttps(second, certificate, exchangeServer()));
      const { run } = await evaluate({}, withTwo);
      expect(said(run, 'tls-trusted', 'mail.contoso.com')).toContain('at each of 2 addresses.');
      expect(said(run, 'ews-without-pre-authentication')).toContain('(401 Negotiate and NTLM) at each of 2 addresses.');
    });

    it('says which addresses are beyond what one run asks', async () => {
      await exchange();
      const many = ['127.0.9.2', ...[3, 4, 5, 6, 7].map((last) => `127.0.9.${last}`)];
      for (const address of many.slice(1, 4)) await start(serveHttps(address, certificate, exchangeServer()));
      const { run } = await evaluate({}, { resolve: resolverOf({ ...zone, 'mail.contoso.com': many }) });
      expect(said(run, 'tls-trusted', 'mail.contoso.com')).toBe(
        'manual: mail.contoso.com has 6 addresses; 127.0.9.6 and 127.0.9.7 were not asked (4 are in one run).',
      );
    });

    it('finds an address from which autodiscover.json never comes', async () => {
      await exchange();
      await start(
        serveHttps(second, certificate, exchangeServer({ ewsUrl: 'https://ex2.contoso.local/EWS/Exchange.asmx' })),
      );
      const { run } = await evaluate(
        {},
        { resolve: resolverOf({ ...zone, 'autodiscover.contoso.com': [front, second] }) },
      );
      expect(said(run, 'autodiscover-v2-returns-ews')).toBe(
        'fail: autodiscover.contoso.com names https://ex2.contoso.local/EWS/Exchange.asmx, a name that exists inside the network only, when asked at 127.0.9.3.',
      );
    });
  });

  describe('for every sample user', () => {
    const urlFor = (user: string, ewsUrl: string): Simulation => ({
      inFront: (_, response, url) => {
        if (url.searchParams.get('Email') !== user) return false;
        response.end(JSON.stringify({ Protocol: 'EWS', Url: ewsUrl }));
        return true;
      },
    });

    it('finds the one whose EWS is inside, and looks at every host that is named', async () => {
      await exchange(urlFor('adele2@contoso.com', 'https://ex2.contoso.local/EWS/Exchange.asmx'));
      const users = { sampleUsers: ['adele@contoso.com', 'adele2@contoso.com'] };
      const inside = await evaluate(users);
      expect(said(inside.run, 'autodiscover-v2-returns-ews')).toBe(
        'fail: autodiscover.contoso.com names https://ex2.contoso.local/EWS/Exchange.asmx, a name that exists inside the network only, when asked for adele2@contoso.com.',
      );
      await Promise.all(running.splice(0).map((server) => server.close()));
      await exchange(urlFor('adele2@contoso.com', 'https://mail2.contoso.com/EWS/Exchange.asmx'));
      const other = authority.issue(['mail2.contoso.com']);
      await start(serveHttps('127.0.9.4', other, exchangeServer({ bearer: [] })));
      const outside = await evaluate(users, { resolve: resolverOf({ ...zone, 'mail2.contoso.com': ['127.0.9.4'] }) });
      expect(said(outside.run, 'oauth-trusts-this-tenant', 'mail.contoso.com')).toContain('pass: ');
      expect(said(outside.run, 'oauth-trusts-this-tenant', 'mail2.contoso.com')).toContain('fail: ');
    });

    it('says whom one run does not ask about', async () => {
      await exchange();
      const { run } = await evaluate({
        sampleUsers: Array.from({ length: 62 }, (_, index) => `adele${index}@contoso.com`),
      });
      const words =
        'Not asked about, because one run asks about a limited number of sample users: adele60@contoso.com and adele61@contoso.com.';
      expect(said(run, 'autodiscover-v2-returns-ews')).toContain(words);
      expect(said(run, 'exchange-online-routes-on-premises')).toContain(words);
    });
  });

  describe('where Exchange Online names a host that no domain does', () => {
    const to =
      (host: string): Handler =>
      (request, response, url) =>
        url.pathname.endsWith('/autodiscover.json')
          ? void response.writeHead(302, { location: `https://${host}/autodiscover/autodiscover.json` }).end()
          : cloud(request, response, url);
    const named = 'autodiscover.corp.contoso.net';
    const routed = async (host: string, more: Zone = {}) => {
      const online = await start(serveHttps('127.0.0.1', cloudCertificate, to(host), 0));
      const origin = `https://127.0.0.1:${online.port}`;
      const { run } = await evaluate(
        { intents: [] },
        { endpoints: { 'exchange-online': origin, login: origin }, resolve: resolverOf({ ...zone, ...more }) },
      );
      return run;
    };

    it("looks it up, and fails where it does not exist or is the tenant's own", async () => {
      await exchange();
      expect(said(await routed(named), 'exchange-online-routes-on-premises')).toBe(
        `fail: Exchange Online sends Teams for adele@contoso.com to ${named}, a name that public DNS does not know.`,
      );
      expect(
        said(await routed('autodiscover.contoso.onmicrosoft.com'), 'exchange-online-routes-on-premises'),
      ).toContain('a name of the tenant in Exchange Online, where nobody can publish a server');
      expect(said(await routed(named, { [named]: ['127.0.9.5'] }), 'exchange-online-routes-on-premises')).toContain(
        `Teams gets no EWS address there (${named} refused the connection)`,
      );
    });

    it('takes an EWS address that Exchange Online names itself for one of the organization', async () => {
      await exchange();
      const online = await start(
        serveHttps(
          '127.0.0.1',
          cloudCertificate,
          (request, response, url) =>
            url.pathname.endsWith('/autodiscover.json')
              ? void response.end(
                  JSON.stringify({ Protocol: 'EWS', Url: 'https://ex1.contoso.local/EWS/Exchange.asmx' }),
                )
              : cloud(request, response, url),
          0,
        ),
      );
      const origin = `https://127.0.0.1:${online.port}`;
      const { run } = await evaluate({}, { endpoints: { 'exchange-online': origin, login: origin } });
      expect(said(run, 'exchange-online-routes-on-premises')).toBe(
        'fail: Exchange Online sends Teams for adele@contoso.com to ex1.contoso.local, and that names https://ex1.contoso.local/EWS/Exchange.asmx, which is not on the internet (internal-name).',
      );
    });

    it('asks it as Teams would, and judges it like every other host', async () => {
      await exchange();
      const certificates = authority.issue([named]);
      await start(serveHttps('127.0.9.5', certificates, exchangeServer({ build: '15.1.466.34' })));
      const run = await routed(named, { [named]: ['127.0.9.5'] });
      expect(said(run, 'exchange-online-routes-on-premises')).toBe(
        `pass: Exchange Online sends callers for adele@contoso.com to ${named}.`,
      );
      expect(said(run, 'published-server-on-supported-version', named)).toContain('fail: ');
    });
  });

  it('knows a wildcard record that hides the SRV record', async () => {
    const site = authority.issue(['*.contoso.com']);
    await start(
      serveHttps('127.0.9.6', site, (_, response) => void response.writeHead(404, { server: 'nginx' }).end()),
    );
    const table = resolverOf({
      'mail.contoso.com': [mail],
      'SRV _autodiscover._tcp.contoso.com': ['0 0 443 mail.contoso.com'],
    });
    const wildcard = resolverOf({ wild: ['127.0.9.6'] });
    const { run } = await evaluate(
      { intents: [] },
      {
        resolve: (name, type) =>
          name === 'mail.contoso.com' || type === 'SRV' ? table(name, type) : wildcard('wild', type),
      },
    );
    expect(said(run, 'autodiscover-v2-returns-ews')).toBe(
      'fail: autodiscover.contoso.com has no record of its own: a wildcard record leads it to a server (nginx) that is no Exchange and answers autodiscover.json with 404, and hides the SRV record that names mail.contoso.com.',
    );
  });
});
