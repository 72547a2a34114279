// Contoso's Exchange organization as saved facts: an organization that Teams can work with, and the same with three
// things wrong, each of another team. Nothing is probed, so the demo needs no Exchange server and no network.

import type { FactName, FactValue } from '../../domain/fact.ts';
import { known, notKnown, type PartFacts } from '../../domain/fact-set.ts';
import { dayMs } from '../../domain/time.ts';
import { parseBuild } from '../../facts/exchange-organization/builds.ts';
import { applications } from '../../facts/exchange-organization/cloud.ts';
import type { ExchangeOrganizationFacts } from '../../facts/exchange-organization/index.ts';

const domain = 'contoso.com';
const autodiscover = 'autodiscover.contoso.com';
const mail = 'mail.contoso.com';
const ews = `https://${mail}/EWS/Exchange.asmx`;
const user = 'adele@contoso.com';
const tenantId = '11111111-2222-3333-4444-555555555555';
const hybridAppId = 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb';
const thumbprint = 'A1B2C3D4E5F60718293A4B5C6D7E8F9001122334';
const coexistence = 'contoso.mail.onmicrosoft.com';
const build = parseBuild('15.2.2562.53') ?? { text: '', parts: [] };

/** What Contoso's document says about the organization. @param now the declaration is a month old then */
export function exchangeOrganizationSettings(now: Date): object {
  return {
    domains: [domain],
    hosts: [mail],
    sampleUsers: [user],
    intents: ['delegates', 'presence', 'voicemail', 'compliance', 'rich-coexistence'],
    declared: [
      {
        statement: 'teams-calendar-policy',
        value: true,
        by: 'Teams team',
        at: day(now, -30),
        expires: day(now, 150),
      },
    ],
  };
}

/**
 * The facts, observed at `now`. Unless `mended`: only a redirect leads to Autodiscover (customer DNS), a sign-in page
 * stands in front of EWS (network), and Entra Connect's option for Exchange hybrid is off (tenant).
 */
export function exchangeOrganizationFacts(mended: boolean, now: Date): object {
  const { facts, parts } = healthy(now);
  const wrong = threeThingsWrong(now);
  return {
    fieldcheck: 'facts/1',
    evaluation: 'teams-exchange-interop',
    subject: { kind: 'exchange-organization', id: 'contoso' },
    facts: mended ? facts : { ...facts, ...wrong.facts },
    parts: mended
      ? parts
      : {
          domain: { [domain]: { ...parts.domain[domain], ...wrong.domain } },
          host: {
            [autodiscover]: { ...parts.host[autodiscover], ...wrong.autodiscover },
            [mail]: { ...parts.host[mail], ...wrong.mail },
          },
        },
  };
}

