import { Unobtainable } from '../../domain/fact-set.ts';
import {
  type ExchangeOnlineAutodiscover,
  isExchangeOnlineName,
  isTenantInitialName,
  tlsProblem,
} from '../../facts/exchange-organization/published.ts';
import { get, locationOf } from '../../http/anonymous-get.ts';
import { failuresOf, insufficient, onceEach, settled } from './answers.ts';
import { autodiscoverUrl, readAutodiscover } from './autodiscover.ts';
import { type AutodiscoverProbe, sayAutodiscover } from './autodiscover-probe.ts';
import { isBusy } from './busy.ts';
import type { SampleUsers } from './sample-users.ts';
import type { Wire } from './wire.ts';

/** Where Exchange Online sends callers, and what stands there. */
export class ExchangeOnlineProbe {
  readonly #wire: Wire;
  readonly #users: SampleUsers;
  readonly #domains: readonly string[];
  readonly #autodiscover: AutodiscoverProbe;
  readonly #once = onceEach();

  constructor(wire: Wire, users: SampleUsers, domains: readonly string[], autodiscover: AutodiscoverProbe) {
    this.#wire = wire;
    this.#users = users;
    this.#domains = domains;
    this.#autodiscover = autodiscover;
  }

  /** Where Exchange Online sends callers for the domain's sample users. @throws Unobtainable */
  routing(domain: string): Promise<ExchangeOnlineAutodiscover> {
    return this.#once(`routing ${domain}`, async () => {
      const asked = this.#users.of(domain);
      if (asked.length === 0) throw insufficient(`no sample user of ${domain} is named`);
      const results = await Promise.all(asked.map(async (of) => ({ of, result: await settled(this.#routingOf(of)) })));
      const users = results.flatMap(({ result }) => ('value' in result ? [result.value] : []));
      const failed = failuresOf(results);
      const leftOut = this.#users.leftOut(domain);
      if (users.length === 0 && failed[0] !== undefined) throw failed[0].error;
      return {
        users,
        ...(failed.length === 0 ? {} : { notAnswered: failed.map(({ of, error }) => ({ of, why: error.message })) }),
        ...(leftOut.length === 0 ? {} : { leftOut: [...leftOut] }),
      };
    });
  }

  async #routingOf(user: string): Promise<ExchangeOnlineAutodiscover['users'][number]> {
    const { origin, guarded } = this.#wire.options.exchangeOnline;
    const url = autodiscoverUrl(origin, user, 'EWS');
    const answer = await get(url, {
      ...this.#wire.request(url, undefined),
      trust: this.#wire.options.roots.ours.secureContext,
      guard: guarded ? this.#wire.guard : undefined,
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
      const answered = await this.#wire.answeredUrl(read.url);
      const reached = { outcome: 'answer' as const, detail: `Exchange Online names ${read.url}`, answered };
      return { user, outcome: 'on-premises', url: read.url, host, reached };
    }
    if (read.errorCode === 'UserNotFound')
      return { user, outcome: 'unknown-recipient', url: url.href, host: url.hostname };
    throw new Unobtainable('unreachable', `Exchange Online answered ${answer.status} when asked about ${user}`);
  }

  /** Is the host the name or the way of a domain, so that the domain's own rules judge it? */
  async #isLookedAt(host: string): Promise<boolean> {
    if (this.#domains.some((domain) => host === `autodiscover.${domain}`)) return true;
    const ways = await Promise.all(this.#domains.map((domain) => this.#autodiscover.route(domain)));
    return ways.some((way) => way.host === host);
  }

  /** What stands at a host that Exchange Online names and no domain's DNS does. */
  async #reach(
    host: string,
    user: string,
  ): Promise<NonNullable<ExchangeOnlineAutodiscover['users'][number]['reached']>> {
    const scope = await this.#wire.scopeOf(host);
    if (scope === 'no-name' || scope === 'internal-name')
      return { outcome: 'no-name', detail: `${host} has no address in public DNS` };
    if (scope !== 'public') return { outcome: 'not-public', detail: `${host} leads to no address on the internet` };
    const tls = await settled(this.#wire.tls(host));
    if ('error' in tls) {
      return { outcome: tls.error.reason === 'timeout' ? 'silent' : 'refused', detail: tls.error.message };
    }
    const wrong = tlsProblem(tls.value, this.#wire.now);
    if (wrong !== undefined) return { outcome: 'tls', detail: `the TLS of ${host} is not in order (${wrong.problem})` };
    const [address] = await this.#wire.liveAddresses(host);
    const answer = await settled(this.#autodiscover.ask({ host, address, email: user, sample: true }, 'EWS', true));
    if ('error' in answer) return { outcome: 'silent', detail: answer.error.message };
    const { outcome, answered } = answer.value;
    const detail = `${host} answers autodiscover.json with ${sayAutodiscover(answer.value)}`;
    return {
      outcome: outcome === 'answer' ? 'answer' : 'other',
      detail,
      ...(answered === undefined ? {} : { answered }),
    };
  }
}
