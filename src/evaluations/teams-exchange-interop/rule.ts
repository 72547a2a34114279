import { type RuleContext as ContextOf, ruleFactory } from '../../domain/rule.ts';
import type { ExchangeOrganizationFacts } from '../../facts/exchange-organization/index.ts';
import type { ExchangeOrganization } from '../../facts/exchange-organization/subject.ts';

/** Declares a rule about an Exchange organization. */
export const rule = ruleFactory<ExchangeOrganizationFacts, ExchangeOrganization>();

/** What a rule about an Exchange organization knows besides its facts. */
export type RuleContext = ContextOf<ExchangeOrganizationFacts, ExchangeOrganization>;
