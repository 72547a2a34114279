import { Unobtainable } from '../../domain/fact-set.ts';
import {
  type AutodiscoverAnswer,
  type AutodiscoverDns,
  type AutodiscoverRedirect,
  type AutodiscoverV2,
  isExchangeOnlineName,
  isPageForPeople,
  type RestEndpoint,
  routeOf,
  serviceRecordOf,
} from '../../facts/exchange-organization/published.ts';
import { addressScope } from '../../http/address-guard.ts';
import { ConnectionReset, get, getOnHost, locationOf } from '../../http/anonymous-get.ts';
import { gatherAnswers, insufficient, onceEach, type Settled, settled } from './answers.ts';
import { autodiscoverUrl, isFromExchange, type Protocol, readAutodiscover } from './autodiscover.ts';
import { isBusy, sayBusy } from './busy.ts';
import { schemesOf } from './challenge.ts';
import { lookUpServices } from './resolve.ts';
import type { SampleUsers } from './sample-users.ts';
import { teamsUserAgent, type Wire } from './wire.ts';

/** Where a domain's Autodiscover leads, and what it answers there. */
export class AutodiscoverProbe {
  readonly #wire: Wire;
  readonly #users: SampleUsers;
  readonly #once = onceEach();

  constructor(wire: Wire, users: SampleUsers) {
    this.#wire = wire;
    this.#users = users;
  }

