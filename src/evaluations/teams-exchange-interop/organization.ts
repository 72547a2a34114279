import type { ExchangeOrganization } from '../../facts/exchange-organization/subject.ts';
import type { RuleContext } from './rule.ts';

/** For a rule that only matters to one intent: out of scope where the organization does not have it. */
export function onlyFor(intent: ExchangeOrganization['intents'][number]) {
  return ({ subject }: Pick<RuleContext, 'subject'>): string | undefined =>
    subject.intents.includes(intent)
      ? undefined
      : `The organization does not ask about this: its intents do not name "${intent}".`;
}
