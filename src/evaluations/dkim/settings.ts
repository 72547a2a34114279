import { z } from 'zod';
import { domainName } from '../../domain/domain-name.ts';
import { settingsOf } from '../../domain/organization.ts';
import { selectorName, usualSelectors } from '../../facts/mail-domain/subject.ts';
import { dkimRulePolicy } from './rule.ts';

/** What an organization's document says of this evaluation. */
export const dkimSettings = settingsOf('0 0 6 * * *', {
  domains: z
    .array(domainName)
    .optional()
    .describe('The domains to look at; left out, those of the tenant or of the exports that were supplied.'),
  ignore: z
    .array(z.string().min(1))
    .default([])
    .describe('Domains that are not looked at; *.contoso.com stands for every domain below contoso.com.'),
  selectors: z
    .array(selectorName)
    .min(1)
    .default(usualSelectors)
    .describe('Selectors to look at where no signing configuration says which ones there are.'),
  rules: z.record(z.string(), dkimRulePolicy).default({}).describe('What is set for single rules, by their ids.'),
});
