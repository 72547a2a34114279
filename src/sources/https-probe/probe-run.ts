import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Gathered, known, type NotKnown, notKnown, Unobtainable } from '../../domain/fact-set.ts';
import { compareBuilds } from '../../facts/exchange-organization/builds.ts';
import type { ExchangeServers } from '../../facts/exchange-organization/on-premises.ts';
import {
  type AutodiscoverAnswer,
  type AutodiscoverDns,
  type AutodiscoverRedirect,
  type AutodiscoverV2,
  allOf,
  type BearerAnswer,
  type EwsAnonymous,
  type EwsAnswer,
  type EwsBearer,
  type ExchangeOnlineAutodiscover,
  type HostTls,
  isExchangeOnlineName,
  isHybridAgentName,
  isInternalName,
  isSignInPage,
  isTenantInitialName,
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
import { autodiscoverUrl, isFromExchange, type Protocol, readAutodiscover } from './autodiscover.ts';
import { decodeBearer, schemesOf } from './challenge.ts';
import { type Addresses, lookUpAddresses, lookUpServices, type Resolve } from './resolve.ts';
import { inspectTls } from './tls.ts';
import { concludeVersion, exportToolPath, readVersions, webPath } from './version.ts';

/**
 * What one run asks at most of an organization. What lies beyond is left out the same in every run, and said in the
 * findings. Every address of a host counts up to the limit, every sample user is asked about.
 */
export const budget = {
  /** Sample users, of all domains together. */
  users: 60,
  /** Addresses of one host. */
  addresses: 4,
  hosts: 40,
  /** Milliseconds: what is not answered by then is unobtainable. */
  ms: 70_000,
} as const;

/** How Teams' middle tier calls itself (Microsoft Learn, "Control access to EWS in Exchange"): filters in front admit or refuse by it. */
export const teamsUserAgent = 'Teams CalendarSkypeSpaces/1.0a$*+';

export interface ProbeOptions {
  readonly resolve: Resolve;
  readonly allowPrivate: boolean;
  readonly roots: Roots;
  /** Origin of Exchange Online's Autodiscover; `guarded` unless the operator named it. */
  readonly exchangeOnline: { readonly origin: string; readonly guarded: boolean };
  readonly userAgent: string;
  readonly timeoutMs: number;
}

/** An answer that says nothing about what was asked: whoever gives it has no time, or is throttling. */
const isBusy = (status: number) => status === 429 || status >= 500;

/** Such a status with what it means. */
function sayBusy(status: number): string {
  if (status === 429) return '429: too many requests, something in front throttles callers';
  if (status === 503) return '503: unavailable, what is behind is down or something in front is busy';
  return String(status);
}

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
  readonly #guards = new Map<string, AddressGuard>();
  /** By host: the addresses that answered its handshake. */
  readonly #live = new Map<string, readonly string[]>();
  readonly #users: readonly string[];
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
    this.#signal = AbortSignal.any([at.signal, AbortSignal.timeout(budget.ms)]);
    this.#users = organization.sampleUsers.slice(0, budget.users);
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
      const wildcard = byName.addresses.length > 0 && (await this.#isWildcard(domain, byName.addresses));
      return {
        name,
        outcome: byName.outcome,
        chain: byName.chain.map((target) => target.toLowerCase()),
        addresses: byName.addresses.map(withScope),
        srv: { outcome: srv.outcome, records },
        ...(wildcard ? { wildcard } : {}),
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

  /** Does the domain answer for a name that nobody published, with the same addresses? */
  async #isWildcard(domain: string, addresses: readonly string[]): Promise<boolean> {
    const other = await settled(this.addresses(`fieldcheck-no-such-name.${domain}`));
    return 'value' in other && other.value.addresses.some((address) => addresses.includes(address));
  }

  /** The handshake at every address of the host. @throws Unobtainable when nothing answers at port 443 */
  tls(host: string): Promise<HostTls> {
    return this.#once(`tls ${host}`, async () => {
      const { asked, leftOut } = await this.#addressesToAsk(host);
      // Nothing to ask: the guard says why.
      if (asked.length === 0) return (await this.#inspect(host, undefined)).tls;
      const tried = await Promise.all(
        asked.map(async (address) => ({ address, result: await settled(this.#inspect(host, address)) })),
      );
      const live = tried.flatMap(({ address, result }) =>
        'value' in result ? [{ address, tls: result.value.tls }] : [],
      );
      const dead = tried.flatMap(({ address, result }) =>
        'error' in result ? [{ address, error: result.error }] : [],
      );
      const [first, ...others] = live;
      if (first === undefined) throw dead[0]?.error ?? insufficient(`${host} has no address`);
      this.#live.set(
        host,
        live.map(({ address }) => address),
      );
      const several = asked.length > 1;
      return {
        ...first.tls,
        ...(several ? { address: first.address } : {}),
        ...(others.length === 0 ? {} : { others: others.map(({ address, tls }) => ({ ...tls, address })) }),
        ...(dead.length === 0
          ? {}
          : {
              silent: dead.map(({ address, error }) => ({
                address,
                why: error.message,
                away: isIP(address) === 6 && /E(NETUNREACH|HOSTUNREACH|ADDRNOTAVAIL|AFNOSUPPORT)/.test(error.message),
              })),
            }),
        ...(leftOut.length === 0 ? {} : { leftOut: [...leftOut] }),
      };
    });
  }

  async #inspect(host: string, address: string | undefined): Promise<{ tls: HostTls }> {
    const { tls, connection } = await inspectTls(host, {
      guard: this.#guardOf(address),
      trust: this.#options.roots.published,
      timeoutMs: this.#options.timeoutMs,
      signal: this.#signal,
    });
    if (connection !== undefined) this.#open.set(`${host} ${address}`, connection);
    return { tls };
  }

  /** The addresses of a host that may be asked, IPv4 first, and those beyond the budget. */
  async #addressesToAsk(host: string): Promise<{ asked: readonly string[]; leftOut: readonly string[] }> {
    const all = isIP(host) === 0 ? (await this.addresses(host)).addresses : [host];
    const admitted = all
      .filter((address) => this.#guard.check(address) === undefined)
      .sort((a, b) => isIP(a) - isIP(b));
    return { asked: admitted.slice(0, budget.addresses), leftOut: admitted.slice(budget.addresses) };
  }

  /** Connects to that address of the host alone; without one, to whichever answers. */
  #guardOf(address: string | undefined): AddressGuard {
    if (address === undefined) return this.#guard;
    const guard =
      this.#guards.get(address) ??
      createAddressGuard({ allowPrivate: this.#options.allowPrivate, addressesOf: async () => [address] });
    this.#guards.set(address, guard);
    return guard;
  }

  /** Addresses of the host that answered its handshake. @throws Unobtainable when its TLS is not in order */
  async #liveAddresses(host: string): Promise<readonly string[]> {
    await this.#trusted(host);
    return this.#live.get(host) ?? [];
  }

  /** Was the host asked at an address inside the network? */
  async isInside(host: string): Promise<boolean> {
    await settled(this.tls(host));
    return (this.#live.get(host) ?? []).some((address) => addressScope(address) !== 'public');
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
      const plain = await settled(this.#plain(host));
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

  /** What Autodiscover V2 of the domain's host says about EWS: of every sample user, at every address. @throws Unobtainable */
  autodiscover(domain: string): Promise<AutodiscoverV2> {
    return this.#once(`autodiscover ${domain}`, async () => {
      const { first, addresses } = await this.#firstAnswers(domain);
      const [, ...users] = this.sampleUsers(domain);
      const answered = addresses.filter((_, index) => 'value' in (first[index] ?? {}));
      const others: { of: string; result: Settled<AutodiscoverAnswer> }[] = [];
      // One after the other, each at one of the addresses: so many questions at once look like an attack.
      for (const [index, user] of users.entries()) {
        const address = answered[(index + 1) % answered.length];
        if (address === undefined) break;
        others.push({ of: user, result: await settled(this.#askOf(domain, user, address, false)) });
      }
      const all = [...first.map((result, index) => ({ of: addresses[index] ?? '', result })), ...others];
      const leftOut = this.#leftOut(domain);
      return { ...gatherAnswers(all), ...(leftOut.length === 0 ? {} : { leftOut: [...leftOut] }) };
    });
  }

  /** The first sample user, or a made-up address, at every address of the domain's host. @throws Unobtainable */
  #firstAnswers(domain: string) {
    return this.#once(`first answers ${domain}`, async () => {
      const host = await this.#routeHost(domain);
      const addresses = await this.#liveAddresses(host);
      const [user] = this.sampleUsers(domain);
      const first = await Promise.all(addresses.map((address) => settled(this.#askOf(domain, user, address, true))));
      return { host, addresses, first };
    });
  }

  /** @param user undefined: a made-up address, about which not every answer tells something */
  async #askOf(
    domain: string,
    user: string | undefined,
    address: string,
    bothAgents: boolean,
  ): Promise<AutodiscoverAnswer> {
    const host = await this.#routeHost(domain);
    const email = user ?? `fieldcheck@${domain}`;
    const answer = await this.#askAutodiscover({ host, address, email, sample: user !== undefined }, 'EWS', bothAgents);
    if (user === undefined && (answer.outcome === 'exchange-online' || answer.errorCode === 'UserNotFound')) {
      throw insufficient(`${host} has no mailbox for the made-up address ${email}; name a sample user of ${domain}`);
    }
    return answer;
  }

  /** The REST URL of the domain, and whether it asks for a token. @throws Unobtainable */
  rest(domain: string): Promise<RestEndpoint> {
    return this.#once(`rest ${domain}`, async () => {
      const host = await this.#routeHost(domain);
      const [address] = await this.#liveAddresses(host);
      const [user] = this.sampleUsers(domain);
      const asked = { host, address, email: user ?? `fieldcheck@${domain}`, sample: user !== undefined };
      const { outcome, answered, status, errorCode } = await this.#askAutodiscover(asked, 'REST', false);
      if (outcome !== 'answer' || answered === undefined) {
        return {
          outcome: 'no-url',
          detail: `${status ?? 'a cut connection'}${errorCode === undefined ? '' : ` ${errorCode}`}`,
        };
      }
      const { url, scope } = answered;
      if (scope !== 'public') return { outcome: 'url', url, scope };
      const [api] = await this.#liveAddresses(answered.host);
      const answer = await get(new URL(url), this.#request(new URL(url), api));
      if (isBusy(answer.status)) throw new Unobtainable('unreachable', `${url} answered ${sayBusy(answer.status)}`);
      return { outcome: 'url', url, scope, status: answer.status };
    });
  }

  /** Where Exchange Online sends callers for the domain's sample users. @throws Unobtainable */
  routing(domain: string): Promise<ExchangeOnlineAutodiscover> {
    return this.#once(`routing ${domain}`, async () => {
      const asked = this.sampleUsers(domain);
      if (asked.length === 0) throw insufficient(`no sample user of ${domain} is named`);
      const results = await Promise.all(asked.map(async (of) => ({ of, result: await settled(this.#routingOf(of)) })));
      const users = results.flatMap(({ result }) => ('value' in result ? [result.value] : []));
      const failed = failuresOf(results);
      const leftOut = this.#leftOut(domain);
      if (users.length === 0 && failed[0] !== undefined) throw failed[0].error;
      return {
        users,
        ...(failed.length === 0 ? {} : { notAnswered: failed.map(({ of, error }) => ({ of, why: error.message })) }),
        ...(leftOut.length === 0 ? {} : { leftOut: [...leftOut] }),
      };
    });
  }

  /** Every host that is looked at, and why. */
  async hosts(): Promise<ReadonlyMap<string, PublishedHost>> {
    return (await this.#hosts()).hosts;
  }

  /** Hosts beyond the budget. */
  async hostsLeftOut(): Promise<readonly string[]> {
    return (await this.#hosts()).leftOut;
  }

  #hosts() {
    return this.#once('hosts', async () => {
      type Naming = PublishedHost['namedBy'][number];
      const hosts = new Map<string, { namedBy: Naming[]; ews?: string; ewsUnknownFor: string[]; wildcard?: boolean }>();
      const name = (host: string, naming: Naming) => {
        const entry = hosts.get(host.toLowerCase()) ?? { namedBy: [], ewsUnknownFor: [] };
        hosts.set(host.toLowerCase(), entry);
        const known = entry.namedBy.some(({ domain, as }) => domain === naming.domain && as === naming.as);
        if (!known) entry.namedBy.push(naming);
        return entry;
      };
      const nameEws = (domain: string, answered: AutodiscoverAnswer['answered']) => {
        if (answered?.scope !== 'public') return false;
        name(answered.host, { domain, as: 'ews' }).ews ??= answered.url;
        return true;
      };
      const ways = await Promise.all(
        this.domains.map(async (domain) => ({
          domain,
          way: await this.#route(domain),
          dns: await settled(this.dns(domain)),
          v2: await settled(this.autodiscover(domain)),
          routing: this.sampleUsers(domain).length === 0 ? undefined : await settled(this.routing(domain)),
        })),
      );
      for (const { domain, way, dns, v2 } of ways) {
        const first = name(way.host, { domain, as: way.via === 'srv' ? 'srv' : 'autodiscover' });
        if (way.via === 'name' && 'value' in dns && dns.value.wildcard === true) first.wildcard = true;
        const answers = 'value' in v2 ? allOf<AutodiscoverAnswer>(v2.value) : [];
        const known = answers.filter(({ answered }) => nameEws(domain, answered));
        if (known.length === 0) first.ewsUnknownFor.push(domain);
      }
      const elsewhere = [...new Set(this.#users.map((user) => user.slice(user.lastIndexOf('@') + 1).toLowerCase()))]
        .filter((domain) => !this.domains.includes(domain))
        .map(async (domain) => ({ domain, routing: await settled(this.routing(domain)) }));
      for (const { domain, routing } of [...ways, ...(await Promise.all(elsewhere))]) {
        for (const { host, reached } of routing !== undefined && 'value' in routing ? routing.value.users : []) {
          if (reached === undefined || reached.outcome === 'no-name' || reached.outcome === 'not-public') continue;
          if (!nameEws(domain, reached.answered) || reached.answered?.host !== host.toLowerCase()) {
            name(host, { domain, as: 'exchange-online' });
          }
        }
      }
      for (const host of this.#organization.hosts) {
        name(host, { as: 'declared' }).ews ??= `https://${host}/EWS/Exchange.asmx`;
      }
      const all = [...hosts];
      return { hosts: new Map(all.slice(0, budget.hosts)), leftOut: all.slice(budget.hosts).map(([host]) => host) };
    });
  }

  /** EWS without credentials, at every address. @throws Unobtainable */
  ews(host: string): Promise<EwsAnonymous> {
    return this.#once(`ews ${host}`, () =>
      this.#atEveryAddress(host, async (url, address): Promise<EwsAnswer> => {
        const ask = async (userAgent: string): Promise<EwsAnswer> => {
          const answer = await this.#note(
            host,
            address,
            getOnHost(url, this.#request(url, address, userAgent), isSignInPage),
          );
          if (isBusy(answer.status))
            throw new Unobtainable('unreachable', `${url.href} answered ${sayBusy(answer.status)}`);
          return { url: url.href, ...readEws(answer) };
        };
        return this.#asBoth(
          ask,
          ({ status, location }) => `${status}${location === undefined ? '' : ` to ${location}`}`,
        );
      }),
    );
  }

  /** EWS with an empty Bearer token, which makes Exchange say whom it trusts, at every address. @throws Unobtainable */
  bearer(host: string): Promise<EwsBearer> {
    return this.#once(`bearer ${host}`, () =>
      this.#atEveryAddress(host, async (url, address): Promise<BearerAnswer> => {
        const ask = async (userAgent: string): Promise<BearerAnswer> => {
          const request = this.#request(url, address, userAgent);
          const answer = await this.#note(
            host,
            address,
            get(url, { ...request, headers: { authorization: 'Bearer' } }),
          );
          if (isBusy(answer.status))
            throw new Unobtainable('unreachable', `${url.href} answered an empty token with ${sayBusy(answer.status)}`);
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
        };
        return this.#asBoth(
          ask,
          ({ status, challenge }) => `${status}${challenge === 'bearer' ? '' : ' without OAuth'}`,
        );
      }),
    );
  }

  /** Puts the same question to every address of an EWS host. @throws Unobtainable when none answers */
  async #atEveryAddress<T extends object>(
    host: string,
    ask: (url: URL, address: string) => Promise<T>,
  ): Promise<T & { others?: T[]; notAnswered?: { of: string; why: string }[] }> {
    const url = await this.#ewsUrl(host);
    const addresses = await this.#liveAddresses(host);
    const results = await Promise.all(
      addresses.map(async (of) => ({
        of,
        result: await settled(ask(url, of).then((value) => (addresses.length > 1 ? { ...value, address: of } : value))),
      })),
    );
    return gatherAnswers(results);
  }

  /**
   * Asks as Teams and as ourselves, side by side. What Teams gets is the answer; what we get is noted where it differs.
   *
   * @param say what is compared, in words
   */
  async #asBoth<T extends object>(
    ask: (userAgent: string) => Promise<T>,
    say: (answer: T) => string,
  ): Promise<T & { otherAgent?: string }> {
    const [asTeams, asOurselves] = await Promise.all([
      settled(ask(teamsUserAgent)),
      settled(ask(this.#options.userAgent)),
    ]);
    if ('error' in asTeams) throw asTeams.error;
    const ours = 'value' in asOurselves ? say(asOurselves.value) : asOurselves.error.message;
    return ours === say(asTeams.value) ? asTeams.value : { ...asTeams.value, otherAgent: ours };
  }

  /** The build a host shows in any of its answers, or that the collector knows of it: the oldest of its addresses. @throws Unobtainable */
  version(host: string, collected: ExchangeServers | undefined): Promise<PublishedVersion> {
    return this.#once(`version ${host}`, async () => {
      const addresses = await this.#liveAddresses(host);
      const found = await Promise.all(
        addresses.map(async (address) => ({
          address,
          result: await settled(this.#versionAt(host, address, collected)),
        })),
      );
      const shown = found.flatMap(({ address, result }) =>
        'value' in result ? [{ address, version: result.value }] : [],
      );
      const [oldest] = shown.sort((a, b) => compareBuilds(oldestOf(a.version), oldestOf(b.version)));
      if (oldest === undefined) {
        const [first] = found;
        throw first !== undefined && 'error' in first.result
          ? first.result.error
          : insufficient(`${host} was not asked for its version`);
      }
      const hidden = found.flatMap(({ address, result }) => ('error' in result ? [address] : []));
      return {
        ...oldest.version,
        ...(addresses.length > 1 ? { address: oldest.address } : {}),
        ...(hidden.length === 0 ? {} : { hidden }),
      };
    });
  }

  async #versionAt(host: string, address: string, collected: ExchangeServers | undefined): Promise<PublishedVersion> {
    const conclude = () => {
      const seen = this.#answers.get(`${host} ${address}`) ?? [];
      const ours = collectedBuild(host, seen, collected);
      const readings = ours === undefined ? [] : [{ method: 'collector' as const, build: ours }];
      return concludeVersion([...readings, ...readVersions(seen)]);
    };
    const page = await settled(this.#page(host, address, webPath));
    await this.#othersOf(host);
    const first = conclude();
    if (first?.confidence === 'high') return first;
    await settled(this.#page(host, address, exportToolPath));
    const version = conclude();
    if (version !== undefined) return version;
    if ('error' in page) throw page.error;
    throw insufficient(`no answer of ${host} shows a build, and the collector was not run`);
  }

  /** A page of the server; who is turned away for being no browser of theirs asks as Teams. */
  async #page(host: string, address: string, path: string): Promise<GetAnswer> {
    const url = new URL(path, `https://${host}`);
    const ask = (userAgent: string) =>
      this.#note(host, address, getOnHost(url, this.#request(url, address, userAgent)));
    const ours = await ask(this.#options.userAgent);
    return ours.status === 403 ? ask(teamsUserAgent) : ours;
  }

  sampleUsers(domain: string): readonly string[] {
    return usersOf(this.#users, domain);
  }

  #leftOut(domain: string): readonly string[] {
    return usersOf(this.#organization.sampleUsers.slice(budget.users), domain);
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
    const wrong = tlsProblem(await this.tls(host), this.#now);
    if (wrong !== undefined)
      throw insufficient(`nothing was asked of ${host}: its TLS is not in order (${wrong.problem})`);
  }

  /** One question to Autodiscover V2 of a host, as Teams and, where wanted, as ourselves. @throws Unobtainable */
  async #askAutodiscover(
    asked: {
      readonly host: string;
      readonly address: string | undefined;
      readonly email: string;
      readonly sample: boolean;
    },
    protocol: Protocol,
    bothAgents: boolean,
  ): Promise<AutodiscoverAnswer> {
    const { host, address, email, sample } = asked;
    const url = autodiscoverUrl(`https://${host}`, email, protocol);
    const several = (this.#live.get(host)?.length ?? 0) > 1 && address !== undefined;
    const common = { host, ...(several ? { address } : {}), email, sample };
    const ask = async (userAgent: string): Promise<AutodiscoverAnswer> => {
      const answer = await this.#note(host, address, getOnHost(url, this.#request(url, address, userAgent)));
      if (isBusy(answer.status)) {
        throw new Unobtainable('unreachable', `${host} answered autodiscover.json with ${sayBusy(answer.status)}`);
      }
      const { url: named, ...read } = readAutodiscover(answer);
      const fromExchange = isFromExchange(answer);
      const [server] = answer.header('server');
      return {
        ...common,
        fromExchange,
        status: answer.status,
        ...read,
        ...(answer.status === 401 ? { schemes: schemesOf(answer.header('www-authenticate')) } : {}),
        ...(read.outcome === 'answer' || server === undefined ? {} : { server: server.slice(0, 100) }),
        ...(named === undefined ? {} : { answered: await this.#answeredUrl(named) }),
      };
    };
    const [asTeams, asOurselves] = await Promise.all([
      settled(ask(teamsUserAgent)),
      bothAgents ? settled(ask(this.#options.userAgent)) : undefined,
    ]);
    const answer = await this.#explained(common, asTeams, () => ask(teamsUserAgent));
    if (asOurselves === undefined) return answer;
    const ours = 'value' in asOurselves ? sayAutodiscover(asOurselves.value) : asOurselves.error.message;
    const theirs = 'value' in asTeams ? sayAutodiscover(asTeams.value) : asTeams.error.message;
    return ours === theirs ? answer : { ...answer, otherAgent: ours };
  }

  /** What refuses is asked for another path: a filter lets that through. @throws Unobtainable when nothing answers at all */
  async #explained(
    common: Pick<AutodiscoverAnswer, 'host' | 'address' | 'email' | 'sample'>,
    asked: Settled<AutodiscoverAnswer>,
    again: () => Promise<AutodiscoverAnswer>,
  ): Promise<AutodiscoverAnswer> {
    const isCut = 'error' in asked && asked.error instanceof ConnectionReset;
    const isSilent = 'error' in asked && !isCut && asked.error.reason === 'timeout' && !this.#signal.aborted;
    if ('error' in asked && !isCut && !isSilent) throw asked.error;
    if ('value' in asked && asked.value.outcome !== 'blocked') return asked.value;
    const path = '/autodiscover/autodiscover.xml';
    const address = common.address ?? this.#live.get(common.host)?.[0];
    const other = await settled(this.#otherPath(common.host, address, path));
    if ('error' in asked && 'error' in other) throw asked.error;
    const otherPath = { path, ...('value' in other ? { status: other.value.status } : {}) };
    if ('value' in asked) return { ...asked.value, otherPath };
    // A server may wake up slowly: silence counts when it is kept beside a path that answers.
    const second = isSilent ? await settled(again()) : undefined;
    if (second !== undefined && 'value' in second) return second.value;
    return { ...common, fromExchange: false, outcome: 'blocked', ...(isSilent ? { silent: true } : {}), otherPath };
  }

  #otherPath(host: string, address: string | undefined, path: string): Promise<GetAnswer> {
    const url = new URL(path, `https://${host}`);
    return this.#once(`path ${host} ${address} ${path}`, () =>
      this.#note(host, address, get(url, this.#request(url, address))),
    );
  }

  /** What stands at a host that Exchange Online names and no domain's DNS does. */
  async #reach(
    host: string,
    user: string,
  ): Promise<NonNullable<ExchangeOnlineAutodiscover['users'][number]['reached']>> {
    const scope = await this.#scopeOf(host);
    if (scope === 'no-name' || scope === 'internal-name')
      return { outcome: 'no-name', detail: `${host} has no address in public DNS` };
    if (scope !== 'public') return { outcome: 'not-public', detail: `${host} leads to no address on the internet` };
    const tls = await settled(this.tls(host));
    if ('error' in tls) {
      return { outcome: tls.error.reason === 'timeout' ? 'silent' : 'refused', detail: tls.error.message };
    }
    const wrong = tlsProblem(tls.value, this.#now);
    if (wrong !== undefined) return { outcome: 'tls', detail: `the TLS of ${host} is not in order (${wrong.problem})` };
    const [address] = await this.#liveAddresses(host);
    const answer = await settled(this.#askAutodiscover({ host, address, email: user, sample: true }, 'EWS', true));
    if ('error' in answer) return { outcome: 'silent', detail: answer.error.message };
    const { outcome, answered } = answer.value;
    const detail = `${host} answers autodiscover.json with ${sayAutodiscover(answer.value)}`;
    return {
      outcome: outcome === 'answer' ? 'answer' : 'other',
      detail,
      ...(answered === undefined ? {} : { answered }),
    };
  }

  async #routingOf(user: string): Promise<ExchangeOnlineAutodiscover['users'][number]> {
    const { origin, guarded } = this.#options.exchangeOnline;
    const url = autodiscoverUrl(origin, user, 'EWS');
    const answer = await get(url, {
      ...this.#request(url, undefined),
      trust: this.#options.roots.ours.secureContext,
      guard: guarded ? this.#guard : undefined,
    });
    if (isBusy(answer.status)) {
      throw new Unobtainable('unreachable', `Exchange Online answered ${answer.status} when asked about ${user}`);
    }
    const itself = (host: string) => isExchangeOnlineName(host) || host === url.hostname;
    const location = locationOf(answer);
    if (location !== undefined) {
      const host = location.hostname.toLowerCase();
      if (itself(host)) return { user, outcome: 'unknown-recipient', url: location.href, host };
      // Asked at once about one user only: several often lead to the same host.
      const known = await this.#isLookedAt(host);
      const reached = known || isTenantInitialName(host) ? {} : { reached: await this.#reach(host, user) };
      return { user, outcome: 'on-premises', url: location.href, host, ...reached };
    }
    const read = readAutodiscover(answer);
    if (read.outcome === 'answer' && read.url !== undefined && URL.canParse(read.url)) {
      const { hostname: host } = new URL(read.url);
      if (itself(host)) return { user, outcome: 'cloud-mailbox', url: read.url, host };
      // EWS itself is named: it is looked at like what a server on premises names.
      const answered = await this.#answeredUrl(read.url);
      const reached = { outcome: 'answer' as const, detail: `Exchange Online names ${read.url}`, answered };
      return { user, outcome: 'on-premises', url: read.url, host, reached };
    }
    if (read.errorCode === 'UserNotFound')
      return { user, outcome: 'unknown-recipient', url: url.href, host: url.hostname };
    throw new Unobtainable('unreachable', `Exchange Online answered ${answer.status} when asked about ${user}`);
  }

  /** Is the host the name or the way of a domain, so that the domain's own rules judge it? */
  async #isLookedAt(host: string): Promise<boolean> {
    if (this.domains.some((domain) => host === `autodiscover.${domain}`)) return true;
    const ways = await Promise.all(this.domains.map((domain) => this.#route(domain)));
    return ways.some((way) => way.host === host);
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

  #plain(host: string): Promise<GetAnswer> {
    const url = new URL(`http://${host}/autodiscover/autodiscover.xml`);
    return get(url, this.#request(url, undefined));
  }

  /** @param address where to connect to; undefined: wherever the name leads */
  #request(url: URL, address: string | undefined, userAgent: string = teamsUserAgent): GetOptions {
    const place = `${url.hostname} ${address}`;
    const connection = url.protocol === 'https:' ? this.#open.get(place) : undefined;
    if (connection !== undefined) this.#open.delete(place);
    return {
      ...(connection?.destroyed === false ? { connection } : {}),
      guard: this.#guardOf(address),
      // Whether the certificate holds is looked at once for each host, at the time of the run: see #trusted.
      trust: undefined,
      userAgent,
      timeoutMs: this.#options.timeoutMs,
      signal: this.#signal,
    };
  }

  async #note(host: string, address: string | undefined, answer: Promise<GetAnswer>): Promise<GetAnswer> {
    const got = await answer;
    const place = `${host} ${address}`;
    this.#answers.set(place, [...(this.#answers.get(place) ?? []), got]);
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

/** The oldest build that anything shows there. */
function oldestOf({ readings, build }: PublishedVersion): PublishedVersion['build'] {
  return readings.map((reading) => reading.build).sort(compareBuilds)[0] ?? build;
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

function usersOf(users: readonly string[], domain: string): readonly string[] {
  return users.filter((user) => user.toLowerCase().endsWith(`@${domain}`));
}

function readEws(answer: GetAnswer): Pick<EwsAnswer, 'status' | 'schemes' | 'outcome' | 'location' | 'fromExchange'> {
  const { status, header } = answer;
  const location = locationOf(answer)?.href;
  const outcomes = { 401: 'challenge', 404: 'not-found', 200: 'page' } as const;
  const refused = header('x-ews-policy-reason').length > 0 ? 'policy' : 'forbidden';
  const outcome =
    location !== undefined
      ? 'login'
      : status === 403
        ? refused
        : (outcomes[status as keyof typeof outcomes] ?? ('other' as const));
  const schemes = schemesOf(header('www-authenticate'));
  return {
    status,
    schemes,
    outcome,
    ...(location === undefined ? {} : { location }),
    fromExchange: isFromExchange(answer),
  };
}

/** An answer of Autodiscover V2 in words. */
function sayAutodiscover({ outcome, status, errorCode, location, answered }: AutodiscoverAnswer): string {
  return [
    status,
    answered?.url ?? location ?? errorCode ?? (outcome === 'page' ? 'and no Autodiscover answer' : undefined),
  ]
    .filter((part) => part !== undefined)
    .join(' ');
}

interface Asked<T> {
  /** Which address or user. */
  readonly of: string;
  readonly result: Settled<T>;
}

function failuresOf<T>(results: readonly Asked<T>[]): readonly { of: string; error: Unobtainable }[] {
  return results.flatMap(({ of, result }) => ('error' in result ? [{ of, error: result.error }] : []));
}

/** The first answer with the others beside it, and who gave none. @throws Unobtainable when nobody answered */
function gatherAnswers<T extends object>(
  results: readonly Asked<T>[],
): T & { others?: T[]; notAnswered?: { of: string; why: string }[] } {
  const [first, ...others] = results.flatMap(({ result }) => ('value' in result ? [result.value] : []));
  const failed = failuresOf(results);
  if (first === undefined) throw failed[0]?.error ?? insufficient('nobody was asked');
  return {
    ...first,
    ...(others.length === 0 ? {} : { others }),
    ...(failed.length === 0 ? {} : { notAnswered: failed.map(({ of, error }) => ({ of, why: error.message })) }),
  };
}

type Settled<T> = { value: T } | { error: Unobtainable };

/** A promise as a value: what it gave, or why not. */
export async function settled<T>(work: Promise<T>): Promise<Settled<T>> {
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