function healthy(now: Date) {
  const { byProbe, byGraph, byExchangeOnline, byCollector } = observers(now);
  const expires = instant(now, 400);
  const key = { thumbprint, endDate: expires };
  const tls = certificate(now, [mail, autodiscover]);
  const version = { readings: [{ method: 'x-owa-version' as const, build }], build, confidence: 'high' as const };
  const partner = { enabled: true, useAuthServer: false, linkedAccount: 'there' as const, roleEntries: [] };
  return {
    facts: {
      ...byProbe({
        tenant: {
          declaredCloud: 'worldwide',
          found: [{ domain, tenantId, cloud: 'worldwide' }],
          notFound: [],
          notAnswered: [],
        },
        'published-reach': { answered: [autodiscover, mail], silent: [] },
      }),
      ...byGraph({
        'directory-synchronisation': {
          enabled: true,
          lastSync: instant(now, -1 / 72),
          domains: [{ name: domain, mail: true }],
        },
        'users-in-scope': {
          scope: 'sample',
          users: [{ user, found: true, synchronised: true, teams: true, exchange: true }],
        },
        'service-principals': {
          principals: [
            {
              appId: applications.exchangeOnline,
              enabled: true,
              names: [applications.exchangeOnline, `https://${mail}/`],
              keyCredentials: [],
            },
            { appId: applications.teamsScheduler, enabled: true, names: [], keyCredentials: [key] },
            { appId: applications.cloudVoicemail, enabled: true, names: [], keyCredentials: [key] },
          ],
        },
        'hybrid-application': {
          found: true,
          appId: hybridAppId,
          name: 'ExchangeServerApp-12345678-1234-1234-1234-123456789012',
          keyCredentials: [key],
          consented: [
            'full_access_as_app',
            'MailboxSettings.Read',
            'MailTips.ReadBasic.All',
            'Calendars.Read',
            'ProfilePhoto.Read.All',
          ],
        },
      }),
      ...byExchangeOnline({
        'exchange-online-hybrid': {
          connectors: [
            {
              name: 'HybridIOC',
              enabled: true,
              domains: [domain],
              discoveryEndpoint: `https://${autodiscover}/autodiscover/autodiscover.svc`,
            },
          ],
          onPremisesOrganizations: [],
          sharingEndpoints: [],
        },
        'exchange-online-ews': { enabled: true, allowedAppIds: [applications.teams], allowList: [], blockList: [] },
      }),
      ...byCollector({
        'exchange-servers': {
          servers: [{ name: 'EX1', fqdn: 'ex1.contoso.local', role: 'Mailbox', build, mailboxes: 120 }],
          externalHosts: [{ server: 'EX1', host: mail }],
        },
        'mailbox-homes': { basis: 'collector', servers: [{ server: 'EX1', build, mailboxes: 120 }] },
        'known-builds': {
          builds: [
            { where: 'EX1', from: 'collector', build },
            { where: mail, from: 'probe', build },
          ],
        },
        'auth-servers': {
          servers: [
            {
              name: 'evoSTS',
              type: 'AzureAD',
              enabled: true,
              realm: tenantId,
              authMetadataUrl: `https://login.windows.net/${tenantId}/federationmetadata/2007-06/federationmetadata.xml`,
              applicationIdentifier: hybridAppId,
              domains: [coexistence],
            },
            { name: 'ACS', type: 'MicrosoftACS', enabled: true, realm: tenantId, domains: [] },
          ],
        },
        'partner-applications': {
          applications: [
            {
              ...partner,
              name: 'Exchange Online',
              appId: applications.exchangeOnline,
              useAuthServer: true,
              roles: [
                'UserApplication',
                'ArchiveApplication',
                'LegalHoldApplication',
                'Mailbox Search',
                'TeamMailboxLifecycleApplication',
                'MailboxSearchApplication',
                'MeetingGraphApplication',
              ],
            },
            {
              ...partner,
              name: 'TeamsScheduler',
              appId: applications.teamsScheduler,
              roles: ['TeamsSchedulerRole'],
              roleEntries: ['GetDelegate'],
            },
            { ...partner, name: 'CloudVoicemail', appId: applications.cloudVoicemail, roles: ['UserApplication'] },
          ],
        },
        'auth-certificate': {
          current: thumbprint,
          servers: [
            { server: 'EX1', thumbprint, present: true, status: 'Valid', hasPrivateKey: true, notAfter: expires },
          ],
          unreadable: [],
        },
        'on-premises-hybrid': {
          present: true,
          features: ['FreeBusy', 'MoveMailbox', 'Mailtips', 'Photos'],
          domains: [domain],
          connectors: [{ name: 'HybridIOC', enabled: true, domains: [coexistence] }],
        },
        'setting-overrides': {
          overrides: [
            ['Dedicated', 'ExchangeOnpremAsThirdPartyAppId'] as const,
            ['Graph', 'RouteThroughMSGraph'] as const,
          ].map(([name, section]) => ({
            name,
            component: 'Global',
            section,
            parameters: ['Enabled=true'],
            status: 'Accepted',
          })),
        },
        'ews-policies': {
          organization: { allowList: [], blockList: [] },
          mailboxes: [{ allowList: [], blockList: [], count: 120 }],
          sampled: 120,
          truncated: false,
        },
        'calendar-delegates': {
          mailboxes: [
            {
              mailbox: '0123456789abcdef0123456789abcdef',
              sendOnBehalfCount: 1,
              delegates: [{ delegate: 'fedcba9876543210fedcba9876543210', rights: ['Editor'], sendOnBehalf: true }],
            },
          ],
        },
        'hybrid-option': {
          proofs: [{ from: 'entra-connect', on: true, observed: 'Entra Connect: the option is on' }],
        },
        writeback: {
          permissions: [
            { forest: 'contoso.local', classes: [{ class: 'user', granted: ['proxyAddresses'], missing: [] }] },
          ],
          effect: [{ forest: 'contoso.local', sampled: 120, populated: 120, truncated: false }],
        },
      }),
    },
    parts: {
      domain: {
        [domain]: {
          ...byProbe({
            'autodiscover-dns': {
              name: autodiscover,
              outcome: 'addresses',
              chain: [],
              addresses: [{ address: '192.0.2.10', scope: 'public' }],
              srv: { outcome: 'no-name', records: [] },
              privateAdmitted: false,
            },
            'autodiscover-redirect': {
              host: autodiscover,
              port443: 'handshake',
              nameMatches: true,
              port80: 'not-asked',
              elsewhere: false,
            },
            'autodiscover-v2': {
              host: autodiscover,
              email: user,
              sample: true,
              outcome: 'answer',
              status: 200,
              protocol: 'EWS',
              answered: { url: ews, host: mail, scope: 'public' },
              fromExchange: true,
            },
            'rest-endpoint': { outcome: 'url', url: `https://${mail}/api`, scope: 'public', status: 401 },
            'exchange-online-autodiscover': {
              users: [
                {
                  user,
                  outcome: 'on-premises',
                  url: `https://${autodiscover}/autodiscover/autodiscover.json?Email=${encodeURIComponent(user)}&Protocol=EWS&RedirectCount=1`,
                  host: autodiscover,
                },
              ],
            },
          }),
        },
      },
      host: {
        [autodiscover]: byProbe({
          'published-host': { namedBy: [{ domain, as: 'autodiscover' }], ewsUnknownFor: [] },
          'host-tls': { ...tls, host: autodiscover },
          'published-version': version,
        }),
        [mail]: byProbe({
          'published-host': { namedBy: [{ domain, as: 'ews' }, { as: 'declared' }], ews, ewsUnknownFor: [] },
          'host-tls': { ...tls, host: mail },
          'ews-anonymous': { url: ews, status: 401, schemes: ['Negotiate', 'NTLM'], outcome: 'challenge' },
          'ews-bearer': {
            url: ews,
            status: 401,
            challenge: 'bearer',
            trustedIssuers: [{ issuer: '00000001-0000-0000-c000-000000000000', realm: tenantId }],
            authorizationUri: 'https://login.windows.net/common/oauth2/authorize',
            clientId: applications.exchangeOnline,
            exchangeOnlineServer: false,
          },
          'published-version': version,
        }),
      },
    } satisfies { readonly [kind: string]: Readonly<Record<string, PartFacts>> },
  };
}

