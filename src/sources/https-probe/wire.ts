import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  type HostTls,
  isExchangeOnlineName,
  isHybridAgentName,
  isInternalName,
  tlsProblem,
  type UrlScope,
} from '../../facts/exchange-organization/published.ts';
import { type AddressGuard, addressScope, createAddressGuard } from '../../http/address-guard.ts';
import { type GetAnswer, type GetOptions, get } from '../../http/anonymous-get.ts';
import type { Roots } from '../../http/roots.ts';
import { insufficient, onceEach, settled } from './answers.ts';
import { type Addresses, lookUpAddresses, type Resolve } from './resolve.ts';
import { inspectTls } from './tls.ts';

/** Addresses of one host that are asked at most; all of them count. */
const addressesOfHost = 4;

/** What Teams calls itself when it asks on-premises servers for calendars. */
export const teamsUserAgent = 'Teams CalendarSkypeSpaces/1.0a$*+';

export interface ProbeOptions {
  readonly resolve: Resolve;
  readonly allowPrivate: boolean;
  readonly roots: Roots;
  /** Where Exchange Online is asked; unguarded when a person named the address. */
  readonly exchangeOnline: { readonly origin: string; readonly guarded: boolean };
  readonly userAgent: string;
  readonly timeoutMs: number;
}

/**
 * What one run sends, and to which addresses: names are looked up and handshakes are made once, every connection passes
 * the guard, and a host whose TLS is not in order is asked nothing more.
 */
export class Wire {
  readonly options: ProbeOptions;
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly guard: AddressGuard;
  readonly #once = onceEach();
  readonly #guards = new Map<string, AddressGuard>();
  /** By host: the addresses that answered its handshake. */
  readonly #live = new Map<string, readonly string[]>();
  /** Connections whose handshake was looked at, each for the first request to its host. */
  readonly #open = new Map<string, TLSSocket>();
  /** Answers by host, for what they tell about the version. */
  readonly #answers = new Map<string, readonly GetAnswer[]>();

  constructor(options: ProbeOptions, at: { readonly now: Date; readonly signal: AbortSignal }) {
    this.options = options;
    this.now = at.now;
    this.signal = at.signal;
    this.guard = createAddressGuard({
      allowPrivate: options.allowPrivate,
      // The addresses of a name stay what they were when it was first looked up in this run.
      addressesOf: async (host) => (await this.addresses(host)).addresses,
    });
  }

  addresses(host: string): Promise<Addresses> {
    return this.#once(`addresses ${host.toLowerCase()}`, () => lookUpAddresses(this.options.resolve, host));
  }

  /** Does the domain answer for a name that nobody published, with the same addresses? */
  async isWildcard(domain: string, addresses: readonly string[]): Promise<boolean> {
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
      trust: this.options.roots.published,
      timeoutMs: this.options.timeoutMs,
      signal: this.signal,
    });
    if (connection !== undefined) this.#open.set(`${host} ${address}`, connection);
    return { tls };
  }

  /** The addresses of a host that may be asked, IPv4 first, and those beyond the budget. */
  async #addressesToAsk(host: string): Promise<{ asked: readonly string[]; leftOut: readonly string[] }> {
    const all = isIP(host) === 0 ? (await this.addresses(host)).addresses : [host];
    const admitted = all.filter((address) => this.guard.check(address) === undefined).sort((a, b) => isIP(a) - isIP(b));
    return { asked: admitted.slice(0, addressesOfHost), leftOut: admitted.slice(addressesOfHost) };
  }

  /** Connects to that address of the host alone; without one, to whichever answers. */
  #guardOf(address: string | undefined): AddressGuard {
    if (address === undefined) return this.guard;
    const guard =
      this.#guards.get(address) ??
      createAddressGuard({ allowPrivate: this.options.allowPrivate, addressesOf: async () => [address] });
    this.#guards.set(address, guard);
    return guard;
  }

  /** @throws Unobtainable when nothing was asked because of the host's TLS */
  async trusted(host: string): Promise<void> {
    const wrong = tlsProblem(await this.tls(host), this.now);
    if (wrong !== undefined)
      throw insufficient(`nothing was asked of ${host}: its TLS is not in order (${wrong.problem})`);
  }

  /** The addresses of the host that answered its handshake so far. */
  answering(host: string): readonly string[] {
    return this.#live.get(host) ?? [];
  }

  /** Addresses of the host that answered its handshake. @throws Unobtainable when its TLS is not in order */
  async liveAddresses(host: string): Promise<readonly string[]> {
    await this.trusted(host);
    return this.answering(host);
  }

  /** Was the host asked at an address inside the network? */
  async isInside(host: string): Promise<boolean> {
    await settled(this.tls(host));
    return this.answering(host).some((address) => addressScope(address) !== 'public');
  }

  async scopeOf(host: string): Promise<UrlScope> {
    if (isHybridAgentName(host)) return 'hybrid-agent';
    if (isExchangeOnlineName(host)) return 'exchange-online';
    if (isIP(host) === 0 && isInternalName(host)) return 'internal-name';
    const addresses = isIP(host) === 0 ? (await this.addresses(host)).addresses : [host];
    if (addresses.length === 0) return 'no-name';
    return addresses.every((address) => this.guard.check(address) === undefined) ? 'public' : 'private';
  }

  /** What an answer names as a URL, and where that leads. */
  async answeredUrl(text: string): Promise<{ url: string; host: string; scope: UrlScope }> {
    const url = text.slice(0, 500);
    if (!URL.canParse(text)) return { url, host: '', scope: 'not-https' };
    const { protocol, hostname } = new URL(text);
    const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
    if (protocol !== 'https:') return { url, host, scope: 'not-https' };
    return { url, host, scope: await this.scopeOf(host) };
  }

  /** Autodiscover on port 80. */
  plain(host: string): Promise<GetAnswer> {
    const url = new URL(`http://${host}/autodiscover/autodiscover.xml`);
    return get(url, this.request(url, undefined));
  }

  /** A path beside the one that was refused. */
  otherPath(host: string, address: string | undefined, path: string): Promise<GetAnswer> {
    const url = new URL(path, `https://${host}`);
    return this.#once(`path ${host} ${address} ${path}`, () =>
      this.note(host, address, get(url, this.request(url, address))),
    );
  }

  /** @param address where to connect to; undefined: wherever the name leads */
  request(url: URL, address: string | undefined, userAgent: string = teamsUserAgent): GetOptions {
    const place = `${url.hostname} ${address}`;
    const connection = url.protocol === 'https:' ? this.#open.get(place) : undefined;
    if (connection !== undefined) this.#open.delete(place);
    return {
      ...(connection?.destroyed === false ? { connection } : {}),
      guard: this.#guardOf(address),
      // Whether the certificate holds is looked at once for each host, at the time of the run: see `trusted`.
      trust: undefined,
      userAgent,
      timeoutMs: this.options.timeoutMs,
      signal: this.signal,
    };
  }

  /** Keeps an answer for what its header tells about the version. */
  async note(host: string, address: string | undefined, answer: Promise<GetAnswer>): Promise<GetAnswer> {
    const got = await answer;
    const place = `${host} ${address}`;
    this.#answers.set(place, [...(this.#answers.get(place) ?? []), got]);
    return got;
  }

  /** What that address of the host answered so far. */
  answersOf(host: string, address: string): readonly GetAnswer[] {
    return this.#answers.get(`${host} ${address}`) ?? [];
  }
}
