import { z } from 'zod';
import { isMicrosoftsOwn } from '../../domain/cloud.ts';
import { canonicalName } from '../../domain/domain-name.ts';
import { isoTime } from '../../domain/time.ts';
import { exchangeBuild } from './builds.ts';

// What the organization publishes to the internet, as an anonymous caller sees it. Where a host has several addresses, or a
// domain several sample users, a fact is the first answer with the `others` beside it: the worst of them decides.

const goodForADay = 24;

export const addressScopes = ['public', 'private', 'loopback', 'link-local', 'platform', 'reserved'] as const;

const address = z.object({ address: z.string(), scope: z.enum(addressScopes) });

/** Whom no answer could be had from, and why. */
const notAnswered = z.array(z.object({ of: z.string(), why: z.string() })).optional();

/** Which of several addresses of the host answered. */
const ofAddress = z.string().optional();

/**
 * What a caller got that does not call itself Teams, in words, where that is another answer: something in front chooses by
 * user agent.
 */
const otherAgent = z.string().optional();

/** The first answer and the others. */
export function allOf<T extends object>(fact: T & { readonly others?: readonly T[] | undefined }): readonly T[] {
  return [fact, ...(fact.others ?? [])];
}

const serviceRecord = z.object({
  priority: z.number(),
  weight: z.number(),
  port: z.number(),
  target: z.string(),
  addresses: z.array(address),
});

/** What DNS says about `autodiscover.<domain>` and `_autodiscover._tcp.<domain>`. */
export const autodiscoverDns = z
  .object({
    name: z.string(),
    outcome: z.enum(['addresses', 'no-name', 'no-record']),
    /** Targets of the CNAMEs from `name` on, in order. */
    chain: z.array(z.string()),
    addresses: z.array(address),
    srv: z.object({
      outcome: z.enum(['records', 'no-name', 'no-record', 'no-answer']),
      records: z.array(serviceRecord),
    }),
    /** Another name below the domain has the same addresses: a wildcard record answers for `name`. */
    wildcard: z.boolean().optional(),
    /** The probe admits private addresses: it runs inside the network, where they count as published. */
    privateAdmitted: z.boolean(),
    /** The collector counted every mailbox of the forest, and none has its address in the domain: nothing more is asked of it. */
    homesNoMailbox: z.boolean().optional(),
  })
  .meta({ title: 'Autodiscover names in DNS', goodForHours: goodForADay });

/** Ports 443 and 80 of `autodiscover.<domain>`: is a redirect all there is? */
export const autodiscoverRedirect = z
  .object({
    host: z.string(),
    /** `not-there`: the name has no address, so nothing was asked. */
    port443: z.enum(['handshake', 'no-tls', 'closed', 'silent', 'not-there']),
    /** Does the certificate on 443 carry the name? */
    nameMatches: z.boolean().optional(),
    /** `not-asked`: port 80 is only asked where 443 does not serve the name. */
    port80: z.enum(['redirect', 'answer', 'closed', 'silent', 'not-asked']),
    status: z.number().optional(),
    location: z.string().optional(),
    /** The redirect leads to another host. */
    elsewhere: z.boolean(),
  })
  .meta({ title: 'HTTP redirect of Autodiscover', goodForHours: goodForADay });

/** Where an URL in an Autodiscover answer leads. */
export const urlScopes = [
  'public',
  'private',
  'no-name',
  'internal-name',
  'exchange-online',
  'hybrid-agent',
  'not-https',
] as const;

const answeredUrl = z.object({ url: z.string(), host: z.string(), scope: z.enum(urlScopes) });

const autodiscoverAnswer = z.object({
  /** Host that was asked. */
  host: z.string(),
  address: ofAddress,
  /** The address asked about; `sample` when it is one of the organization's sample users. */
  email: z.string(),
  sample: z.boolean(),
  /**
   * `answer`: 200 with JSON; `exchange-online`: 302 to Exchange Online; `redirect`: elsewhere; `page`: something that is
   * no Autodiscover answer; `error`: Exchange's own 4xx, or a 401; `blocked`: 403, the page of a filter that refuses, or a
   * connection that was cut or left without an answer while another path of the host answers.
   */
  outcome: z.enum(['answer', 'exchange-online', 'redirect', 'page', 'error', 'blocked']),
  status: z.number().optional(),
  errorCode: z.string().optional(),
  location: z.string().optional(),
  protocol: z.string().optional(),
  answered: answeredUrl.optional(),
  /** When `exchange-online`: Exchange Online has that mailbox, so both sides say that it was moved. */
  moved: z.boolean().optional(),
  /** When `blocked` without a status: it was silence and no reset. */
  silent: z.boolean().optional(),
  /** When `blocked`: what another path of the same host said. */
  otherPath: z.object({ path: z.string(), status: z.number().optional() }).optional(),
  /** Schemes of a 401, e.g. `Basic`. */
  schemes: z.array(z.string()).optional(),
  /** The `Server` header of what is no answer of Autodiscover. */
  server: z.string().optional(),
  /** Headers that only Exchange sets were there. */
  fromExchange: z.boolean(),
  otherAgent,
});

