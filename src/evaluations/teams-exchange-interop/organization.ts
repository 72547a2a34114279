import type { At } from '../../domain/rule.ts';
import type { ExchangeOrganization, Subject } from '../../domain/subject.ts';

/** The subject as what this evaluation looks at. @throws Error when handed another kind, which is a fault of ours */
export function organizationOf(subject: Subject): ExchangeOrganization {
  if (subject.kind !== 'exchange-organization') throw new Error(`${subject.id} is no Exchange organization`);
  return subject;
}

/** For a rule that only matters to one intent: out of scope where the organization does not have it. */
export function onlyFor(intent: ExchangeOrganization['intents'][number]) {
  return ({ subject }: Pick<At, 'subject'>): string | undefined =>
    organizationOf(subject).intents.includes(intent)
      ? undefined
      : `The organization does not ask about this: its intents do not name "${intent}".`;
}

/** `a, b and c`, or the first few and how many more. */
export function enumerate(names: readonly string[], shown = 5): string {
  if (names.length > shown) return `${names.slice(0, shown).join(', ')} and ${names.length - shown} more`;
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}
