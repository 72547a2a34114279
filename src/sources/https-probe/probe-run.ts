import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Gathered, known, type NotKnown, notKnown, Unobtainable } from '../../domain/fact-set.ts';
import { compareBuilds } from '../../facts/exchange-organization/builds.ts';
import type { ExchangeServers } from '../../facts/exchange-organization/on-premises.ts';
import {
  type AutodiscoverDns,
  type AutodiscoverRedirect,
  type AutodiscoverV2,
  type EwsAnonymous,
  type EwsBearer,
  type ExchangeOnlineAutodiscover,
  type HostTls,
  isExchangeOnlineName,
  isHybridAgentName,
  isInternalName,
  type PublishedHost,
  type PublishedVersion,
  type RestEndpoint,
  routeOf,
  serviceRecordOf,
  tlsProblem,
  type UrlScope,
} from '../../facts/exchange-organization/published.ts';
import type { ExchangeOrganization } from '../../facts/exchange-organization/subject.ts';
import { type AddressGuard, addressScope, createAddressGuard } from '../../http/address-guard.ts';
import {
  ConnectionReset,
  type GetAnswer,
  type GetOptions,
  get,
  getOnHost,
  locationOf,
} from '../../http/anonymous-get.ts';
import type { Roots } from '../../http/roots.ts';
import { autodiscoverUrl, isFromExchange, type Protocol, type ReadAnswer, readAutodiscover } from './autodiscover.ts';
import { decodeBearer, schemesOf } from './challenge.ts';
import { type Addresses, lookUpAddresses, lookUpServices, type Resolve } from './resolve.ts';
import { inspectTls } from './tls.ts';
import { concludeVersion, exportToolPath, readVersions, webPath } from './version.ts';

export interface ProbeOptions {
  readonly resolve: Resolve;
  readonly allowPrivate: boolean;
  readonly roots: Roots;
  /** Origin of Exchange Online's Autodiscover; `guarded` unless the operator named it. */
  readonly exchangeOnline: { readonly origin: string; readonly guarded: boolean };
  readonly userAgent: string;
  readonly timeoutMs: number;
}

/** Pages that a proxy in front of Exchange sends callers to: ISA and TMG, AD FS, F5 and Entra ID. */
const signInPage =
  /\/cookieauth\.dll|\/adfs\/ls|\/my\.policy|login\.microsoftonline\.|login\.windows\.net|\/owa\/auth\/logon/i;

const insufficient = (why: string) => new Unobtainable('insufficient', why);

/**
 * One run of the anonymous probes over an organization. Every question (a name, a handshake, an endpoint and kind of
 * request) is put once, however many facts its answer tells about; what does not depend on each other runs side by side.
 */
export class ProbeRun {
  readonly domains: readonly string[];
  readonly #organization: ExchangeOrganization;
  readonly #options: ProbeOptions;
  readonly #signal: AbortSignal;
  readonly #now: Date;
  readonly #guard: AddressGuard;
  readonly #done = new Map<string, Promise<unknown>>();
  /** Connections whose handshake was looked at, each for the first request to its host. */
  readonly #open = new Map<string, TLSSocket>();
  /** Answers by host, for what they tell about the version. */
  readonly #answers = new Map<string, GetAnswer[]>();