/** `autodiscover.json` of the organization's own server, asked about every sample user at every address. */
export const autodiscoverV2 = autodiscoverAnswer
  .extend({
    others: z.array(autodiscoverAnswer).optional(),
    notAnswered,
    /** Sample users beyond the budget of a run. */
    leftOut: z.array(z.string()).optional(),
  })
  .meta({ title: 'answer of Autodiscover V2', goodForHours: goodForADay });

/** REST for presence: the URL Autodiscover V2 names for it, and what `/api` says to an anonymous caller. */
export const restEndpoint = z
  .object({
    outcome: z.enum(['url', 'no-url']),
    detail: z.string().optional(),
    url: z.string().optional(),
    scope: z.enum(urlScopes).optional(),
    status: z.number().optional(),
  })
  .meta({ title: 'REST endpoint', goodForHours: goodForADay });

/** Where Exchange Online's Autodiscover V2 sends a caller for each sample user. */
export const exchangeOnlineAutodiscover = z
  .object({
    users: z.array(
      z.object({
        user: z.string(),
        /** `unknown-recipient`: sent back to Exchange Online itself. */
        outcome: z.enum(['on-premises', 'cloud-mailbox', 'unknown-recipient']),
        /** When `cloud-mailbox`: on premises it is a remote mailbox, so it was moved and is no duplicate. */
        moved: z.boolean().optional(),
        /** The URL that was answered or redirected to. */
        url: z.string(),
        host: z.string(),
        /** What was found at `host`; left out where it is the name or route of a domain, which is looked at for itself. */
        reached: z
          .object({
            outcome: z.enum(['answer', 'no-name', 'not-public', 'tls', 'refused', 'silent', 'other']),
            /** What was seen, in words. */
            detail: z.string(),
            answered: answeredUrl.optional(),
          })
          .optional(),
      }),
    ),
    notAnswered,
    leftOut: z.array(z.string()).optional(),
  })
  .meta({ title: 'routing at Exchange Online', goodForHours: goodForADay });

/** Why a host is looked at, and which EWS URL belongs to it. */
export const publishedHost = z
  .object({
    namedBy: z.array(
      z.object({
        domain: z.string().optional(),
        as: z.enum(['autodiscover', 'srv', 'ews', 'exchange-online', 'declared']),
      }),
    ),
    /** A wildcard record is all that names it. */
    wildcard: z.boolean().optional(),
    /** Where EWS is asked for: the URL that Autodiscover V2 named, or the usual path of a declared host. */
    ews: z.string().optional(),
    /** Domains whose EWS host would be known if their Autodiscover V2 had named one. */
    ewsUnknownFor: z.array(z.string()),
  })
  .meta({ title: 'published host', goodForHours: goodForADay });

const chainCertificate = z.object({
  subject: z.string(),
  issuer: z.string(),
  /** ISO 8601, UTC. */
  validFrom: isoTime,
  validTo: isoTime,
});

const addressTls = z.object({
  host: z.string(),
  address: ofAddress,
  outcome: z.enum(['handshake', 'no-tls']),
  /** `TLSv1.2` … as OpenSSL calls it. */
  protocol: z.string().optional(),
  nameMatches: z.boolean(),
  names: z.array(z.string()),
  /** The chain ends in a trusted root, dates left aside: those are judged at the time of the run. */
  trusted: z.boolean(),
  /** OpenSSL's word for what is wrong with the chain, e.g. `SELF_SIGNED_CERT_IN_CHAIN`. */
  chainError: z.string().optional(),
  /** Leaf first. */
  chain: z.array(chainCertificate),
});

/** What a TLS client learns at port 443 of every address. */
export const hostTls = addressTls
  .extend({
    others: z.array(addressTls).optional(),
    /** Addresses that gave no answer; `away` where this machine has no way to that kind of address. */
    silent: z.array(z.object({ address: z.string(), why: z.string(), away: z.boolean() })).optional(),
    /** Addresses beyond the budget of a run. */
    leftOut: z.array(z.string()).optional(),
  })
  .meta({ title: 'TLS of the host', goodForHours: goodForADay });

