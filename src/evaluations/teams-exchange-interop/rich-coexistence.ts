import type { OnPremisesHybrid, SettingOverrides } from '../../facts/exchange-organization/on-premises.ts';

const richFeatures = ['freebusy', 'photos', 'mailtips'];

/** Does the hybrid configuration look anything up in the cloud: free/busy, photos, MailTips? */
export function wantsRichCoexistence({ features }: OnPremisesHybrid): boolean {
  return features.some((feature) => richFeatures.includes(feature.toLowerCase()));
}

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