/** What is observed instead; everything else stays as it is. */
function threeThingsWrong(now: Date) {
  const { byProbe, byCollector } = observers(now);
  const redirected = notKnown(
    'insufficient',
    `${autodiscover} only redirects, so Autodiscover V2 of ${domain} named no URL`,
    'https probe',
    now.toISOString(),
  );
  return {
    facts: byCollector({
      'hybrid-option': {
        proofs: [{ from: 'entra-connect', on: false, observed: 'Entra Connect: the option is off' }],
      },
    }),
    domain: {
      ...byProbe({
        'autodiscover-redirect': {
          host: autodiscover,
          port443: 'handshake',
          nameMatches: false,
          port80: 'redirect',
          status: 302,
          location: `https://${mail}/autodiscover/autodiscover.xml`,
          elsewhere: true,
        },
      }),
      'autodiscover-v2': redirected,
      'rest-endpoint': redirected,
    },
    autodiscover: {
      ...byProbe({
        'published-host': { namedBy: [{ domain, as: 'autodiscover' }], ewsUnknownFor: [domain] },
        'host-tls': { ...certificate(now, [mail]), host: autodiscover, nameMatches: false },
      }),
      'ews-anonymous': redirected,
      'ews-bearer': redirected,
    },
    mail: byProbe({
      'published-host': { namedBy: [{ as: 'declared' }], ews, ewsUnknownFor: [] },
      'host-tls': { ...certificate(now, [mail]), host: mail },
      'ews-anonymous': {
        url: ews,
        status: 302,
        schemes: [],
        outcome: 'login',
        location: 'https://signin.contoso.com/adfs/ls/',
      },
      'ews-bearer': {
        url: ews,
        status: 302,
        challenge: 'none',
        trustedIssuers: [],
        exchangeOnlineServer: false,
      },
    }),
  };
}

type Facts = ExchangeOrganizationFacts;
type Values = { readonly [N in FactName<Facts>]?: FactValue<Facts, N> };

/** Each wraps values into facts that were observed at `now` by one source. */
function observers(now: Date) {
  const by =
    (source: string) =>
    <V extends Values>(values: V) =>
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, known(value, source, now.toISOString())]),
      ) as { readonly [N in keyof V & FactName<Facts>]: ReturnType<typeof known<FactValue<Facts, N>>> };
  return {
    byProbe: by('https probe'),
    byGraph: by('Microsoft Graph'),
    byExchangeOnline: by('Exchange Online'),
    byCollector: by('Collect-TeamsInteropFacts.ps1 on EX1'),
  };
}

function certificate(now: Date, names: string[]): Omit<FactValue<Facts, 'host-tls'>, 'host'> {
  const issuing = 'CN=Example Intermediate CA';
  return {
    outcome: 'handshake',
    protocol: 'TLSv1.3',
    nameMatches: true,
    names,
    trusted: true,
    chain: [
      { subject: `CN=${mail}`, issuer: issuing, validFrom: instant(now, -60), validTo: instant(now, 300) },
      { subject: issuing, issuer: 'CN=Example Root CA', validFrom: instant(now, -2000), validTo: instant(now, 2000) },
    ],
  };
}

/** ISO 8601, so many days from `now` on. */
function instant(now: Date, days: number): string {
  return new Date(now.getTime() + days * dayMs).toISOString();
}

function day(now: Date, days: number): string {
  return instant(now, days).slice(0, 10);
}
