import { buildFloors, type ExchangeBuild, isAtLeast, productOf } from '../../facts/exchange-organization/builds.ts';
import type {
  ExchangeServers,
  OnPremisesHybrid,
  SettingOverrides,
} from '../../facts/exchange-organization/on-premises.ts';

const richFeatures = ['freebusy', 'photos', 'mailtips'];

/**
 * Does the hybrid configuration look anything up in the cloud: free/busy, photos, MailTips? Where no wizard ran there are no
 * features to read, and a connector by hand is for nothing else.
 */
export function wantsRichCoexistence({ present, features, connectors }: OnPremisesHybrid): boolean {
  if (!present && connectors.some(({ enabled }) => enabled)) return true;
  return features.some((feature) => richFeatures.includes(feature.toLowerCase()));
}

/** A domain of the tenant's remote mailboxes, `<tenant>.mail.onmicrosoft.com`: that is what look-ups ask the cloud about. */
export function isRoutingDomain(domain: string): boolean {
  return /^(\*\.)?[^.]+\.mail\.(onmicrosoft\.(com|us)|partner\.onmschina\.cn|onmschina\.cn)$/i.test(domain);
}

/** First builds that use the dedicated application, by cumulative update (Learn, "Deploy dedicated Exchange hybrid app"; techcommunity 4396833). */
const dedicatedAppBuilds: Readonly<Record<string, string | undefined>> = {
  '15.1.2507': '15.1.2507.55',
  '15.2.1544': '15.2.1544.25',
  '15.2.1748': '15.2.1748.24',
};

/** Does that build use the dedicated application? Older cumulative updates never got it, Subscription Edition always has it. */
export function knowsDedicatedApp(build: ExchangeBuild): 'yes' | 'no' | 'cannot-tell' {
  const floor = dedicatedAppBuilds[build.parts.slice(0, 3).join('.')] ?? buildFloors.seReleased;
  const compared = isAtLeast(build, floor);
  return compared === 'at-least' ? 'yes' : compared === 'below' ? 'no' : 'cannot-tell';
}

type Server = ExchangeServers['servers'][number];

/**
 * The servers that look up for the mailboxes they home. Exchange 2010 never looked up by OAuth; an Edge server, and one that
 * homes none, has nobody to look up for.
 */
export function serversThatLookUp(servers: readonly Server[]): readonly Server[] {
  return servers.filter(
    ({ role, mailboxes, build }) =>
      (role === undefined || /mailbox/i.test(role)) &&
      mailboxes !== 0 &&
      (build === undefined || !beforeOAuth.includes(productOf(build) ?? '')),
  );
}

const beforeOAuth = ['Exchange 2010', 'Exchange 2007 or older'];

/**
 * The organization relationship by which alone both sides look things up (federation, "DAuth"): it carries no token of an
 * application, so what OAuth needs does not concern it (CSS-Exchange PR 2399).
 *
 * @returns undefined where a connector is enabled, or nothing is
 */
export function federationAlone({ connectors, relationships = [] }: OnPremisesHybrid) {
  if (connectors.some(({ enabled }) => enabled)) return undefined;
  return relationships.find(({ enabled }) => enabled);
}

/** Is the setting override of that section on? */
export function isOverrideOn(overrides: SettingOverrides['overrides'], section: string): boolean {
  return overrides.some(
    (override) =>
      override.section === section &&
      // Exchange keeps one that it rejected, and does not follow it.
      (override.status === '' || override.status.toLowerCase() === 'accepted') &&
      override.parameters.some((parameter) => parameter.replace(/\s/g, '').toLowerCase() === 'enabled=true'),
  );
}