  constructor(
    organization: ExchangeOrganization,
    domains: readonly string[],
    options: ProbeOptions,
    at: { readonly now: Date; readonly signal: AbortSignal },
  ) {
    this.#organization = organization;
    this.domains = domains;
    this.#options = options;
    this.#now = at.now;
    this.#signal = at.signal;
    this.#guard = createAddressGuard({
      allowPrivate: options.allowPrivate,
      // The addresses of a name stay what they were when it was first looked up in this run.
      addressesOf: async (host) => (await this.addresses(host)).addresses,
    });
  }

  /** What DNS says about the domain's Autodiscover names. @throws Unobtainable */
  dns(domain: string): Promise<AutodiscoverDns> {
    return this.#once(`dns ${domain}`, async () => {
      const name = `autodiscover.${domain}`;
      const [byName, srv] = await Promise.all([
        this.addresses(name),
        lookUpServices(this.#options.resolve, `_autodiscover._tcp.${domain}`).catch((error: unknown) => {
          if (error instanceof Unobtainable) return { outcome: 'no-answer' as const, records: [] };
          throw error;
        }),
      ]);
      if (byName.addresses.length === 0 && srv.outcome === 'no-answer') {
        throw new Unobtainable('unreachable', `_autodiscover._tcp.${domain}: the resolver gave no answer`);
      }
      const needed = byName.addresses.length === 0 || srv.records.length > 0;
      const records = await Promise.all(
        (needed ? srv.records : []).map(async (record) => ({
          ...record,
          addresses: isExchangeOnlineName(record.target)
            ? []
            : (await this.addresses(record.target)).addresses.map(withScope),
        })),
      );
      return {
        name,
        outcome: byName.outcome,
        chain: byName.chain.map((target) => target.toLowerCase()),
        addresses: byName.addresses.map(withScope),
        srv: { outcome: srv.outcome, records },
        privateAdmitted: this.#options.allowPrivate,
      };
    });
  }

  /** Who answered about the domain's name, for the fact's source. */
  async resolverOf(domain: string): Promise<string> {
    return (await this.addresses(`autodiscover.${domain}`)).resolver;
  }

  addresses(host: string): Promise<Addresses> {
    return this.#once(`addresses ${host.toLowerCase()}`, () => lookUpAddresses(this.#options.resolve, host));
  }

  /** @throws Unobtainable when nothing answers at port 443 */
  tls(host: string): Promise<HostTls> {
    return this.#once(`tls ${host}`, async () => {
      const { tls, connection } = await inspectTls(host, {
        guard: this.#guard,
        trust: this.#options.roots.published,
        timeoutMs: this.#options.timeoutMs,
        signal: this.#signal,
      });
      if (connection !== undefined) this.#open.set(host, connection);
      return tls;
    });
  }

  /** Is a redirect from port 80 all there is? Port 80 is asked only where 443 does not serve the name. */
  redirect(domain: string): Promise<AutodiscoverRedirect> {
    return this.#once(`redirect ${domain}`, async () => {
      const dns = await this.dns(domain);
      const host = dns.name;
      const quiet = { port80: 'not-asked', elsewhere: false } as const;
      if (dns.addresses.length === 0 || dns.chain.some(isExchangeOnlineName))
        return { host, port443: 'not-there', ...quiet };
      const tls = await settled(this.tls(host));
      if ('value' in tls && tls.value.outcome === 'handshake' && tls.value.nameMatches) {
        return { host, port443: 'handshake', nameMatches: true, ...quiet };
      }
      if ('error' in tls && tls.error.reason !== 'unreachable' && tls.error.reason !== 'timeout') throw tls.error;
      const on443 =
        'error' in tls
          ? ({ port443: tls.error.reason === 'timeout' ? 'silent' : 'closed' } as const)
          : { port443: tls.value.outcome, nameMatches: tls.value.nameMatches };
      const plain = await settled(this.#get(new URL(`http://${host}/autodiscover/autodiscover.xml`)));
      if ('error' in plain) {
        return { host, ...on443, port80: plain.error.reason === 'timeout' ? 'silent' : 'closed', elsewhere: false };
      }
      const location = locationOf(plain.value);
      return {
        host,
        ...on443,
        status: plain.value.status,
        ...(location === undefined
          ? { port80: 'answer', elsewhere: false }
          : { port80: 'redirect', location: location.href, elsewhere: location.hostname.toLowerCase() !== host }),
      };
    });
  }

  /** What Autodiscover V2 of the domain's host says about EWS. @throws Unobtainable */
  autodiscover(domain: string): Promise<AutodiscoverV2> {
    return this.#once(`autodiscover ${domain}`, async () => {
      const { host, email, sample, read, answer, otherPath } = await this.#askAutodiscover(domain, 'EWS');
      const common = { host, email, sample, fromExchange: answer !== undefined && isFromExchange(answer) };
      const status = answer === undefined ? {} : { status: answer.status };
      if (!sample && (read.outcome === 'exchange-online' || read.errorCode === 'UserNotFound')) {
        throw insufficient(`${host} has no mailbox for the made-up address ${email}; name a sample user of ${domain}`);
      }
      const { url, ...rest } = read;
      return {
        ...common,
        ...status,
        ...rest,
        ...(url === undefined ? {} : { answered: await this.#answeredUrl(url) }),
        ...(otherPath === undefined ? {} : { otherPath }),
      };
    });
  }

  /** The REST URL of the domain, and whether it asks for a token. @throws Unobtainable */
  rest(domain: string): Promise<RestEndpoint> {
    return this.#once(`rest ${domain}`, async () => {
      const { read, answer } = await this.#askAutodiscover(domain, 'REST');
      if (read.outcome !== 'answer' || read.url === undefined) {
        return {
          outcome: 'no-url',
          detail: `${answer?.status ?? 'a cut connection'}${read.errorCode === undefined ? '' : ` ${read.errorCode}`}`,
        };
      }
      const { url, scope, host } = await this.#answeredUrl(read.url);
      if (scope !== 'public') return { outcome: 'url', url, scope };
      await this.#trusted(host);
      const api = await this.#get(new URL(url));
      if (api.status >= 500) throw new Unobtainable('unreachable', `${url} answered ${api.status}`);
      return { outcome: 'url', url, scope, status: api.status };
    });
  }

  /** Where Exchange Online sends callers for the domain's sample users. @throws Unobtainable */
  routing(domain: string): Promise<ExchangeOnlineAutodiscover> {
    return this.#once(`routing ${domain}`, async () => {
      const users = this.sampleUsers(domain);
      if (users.length === 0) throw insufficient(`no sample user of ${domain} is named`);
      return { users: await Promise.all(users.map((user) => this.#routingOf(user))) };
    });
  }

  /** Every host that is looked at, and why. */
  hosts(): Promise<ReadonlyMap<string, PublishedHost>> {
    return this.#once('hosts', async () => {
      type Naming = PublishedHost['namedBy'][number];
      const hosts = new Map<string, { namedBy: Naming[]; ews?: string; ewsUnknownFor: string[] }>();
      const at = (host: string) => {
        const name = host.toLowerCase();
        const entry = hosts.get(name) ?? { namedBy: [], ewsUnknownFor: [] };
        hosts.set(name, entry);
        return entry;
      };
      const ways = await Promise.all(
        this.domains.map(async (domain) => ({
          domain,
          way: await this.#route(domain),
          v2: await settled(this.autodiscover(domain)),
        })),
      );
      for (const { domain, way, v2 } of ways) {
        const first = at(way.host);
        first.namedBy.push({ domain, as: way.via === 'srv' ? 'srv' : 'autodiscover' });
        const answered = 'value' in v2 ? v2.value.answered : undefined;
        if (answered?.scope !== 'public') {
          first.ewsUnknownFor.push(domain);
          continue;
        }
        const ews = at(answered.host);
        ews.namedBy.push({ domain, as: 'ews' });
        ews.ews ??= answered.url;
      }
      for (const host of this.#organization.hosts) {
        const declared = at(host);
        declared.namedBy.push({ as: 'declared' });
        declared.ews ??= `https://${host}/EWS/Exchange.asmx`;
      }
      return hosts;
    });
  }

  /** EWS without credentials. @throws Unobtainable */
  ews(host: string): Promise<EwsAnonymous> {
    return this.#once(`ews ${host}`, async () => {
      const url = await this.#ewsUrl(host);
      const answer = await this.#note(
        host,
        getOnHost(url, this.#request(url), (location) => signInPage.test(location)),
      );
      const schemes = schemesOf(answer.header('www-authenticate'));
      const location = locationOf(answer)?.href;
      const { status } = answer;
      if (status >= 500) throw new Unobtainable('unreachable', `${url.href} answered ${status}`);
      const outcome =
        location !== undefined
          ? 'login'
          : status === 401
            ? 'challenge'
            : status === 403
              ? answer.header('x-ews-policy-reason').length > 0
                ? 'policy'
                : 'forbidden'
              : status === 404
                ? 'not-found'
                : status === 200
                  ? 'page'
                  : 'other';
      return { url: url.href, status, schemes, outcome, ...(location === undefined ? {} : { location }) };
    });
  }

  /** EWS with an empty Bearer token, which makes Exchange say whom it trusts. @throws Unobtainable */
  bearer(host: string): Promise<EwsBearer> {
    return this.#once(`bearer ${host}`, async () => {
      const url = await this.#ewsUrl(host);
      const answer = await this.#note(host, get(url, { ...this.#request(url), headers: { authorization: 'Bearer' } }));
      if (answer.status >= 500)
        throw new Unobtainable('unreachable', `${url.href} answered ${answer.status} to an empty token`);
      const diagnostics = answer.header('x-ms-diagnostics')[0];
      return {
        url: url.href,
        status: answer.status,
        ...decodeBearer(answer.header('www-authenticate')),
        exchangeOnlineServer: ['x-feserver', 'x-calculatedbetarget', 'x-beserver'].some((name) =>
          answer.header(name).some((value) => /\.prod\.(outlook\.com|partner\.outlook\.cn)$/i.test(value)),
        ),
        ...(diagnostics === undefined ? {} : { diagnostics: diagnostics.slice(0, 300) }),
      };
    });
  }

  /** The build a host shows in any of its answers, or that the collector knows of it. @throws Unobtainable */
  version(host: string, collected: ExchangeServers | undefined): Promise<PublishedVersion> {
    return this.#once(`version ${host}`, async () => {
      await this.#trusted(host);
      const conclude = () => {
        const seen = this.#answers.get(host) ?? [];
        const ours = collectedBuild(host, seen, collected);
        const readings = ours === undefined ? [] : [{ method: 'collector' as const, build: ours }];
        return concludeVersion([...readings, ...readVersions(seen)]);
      };
      const page = await settled(this.#page(host, webPath));
      await this.#othersOf(host);
      const first = conclude();
      if (first?.confidence === 'high') return first;
      await settled(this.#page(host, exportToolPath));
      const version = conclude();
      if (version !== undefined) return version;
      if ('error' in page) throw page.error;
      throw insufficient(`no answer of ${host} shows a build, and the collector was not run`);
    });
  }

  #page(host: string, path: string): Promise<GetAnswer> {
    const url = new URL(path, `https://${host}`);
    return this.#note(host, getOnHost(url, this.#request(url)));
  }

  sampleUsers(domain: string): readonly string[] {
    return this.#organization.sampleUsers.filter((user) => user.toLowerCase().endsWith(`@${domain}`));
  }

  get organization(): ExchangeOrganization {
    return this.#organization;
  }

  /** The host the domain's Autodiscover is asked at; where there is none, the name it would have. */
  async #route(domain: string): Promise<{ host: string; via: 'name' | 'srv' | 'none' }> {
    const none = { host: `autodiscover.${domain}`, via: 'none' } as const;
    const dns = await settled(this.dns(domain));
    if ('error' in dns) return none;
    const redirect = await settled(this.redirect(domain));
    return routeOf(dns.value, 'value' in redirect ? redirect.value : undefined) ?? none;
  }

  /** The host to ask, once its name leads to the internet and its certificate holds. @throws Unobtainable */
  async #routeHost(domain: string): Promise<string> {
    const dns = await this.dns(domain);
    const { host, via } = await this.#route(domain);
    if (via === 'none') {
      const port = serviceRecordOf(dns)?.port;
      throw insufficient(
        port !== undefined && port !== 443
          ? `the SRV record of ${domain} names port ${port}, which is not asked`
          : `DNS names no host of ${domain} to ask`,
      );
    }
    await this.#trusted(host);
    return host;
  }

  /** @throws Unobtainable when nothing was asked because of the host's TLS */
  async #trusted(host: string): Promise<void> {
    const problem = tlsProblem(await this.tls(host), this.#now);
    if (problem !== undefined) throw insufficient(`nothing was asked of ${host}: its TLS is not in order (${problem})`);
  }

  #askAutodiscover(domain: string, protocol: Protocol) {
    return this.#once(`autodiscover ${domain} ${protocol}`, async () => {
      const host = await this.#routeHost(domain);
      const [sampleUser] = this.sampleUsers(domain);
      const email = sampleUser ?? `fieldcheck@${domain}`;
      const common = { host, email, sample: sampleUser !== undefined };
      const url = autodiscoverUrl(`https://${host}`, email, protocol);
      const asked = await settled(this.#note(host, getOnHost(url, this.#request(url))));
      if ('error' in asked && !(asked.error instanceof ConnectionReset)) throw asked.error;
      const answer = 'value' in asked ? asked.value : undefined;
      if (answer !== undefined && answer.status >= 500) {
        throw new Unobtainable('unreachable', `${host} answered autodiscover.json with ${answer.status}`);
      }
      const read: ReadAnswer = answer === undefined ? { outcome: 'blocked' } : readAutodiscover(answer);
      if (read.outcome !== 'blocked') return { ...common, read, answer, otherPath: undefined };
      const path = '/autodiscover/autodiscover.xml';
      const other = await settled(this.#otherPath(host, path));
      if ('error' in asked && 'error' in other) throw asked.error;
      const otherPath = { path, ...('value' in other ? { status: other.value.status } : {}) };
      return { ...common, read, answer, otherPath };
    });
  }

  #otherPath(host: string, path: string): Promise<GetAnswer> {
    return this.#once(`path ${host} ${path}`, () => this.#note(host, this.#get(new URL(path, `https://${host}`))));
  }

  async #routingOf(user: string): Promise<ExchangeOnlineAutodiscover['users'][number]> {
    const { origin, guarded } = this.#options.exchangeOnline;
    const url = autodiscoverUrl(origin, user, 'EWS');
    const answer = await get(url, {
      ...this.#request(url),
      trust: this.#options.roots.ours.secureContext,
      guard: guarded ? this.#guard : undefined,
    });
    const itself = (host: string) => isExchangeOnlineName(host) || host === url.hostname;
    const location = locationOf(answer);
    if (location !== undefined) {
      const outcome = itself(location.hostname) ? 'unknown-recipient' : 'on-premises';
      return { user, outcome, url: location.href, host: location.hostname };
    }
    const read = readAutodiscover(answer);
    if (read.outcome === 'answer' && read.url !== undefined && URL.canParse(read.url)) {
      const { hostname } = new URL(read.url);
      return { user, outcome: itself(hostname) ? 'cloud-mailbox' : 'on-premises', url: read.url, host: hostname };
    }
    if (read.errorCode === 'UserNotFound')
      return { user, outcome: 'unknown-recipient', url: url.href, host: url.hostname };
    throw new Unobtainable('unreachable', `Exchange Online answered ${answer.status} when asked about ${user}`);
  }

  async #answeredUrl(text: string): Promise<{ url: string; host: string; scope: UrlScope }> {
    const url = text.slice(0, 500);
    if (!URL.canParse(text)) return { url, host: '', scope: 'not-https' };
    const { protocol, hostname } = new URL(text);
    const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
    if (protocol !== 'https:') return { url, host, scope: 'not-https' };
    return { url, host, scope: await this.#scopeOf(host) };
  }

  async #scopeOf(host: string): Promise<UrlScope> {
    if (isHybridAgentName(host)) return 'hybrid-agent';
    if (isExchangeOnlineName(host)) return 'exchange-online';
    if (isIP(host) === 0 && isInternalName(host)) return 'internal-name';
    const addresses = isIP(host) === 0 ? (await this.addresses(host)).addresses : [host];
    if (addresses.length === 0) return 'no-name';
    return addresses.every((address) => this.#guard.check(address) === undefined) ? 'public' : 'private';
  }

  async #ewsUrl(host: string): Promise<URL> {
    const known = (await this.hosts()).get(host);
    if (known?.ews === undefined) {
      throw insufficient(`Autodiscover V2 of ${known?.ewsUnknownFor.join(', ') ?? host} named no EWS URL to ask`);
    }
    await this.#trusted(host);
    return new URL(known.ews);
  }

  /** Everything else that is asked of the host in this run, so that its headers can tell the version too. */
  async #othersOf(host: string): Promise<void> {
    const known = (await this.hosts()).get(host);
    if (known?.ews === undefined) return;
    await Promise.allSettled([this.ews(host), this.bearer(host)]);
  }

  #get(url: URL): Promise<GetAnswer> {
    return get(url, this.#request(url));
  }

  #request(url: URL): GetOptions {
    const connection = url.protocol === 'https:' ? this.#open.get(url.hostname) : undefined;
    if (connection !== undefined) this.#open.delete(url.hostname);
    return {
      ...(connection?.destroyed === false ? { connection } : {}),
      guard: this.#guard,
      // Whether the certificate holds is looked at once for each host, at the time of the run: see #trusted.
      trust: undefined,
      userAgent: this.#options.userAgent,
      timeoutMs: this.#options.timeoutMs,
      signal: this.#signal,
    };
  }

  async #note(host: string, answer: Promise<GetAnswer>): Promise<GetAnswer> {
    const got = await answer;
    this.#answers.set(host, [...(this.#answers.get(host) ?? []), got]);
    return got;
  }

  #once<T>(work: string, start: () => Promise<T>): Promise<T> {
    const running = (this.#done.get(work) as Promise<T> | undefined) ?? start();
    this.#done.set(work, running);
    return running;
  }
}

