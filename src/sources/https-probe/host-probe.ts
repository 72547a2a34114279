import { Unobtainable } from '../../domain/fact-set.ts';
import { compareBuilds } from '../../facts/exchange-organization/builds.ts';
import type { ExchangeServers } from '../../facts/exchange-organization/on-premises.ts';
import {
  type AutodiscoverAnswer,
  allOf,
  type BearerAnswer,
  type EwsAnonymous,
  type EwsAnswer,
  type EwsBearer,
  isPageForPeople,
  type PublishedHost,
  type PublishedVersion,
} from '../../facts/exchange-organization/published.ts';
import { type GetAnswer, get, getOnHost, locationOf } from '../../http/anonymous-get.ts';
import { gatherAnswers, insufficient, onceEach, settled } from './answers.ts';
import { isFromExchange } from './autodiscover.ts';
import type { AutodiscoverProbe } from './autodiscover-probe.ts';
import { isBusy, sayBusy } from './busy.ts';
import { decodeBearer, schemesOf } from './challenge.ts';
import type { ExchangeOnlineProbe } from './exchange-online-probe.ts';
import type { SampleUsers } from './sample-users.ts';
import { concludeVersion, exportToolPath, readVersions, webPath } from './version.ts';
import { teamsUserAgent, type Wire } from './wire.ts';

/** Hosts of one organization that are looked at at most. */
const hostsOfOrganization = 40;

interface Ways {
  readonly autodiscover: AutodiscoverProbe;
  readonly exchangeOnline: ExchangeOnlineProbe;
}

/** The hosts that anything names, and what each answers to callers without credentials. */
export class HostProbe {
  readonly #wire: Wire;
  readonly #users: SampleUsers;
  readonly #domains: readonly string[];
  readonly #declared: readonly string[];
  readonly #ways: Ways;
  readonly #once = onceEach();

  /** @param declared hosts that the organization's document names */
  constructor(
    wire: Wire,
    users: SampleUsers,
    named: { readonly domains: readonly string[]; readonly declared: readonly string[] },
    ways: Ways,
  ) {
    this.#wire = wire;
    this.#users = users;
    this.#domains = named.domains;
    this.#declared = named.declared;
    this.#ways = ways;
  }

  /** Every host that is looked at, and why. */
  async all(): Promise<ReadonlyMap<string, PublishedHost>> {
    return (await this.#hosts()).hosts;
  }

  /** Hosts beyond the budget. */
  async leftOut(): Promise<readonly string[]> {
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
        this.#domains.map(async (domain) => ({
          domain,
          way: await this.#ways.autodiscover.route(domain),
          dns: await settled(this.#ways.autodiscover.dns(domain)),
          v2: await settled(this.#ways.autodiscover.answers(domain)),
          routing:
            this.#users.of(domain).length === 0 ? undefined : await settled(this.#ways.exchangeOnline.routing(domain)),
        })),
      );
      for (const { domain, way, dns, v2 } of ways) {
        const first = name(way.host, { domain, as: way.via === 'srv' ? 'srv' : 'autodiscover' });
        if (way.via === 'name' && 'value' in dns && dns.value.wildcard === true) first.wildcard = true;
        const answers = 'value' in v2 ? allOf<AutodiscoverAnswer>(v2.value) : [];
        const known = answers.filter(({ answered }) => nameEws(domain, answered));
        if (known.length === 0) first.ewsUnknownFor.push(domain);
      }
      const elsewhere = this.#users.domains
        .filter((domain) => !this.#domains.includes(domain))
        .map(async (domain) => ({ domain, routing: await settled(this.#ways.exchangeOnline.routing(domain)) }));
      for (const { domain, routing } of [...ways, ...(await Promise.all(elsewhere))]) {
        for (const { host, reached } of routing !== undefined && 'value' in routing ? routing.value.users : []) {
          if (reached === undefined || reached.outcome === 'no-name' || reached.outcome === 'not-public') continue;
          if (!nameEws(domain, reached.answered) || reached.answered?.host !== host.toLowerCase()) {
            name(host, { domain, as: 'exchange-online' });
          }
        }
      }
      for (const host of this.#declared) {
        name(host, { as: 'declared' }).ews ??= `https://${host}/EWS/Exchange.asmx`;
      }
      const all = [...hosts];
      return {
        hosts: new Map(all.slice(0, hostsOfOrganization)),
        leftOut: all.slice(hostsOfOrganization).map(([host]) => host),
      };
    });
  }

  /** EWS without credentials, at every address. @throws Unobtainable */
  ews(host: string): Promise<EwsAnonymous> {
    return this.#once(`ews ${host}`, () =>
      this.#atEveryAddress(host, async (url, address): Promise<EwsAnswer> => {
        const ask = async (userAgent: string): Promise<EwsAnswer> => {
          const answer = await this.#wire.note(
            host,
            address,
            getOnHost(url, this.#wire.request(url, address, userAgent), isPageForPeople),
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
          const request = this.#wire.request(url, address, userAgent);
          const answer = await this.#wire.note(
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

  /** The build a host shows in any of its answers, or that the collector knows of it: the oldest of its addresses. @throws Unobtainable */
  version(host: string, collected: ExchangeServers | undefined): Promise<PublishedVersion> {
    return this.#once(`version ${host}`, async () => {
      const addresses = await this.#wire.liveAddresses(host);
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
      const seen = this.#wire.answersOf(host, address);
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
      this.#wire.note(host, address, getOnHost(url, this.#wire.request(url, address, userAgent)));
    const ours = await ask(this.#wire.options.userAgent);
    return ours.status === 403 ? ask(teamsUserAgent) : ours;
  }

  async #ewsUrl(host: string): Promise<URL> {
    const known = (await this.all()).get(host);
    if (known?.ews === undefined) {
      throw insufficient(`Autodiscover V2 of ${known?.ewsUnknownFor.join(', ') ?? host} named no EWS URL to ask`);
    }
    await this.#wire.trusted(host);
    return new URL(known.ews);
  }

  /** Everything else that is asked of the host in this run, so that its headers can tell the version too. */
  async #othersOf(host: string): Promise<void> {
    const known = (await this.all()).get(host);
    if (known?.ews === undefined) return;
    await Promise.allSettled([this.ews(host), this.bearer(host)]);
  }

  /** Puts the same question to every address of an EWS host. @throws Unobtainable when none answers */
  async #atEveryAddress<T extends object>(
    host: string,
    ask: (url: URL, address: string) => Promise<T>,
  ): Promise<T & { others?: T[]; notAnswered?: { of: string; why: string }[] }> {
    const url = await this.#ewsUrl(host);
    const addresses = await this.#wire.liveAddresses(host);
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
      settled(ask(this.#wire.options.userAgent)),
    ]);
    if ('error' in asTeams) throw asTeams.error;
    const ours = 'value' in asOurselves ? say(asOurselves.value) : asOurselves.error.message;
    return ours === say(asTeams.value) ? asTeams.value : { ...asTeams.value, otherAgent: ours };
  }
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
