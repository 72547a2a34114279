import { z } from 'zod';
import { domainName } from '../../domain/domain-name.ts';
import { settingsOf } from '../../domain/organization.ts';
import { usualSelectors } from '../../facts/mail-domain/subject.ts';
import { dkimRulePolicy } from './rule.ts';

/** What an organization's document says of this evaluation. */
export const dkimSettings = settingsOf('0 0 6 * * *', {
  /** Left out: discovered from the tenant. */
  domains: z.array(domainName).optional(),
  ignore: z.array(z.string().min(1)).default([]),
  selectors: z
    .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: 'is no selector name' }))
    .min(1)
    .default(usualSelectors),
  rules: z.record(z.string(), dkimRulePolicy).default({}),
});
