import type { OnPremisesHybrid, SettingOverrides } from '../../facts/exchange-organization/on-premises.ts';

const richFeatures = ['freebusy', 'photos', 'mailtips'];

/** Does the hybrid configuration look anything up in the cloud: free/busy, photos, MailTips? */
export function wantsRichCoexistence({ features }: OnPremisesHybrid): boolean {
  return features.some((feature) => richFeatures.includes(feature.toLowerCase()));
}

/** Is the setting override of that section on? */
export function isOverrideOn(overrides: SettingOverrides['overrides'], section: string): boolean {
  return overrides.some(
    (override) =>
      override.section === section &&
      override.parameters.some((parameter) => parameter.replace(/\s/g, '').toLowerCase() === 'enabled=true'),
  );
}