export type HostTls = z.infer<typeof hostTls>;
export type AddressTls = z.infer<typeof addressTls>;

const ewsAnswer = z.object({
  url: z.string(),
  address: ofAddress,
  status: z.number(),
  /** Schemes of all `WWW-Authenticate` challenges, e.g. `Negotiate`. */
  schemes: z.array(z.string()),
  /** `page`: 200 with HTML; `login`: redirected to a sign-in page; `policy`: Exchange Online's EWS policy. */
  outcome: z.enum(['challenge', 'page', 'login', 'forbidden', 'policy', 'not-found', 'other']),
  location: z.string().optional(),
  /** Headers that only Exchange sets were there; left out where nobody looked. */
  fromExchange: z.boolean().optional(),
  otherAgent,
});

/** `GET` on the EWS URL without credentials, at every address. */
export const ewsAnonymous = ewsAnswer
  .extend({ others: z.array(ewsAnswer).optional(), notAnswered })
  .meta({ title: 'EWS without credentials', goodForHours: goodForADay });

export const trustedIssuer = z.object({ issuer: z.string(), realm: z.string() });

const bearerAnswer = z.object({
  url: z.string(),
  address: ofAddress,
  status: z.number(),
  challenge: z.enum(['bearer', 'none', 'malformed']),
  trustedIssuers: z.array(trustedIssuer),
  authorizationUri: z.string().optional(),
  clientId: z.string().optional(),
  /** `X-FEServer` or `X-CalculatedBETarget` name a server of Exchange Online. */
  exchangeOnlineServer: z.boolean(),
  /** The raw header when it could not be read, shortened. */
  raw: z.string().optional(),
  diagnostics: z.string().optional(),
  otherAgent,
});

/** `GET` on the EWS URL with an empty Bearer token, at every address. */
export const ewsBearer = bearerAnswer
  .extend({ others: z.array(bearerAnswer).optional(), notAnswered })
  .meta({ title: 'OAuth challenge of EWS', goodForHours: goodForADay });

export const versionMethods = [
  'x-owa-version',
  'owa-path',
  'export-tool',
  'x-server-application',
  'collector',
] as const;

/** The build that a published host shows, and how sure that is. */
export const publishedVersion = z
  .object({
    readings: z.array(z.object({ method: z.enum(versionMethods), build: exchangeBuild })).min(1),
    /** The reading that counts: the collector's, else the most precise one. */
    build: exchangeBuild,
    confidence: z.enum(['high', 'medium', 'low']),
    /** Of several addresses the one whose build is the oldest: that is told. */
    address: ofAddress,
    /** Addresses of the host that show no build. */
    hidden: z.array(z.string()).optional(),
  })
  .meta({ title: 'version of the published server', goodForHours: goodForADay });

/** Which hosts answered at all when asked from where the probe runs. */
export const publishedReach = z
  .object({
    answered: z.array(z.string()),
    /** Hosts, or of several addresses the one, without an answer. */
    silent: z.array(z.object({ host: z.string(), why: z.string() })),
    /** Hosts that were asked at a private address: from inside nobody sees the firewall. */
    inside: z.array(z.string()).optional(),
    /** Hosts beyond the budget of a run. */
    leftOut: z.array(z.string()).optional(),
  })
  .meta({ title: 'reach of the published hosts', goodForHours: goodForADay });

export type AutodiscoverDns = z.infer<typeof autodiscoverDns>;
export type AutodiscoverRedirect = z.infer<typeof autodiscoverRedirect>;
export type AutodiscoverV2 = z.infer<typeof autodiscoverV2>;
export type AutodiscoverAnswer = z.infer<typeof autodiscoverAnswer>;
export type EwsAnswer = z.infer<typeof ewsAnswer>;
export type BearerAnswer = z.infer<typeof bearerAnswer>;
export type RestEndpoint = z.infer<typeof restEndpoint>;
export type ExchangeOnlineAutodiscover = z.infer<typeof exchangeOnlineAutodiscover>;
export type PublishedHost = z.infer<typeof publishedHost>;
export type EwsAnonymous = z.infer<typeof ewsAnonymous>;
export type EwsBearer = z.infer<typeof ewsBearer>;
export type PublishedVersion = z.infer<typeof publishedVersion>;
export type PublishedReach = z.infer<typeof publishedReach>;
export type UrlScope = (typeof urlScopes)[number];

