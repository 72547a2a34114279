import { z } from 'zod';
import { type RuleContext as ContextOf, type RulePolicy, ruleFactory, rulePolicy } from '../../domain/rule.ts';
import type { MailDomainFacts } from '../../facts/mail-domain/index.ts';
import type { MailDomain } from '../../facts/mail-domain/subject.ts';

/** What a document may set for a rule of this evaluation. */
export const dkimRulePolicy = rulePolicy.extend({
  maxAgeDays: z
    .int()
    .positive()
    .optional()
    .describe('Of rotation-on-schedule: the age in days above which a key should be rotated; 365 when left out.'),
});
type DkimRulePolicy = RulePolicy & z.infer<typeof dkimRulePolicy>;

/** Declares a rule about a mail domain. */
export const rule = ruleFactory<MailDomainFacts, MailDomain, DkimRulePolicy>();

/** What a rule about a mail domain knows besides its facts. */
export type RuleContext = ContextOf<MailDomainFacts, MailDomain, DkimRulePolicy>;