function withScope(address: string) {
  return { address, scope: addressScope(address) };
}

/** The build the collector read of the server behind a host: by its external URL, else by the name in its headers. */
function collectedBuild(host: string, answers: readonly GetAnswer[], collected: ExchangeServers | undefined) {
  const byUrl =
    collected?.externalHosts.filter((one) => one.host.toLowerCase() === host).map(({ server }) => server) ?? [];
  const byHeader = answers.flatMap(({ header }) => header('x-feserver'));
  const names = new Set([...byUrl, ...byHeader].map((name) => name.toLowerCase()));
  const builds = (collected?.servers ?? []).flatMap(({ name, build }) =>
    names.has(name.toLowerCase()) && build !== undefined ? [build] : [],
  );
  // Behind one name may stand several servers: Teams gets any of them, so the oldest counts.
  return builds.sort(compareBuilds)[0];
}

/** A promise as a value: what it gave, or why not. */
export async function settled<T>(work: Promise<T>): Promise<{ value: T } | { error: Unobtainable }> {
  try {
    return { value: await work };
  } catch (error) {
    if (error instanceof Unobtainable) return { error };
    throw error;
  }
}

/** As a fact of one part: known, or why not. */
export async function asGathered<T>(work: Promise<T>, source: string, now: Date): Promise<Gathered<T>> {
  const result = await settled(work);
  return 'value' in result ? known(result.value, source, now.toISOString()) : whyNot(result.error, source, now);
}

function whyNot(error: Unobtainable, source: string, now: Date): NotKnown {
  return notKnown(error.reason, error.message, source, now.toISOString());
}