/** Is `host` below a domain that Microsoft gave the tenant? No customer publishes there. */
export function isTenantInitialName(host: string): boolean {
  return isMicrosoftsOwn(`.${canonicalName(host)}`);
}

const exchangeOnlineNames = ['outlook.com', 'office365.com', 'office365.us', 'office.com', 'outlook.cn', 'office.de'];

/** Is `host` a name of Exchange Online (in any cloud)? */
export function isExchangeOnlineName(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return exchangeOnlineNames.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

/** Does the address lead to a page that a proxy in front of Exchange sends callers to: ISA and TMG, AD FS, F5, Entra ID? */
export function isSignInPage(location: string): boolean {
  return /\/cookieauth\.dll|\/adfs\/ls|\/my\.policy|login\.microsoftonline\.|login\.windows\.net|\/owa\/auth\/logon/i.test(
    location,
  );
}

/** Does the address lead to Outlook on the web? */
export function isOutlookWeb(location: string): boolean {
  return URL.canParse(location) && /^\/(owa|ecp)(\/|$)/i.test(new URL(location).pathname);
}

/** A redirect to a page for people: an answer by itself, wherever that page leads. */
export function isPageForPeople(location: string): boolean {
  return isSignInPage(location) || isOutlookWeb(location);
}

/** Is `host` a name of the Hybrid Agent or of the Entra application proxy? */
export function isHybridAgentName(host: string): boolean {
  return /(^|\.)msappproxy\.net\.?$/i.test(host);
}

/** Names that do not exist on the internet: single labels and the suffixes of RFC 6762, RFC 8375, RFC 9476 and old habit. */
export function isInternalName(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return (
    !name.includes('.') ||
    /\.(local|localhost|internal|intranet|corp|lan|home|private|home\.arpa|alt|invalid)$/.test(name)
  );
}

export interface Route {
  readonly host: string;
  readonly via: 'name' | 'srv';
}

/**
 * The host at which Teams asks Autodiscover V2 for a domain: `autodiscover.<domain>`, else the SRV target on port 443.
 * Where only a redirect answers at the name, an SRV record takes its place.
 *
 * @returns undefined when DNS names no host of the organization's own
 */
export function routeOf(dns: AutodiscoverDns, redirect?: AutodiscoverRedirect): Route | undefined {
  if (dns.chain.some(isExchangeOnlineName)) return undefined;
  const record = serviceRecordOf(dns);
  const srv =
    record === undefined || record.port !== 443 || isExchangeOnlineName(record.target)
      ? undefined
      : ({ host: record.target, via: 'srv' } as const);
  const byName = dns.addresses.length > 0 ? ({ host: dns.name, via: 'name' } as const) : undefined;
  if (byName !== undefined && srv !== undefined && redirect !== undefined && isTrapped(redirect)) return srv;
  return byName ?? srv;
}

/** The SRV record a client takes first (RFC 2782: lowest priority, then highest weight). */
export function serviceRecordOf(dns: AutodiscoverDns) {
  return [...dns.srv.records].sort((a, b) => a.priority - b.priority || b.weight - a.weight)[0];
}

/** Is a redirect from port 80 all that answers at the name? Outlook follows it, Teams does not. */
export function isTrapped(redirect: AutodiscoverRedirect): boolean {
  const serves = redirect.port443 === 'handshake' && redirect.nameMatches === true;
  return !serves && redirect.port443 !== 'not-there' && redirect.port80 === 'redirect' && redirect.elsewhere;
}

export type TlsProblem = 'no-tls' | 'name' | 'untrusted' | 'expired' | 'not-yet-valid' | 'old-protocol';

/** The first thing wrong with the TLS of a host at `now`, and at which of its addresses; undefined when Teams would accept all. */
export function tlsProblem(host: HostTls, now: Date): { problem: TlsProblem; tls: AddressTls } | undefined {
  for (const tls of allOf<AddressTls>(host)) {
    const problem = problemOf(tls, now);
    if (problem !== undefined) return { problem, tls };
  }
  return undefined;
}

function problemOf(tls: AddressTls, now: Date): TlsProblem | undefined {
  if (tls.outcome === 'no-tls') return 'no-tls';
  if (!tls.nameMatches) return 'name';
  if (tls.chain.some(({ validTo }) => Date.parse(validTo) < now.getTime())) return 'expired';
  if (tls.chain.some(({ validFrom }) => Date.parse(validFrom) > now.getTime())) return 'not-yet-valid';
  if (!tls.trusted) return 'untrusted';
  return tls.protocol === 'TLSv1.2' || tls.protocol === 'TLSv1.3' ? undefined : 'old-protocol';
}
