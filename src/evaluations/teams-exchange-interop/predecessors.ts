import type { Predecessor } from '../../domain/rule.ts';
import {
  type AutodiscoverDns,
  type AutodiscoverRedirect,
  type PublishedHost,
  routeOf,
} from '../../facts/exchange-organization/published.ts';

// The way Teams takes, as an order of rules: name, redirect trap, TLS, Autodiscover V2, EWS, OAuth.

const of = (rule: string, target: string): Predecessor => ({ rule: `teams-exchange-interop/${rule}`, target });

/** What has to hold before anything is asked of the domain's Autodiscover host. */
export function afterRoute(
  domain: string,
  dns: AutodiscoverDns | undefined,
  redirect: AutodiscoverRedirect | undefined,
): readonly Predecessor[] {
  const route = dns === undefined ? undefined : routeOf(dns, redirect);
  return [
    of('autodiscover-published', domain),
    of('autodiscover-without-http-redirect', domain),
    ...(route === undefined ? [] : [of('tls-trusted', route.host)]),
  ];
}

/** What has to hold before the URL in the domain's Autodiscover answer can be taken for granted. */
export function afterAutodiscoverV2(domain: string): readonly Predecessor[] {
  return [
    of('autodiscover-published', domain),
    of('autodiscover-without-http-redirect', domain),
    of('waf-passes-autodiscover-v2', domain),
    of('autodiscover-v2-returns-ews', domain),
    of('path-without-hybrid-agent', domain),
  ];
}

/** What has to hold before a host's TLS is looked at. A host that more than one domain or a person names stands for itself. */
export function afterNaming(host: PublishedHost | undefined): readonly Predecessor[] {
  const [first, ...others] = host?.namedBy ?? [];
  if (first?.domain === undefined || others.some(({ domain }) => domain !== first.domain)) return [];
  if ([first, ...others].some(({ as }) => as === 'exchange-online')) return [];
  return [of('autodiscover-published', first.domain), of('autodiscover-without-http-redirect', first.domain)];
}

/** What has to hold before EWS of a host is looked at. */
export function afterEwsKnown(name: string, host: PublishedHost | undefined): readonly Predecessor[] {
  const unknownFor = host?.ews === undefined ? (host?.ewsUnknownFor ?? []) : [];
  return [...unknownFor.flatMap(afterAutodiscoverV2), of('tls-trusted', name)];
}

/** Hosts at which EWS is looked at, or would be if Autodiscover had named one. */
export function ewsHosts(hosts: Readonly<Record<string, PublishedHost>>): readonly string[] {
  return Object.entries(hosts).flatMap(([name, { ews, ewsUnknownFor }]) =>
    ews !== undefined || ewsUnknownFor.length > 0 ? [name] : [],
  );
}

/** The domains whose Autodiscover matters: all but those in which the collector found nobody with a mailbox on premises. */
export function homingMailboxes(
  domains: readonly string[],
  dns: Readonly<Record<string, AutodiscoverDns>>,
): readonly string[] {
  return domains.filter((domain) => dns[domain]?.homesNoMailbox !== true);
}
