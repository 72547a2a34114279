import { z } from 'zod';
import { domainName } from '../../domain/domain-name.ts';
import { settingsOf } from '../../domain/organization.ts';
import { selectorName, usualSelectors } from '../../facts/mail-domain/subject.ts';
import { dkimRulePolicy } from './rule.ts';

/** What an organization's document says of this evaluation. */
export const dkimSettings = settingsOf('0 0 6 * * *', {
  /** Left out: discovered from the tenant. */
  domains: z.array(domainName).optional(),
  ignore: z.array(z.string().min(1)).default([]),
  selectors: z.array(selectorName).min(1).default(usualSelectors),
  rules: z.record(z.string(), dkimRulePolicy).default({}),
});