  /** What DNS says about the domain's Autodiscover names. @throws Unobtainable */
  dns(domain: string): Promise<AutodiscoverDns> {
    return this.#once(`dns ${domain}`, async () => {
      const name = `autodiscover.${domain}`;
      const [byName, srv] = await Promise.all([
        this.#wire.addresses(name),
        lookUpServices(this.#wire.options.resolve, `_autodiscover._tcp.${domain}`).catch((error: unknown) => {
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
            : (await this.#wire.addresses(record.target)).addresses.map(withScope),
        })),
      );
      const wildcard = byName.addresses.length > 0 && (await this.#wire.isWildcard(domain, byName.addresses));
      return {
        name,
        outcome: byName.outcome,
        chain: byName.chain.map((target) => target.toLowerCase()),
        addresses: byName.addresses.map(withScope),
        srv: { outcome: srv.outcome, records },
        ...(wildcard ? { wildcard } : {}),
        privateAdmitted: this.#wire.options.allowPrivate,
      };
    });
  }

  /** Who answered about the domain's name, for the fact's source. */
  async resolverOf(domain: string): Promise<string> {
    return (await this.#wire.addresses(`autodiscover.${domain}`)).resolver;
  }

  /** Is a redirect from port 80 all there is? Port 80 is asked only where 443 does not serve the name. */
  redirect(domain: string): Promise<AutodiscoverRedirect> {
    return this.#once(`redirect ${domain}`, async () => {
      const dns = await this.dns(domain);
      const host = dns.name;
      const quiet = { port80: 'not-asked', elsewhere: false } as const;
      if (dns.addresses.length === 0 || dns.chain.some(isExchangeOnlineName))
        return { host, port443: 'not-there', ...quiet };
      const tls = await settled(this.#wire.tls(host));
      if ('value' in tls && tls.value.outcome === 'handshake' && tls.value.nameMatches) {
        return { host, port443: 'handshake', nameMatches: true, ...quiet };
      }
      if ('error' in tls && tls.error.reason !== 'unreachable' && tls.error.reason !== 'timeout') throw tls.error;
      const on443 =
        'error' in tls
          ? ({ port443: tls.error.reason === 'timeout' ? 'silent' : 'closed' } as const)
          : { port443: tls.value.outcome, nameMatches: tls.value.nameMatches };
      const plain = await settled(this.#wire.plain(host));
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
  answers(domain: string): Promise<AutodiscoverV2> {
    return this.#once(`autodiscover ${domain}`, async () => {
      const { first, addresses } = await this.#firstAnswers(domain);
      const [, ...users] = this.#users.of(domain);
      const answered = addresses.filter((_, index) => 'value' in (first[index] ?? {}));
      const others: { of: string; result: Settled<AutodiscoverAnswer> }[] = [];
      // One after the other, each at one of the addresses: so many questions at once look like an attack.
      for (const [index, user] of users.entries()) {
        const address = answered[(index + 1) % answered.length];
        if (address === undefined) break;
        others.push({ of: user, result: await settled(this.#askOf(domain, user, address, false)) });
      }
      const all = [...first.map((result, index) => ({ of: addresses[index] ?? '', result })), ...others];
      const leftOut = this.#users.leftOut(domain);
      return { ...gatherAnswers(all), ...(leftOut.length === 0 ? {} : { leftOut: [...leftOut] }) };
    });
  }

  /** The first sample user, or a made-up address, at every address of the domain's host. @throws Unobtainable */
  #firstAnswers(domain: string) {
    return this.#once(`first answers ${domain}`, async () => {
      const host = await this.#routeHost(domain);
      const addresses = await this.#wire.liveAddresses(host);
      const [user] = this.#users.of(domain);
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
    const answer = await this.ask({ host, address, email, sample: user !== undefined }, 'EWS', bothAgents);
    if (user === undefined && (answer.outcome === 'exchange-online' || answer.errorCode === 'UserNotFound')) {
      throw insufficient(`${host} has no mailbox for the made-up address ${email}; name a sample user of ${domain}`);
    }
    return answer;
  }

  /** The REST URL of the domain, and whether it asks for a token. @throws Unobtainable */
  rest(domain: string): Promise<RestEndpoint> {
    return this.#once(`rest ${domain}`, async () => {
      const host = await this.#routeHost(domain);
      const [address] = await this.#wire.liveAddresses(host);
      const [user] = this.#users.of(domain);
      const asked = { host, address, email: user ?? `fieldcheck@${domain}`, sample: user !== undefined };
      const { outcome, answered, status, errorCode } = await this.ask(asked, 'REST', false);
      if (outcome !== 'answer' || answered === undefined) {
        return {
          outcome: 'no-url',
          detail: `${status ?? 'a cut connection'}${errorCode === undefined ? '' : ` ${errorCode}`}`,
        };
      }
      const { url, scope } = answered;
      if (scope !== 'public') return { outcome: 'url', url, scope };
      const [api] = await this.#wire.liveAddresses(answered.host);
      const answer = await get(new URL(url), this.#wire.request(new URL(url), api));
      if (isBusy(answer.status)) throw new Unobtainable('unreachable', `${url} answered ${sayBusy(answer.status)}`);
      return { outcome: 'url', url, scope, status: answer.status };
    });
  }

  /** The host the domain's Autodiscover is asked at; where there is none, the name it would have. */
  async route(domain: string): Promise<{ host: string; via: 'name' | 'srv' | 'none' }> {
    const none = { host: `autodiscover.${domain}`, via: 'none' } as const;
    const dns = await settled(this.dns(domain));
    if ('error' in dns) return none;
    const redirect = await settled(this.redirect(domain));
    return routeOf(dns.value, 'value' in redirect ? redirect.value : undefined) ?? none;
  }

  /** The host to ask, once its name leads to the internet and its certificate holds. @throws Unobtainable */
  async #routeHost(domain: string): Promise<string> {
    const dns = await this.dns(domain);
    const { host, via } = await this.route(domain);
    if (via === 'none') {
      const port = serviceRecordOf(dns)?.port;
      throw insufficient(
        port !== undefined && port !== 443
          ? `the SRV record of ${domain} names port ${port}, which is not asked`
          : `DNS names no host of ${domain} to ask`,
      );
    }
    await this.#wire.trusted(host);
    return host;
  }

  /** One question to Autodiscover V2 of a host, as Teams and, where wanted, as ourselves. @throws Unobtainable */
  async ask(
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
    const several = (this.#wire.answering(host)?.length ?? 0) > 1 && address !== undefined;
    const common = { host, ...(several ? { address } : {}), email, sample };
    const ask = async (userAgent: string): Promise<AutodiscoverAnswer> => {
      const answer = await this.#wire.note(
        host,
        address,
        getOnHost(url, this.#wire.request(url, address, userAgent), isPageForPeople),
      );
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
        ...(named === undefined ? {} : { answered: await this.#wire.answeredUrl(named) }),
      };
    };
    const [asTeams, asOurselves] = await Promise.all([
      settled(ask(teamsUserAgent)),
      bothAgents ? settled(ask(this.#wire.options.userAgent)) : undefined,
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
    const isSilent = 'error' in asked && !isCut && asked.error.reason === 'timeout' && !this.#wire.signal.aborted;
    if ('error' in asked && !isCut && !isSilent) throw asked.error;
    if ('value' in asked && asked.value.outcome !== 'blocked') return asked.value;
    const path = '/autodiscover/autodiscover.xml';
    const address = common.address ?? this.#wire.answering(common.host)?.[0];
    const other = await settled(this.#wire.otherPath(common.host, address, path));
    if ('error' in asked && 'error' in other) throw asked.error;
    const otherPath = { path, ...('value' in other ? { status: other.value.status } : {}) };
    if ('value' in asked) return { ...asked.value, otherPath };
    // A server may wake up slowly: silence counts when it is kept beside a path that answers.
    const second = isSilent ? await settled(again()) : undefined;
    if (second !== undefined && 'value' in second) return second.value;
    return { ...common, fromExchange: false, outcome: 'blocked', ...(isSilent ? { silent: true } : {}), otherPath };
  }
}

function withScope(address: string) {
  return { address, scope: addressScope(address) };
}

/** An answer of Autodiscover V2 in words. */
export function sayAutodiscover({ outcome, status, errorCode, location, answered }: AutodiscoverAnswer): string {
  return [
    status,
    answered?.url ?? location ?? errorCode ?? (outcome === 'page' ? 'and no Autodiscover answer' : undefined),
  ]
    .filter((part) => part !== undefined)
    .join(' ');
}
