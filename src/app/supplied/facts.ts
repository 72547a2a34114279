import { type FactSet, mergeFactSets, noFacts, notKnown, type PartFacts } from '../../domain/fact-set.ts';
import { dayOf } from '../../domain/time.ts';
import type { StoredFacts } from '../../store/store.ts';

/** What was supplied, by subject; what has expired is recorded as stale, never left out. */
export function suppliedFacts(rows: readonly StoredFacts[], now: Date): ReadonlyMap<string, FactSet> {
  const bySubject = new Map<string, FactSet>();
  // Oldest first, so that the newest of two wins.
  for (const row of [...rows].sort((a, b) => (a.observedAt < b.observedAt ? -1 : 1))) {
    const content = mapFacts(row.content as FactSet, (facts) => sentBy(facts, row));
    const facts = row.expiresAt <= now.toISOString() ? expired(content, row.expiresAt) : content;
    bySubject.set(row.subject, mergeFactSets(facts, bySubject.get(row.subject) ?? noFacts));
  }
  return bySubject;
}

function expired(set: FactSet, at: string): FactSet {
  const stale = (facts: PartFacts): PartFacts =>
    Object.fromEntries(
      Object.entries(facts).map(([name, gathered]) => [
        name,
        notKnown(
          'stale',
          `supplied facts expired ${dayOf(at)}; supply them again`,
          gathered?.source,
          gathered?.observedAt,
        ),
      ]),
    );
  return mapFacts(set, stale);
}

/** Who sent them and when stands wherever they decide. A baseline was accepted, not sent, and says itself by whom. */
function sentBy(facts: PartFacts, { by, observedAt }: StoredFacts): PartFacts {
  if (by === undefined) return facts;
  return Object.fromEntries(
    Object.entries(facts).map(([name, gathered]) => [
      name,
      gathered && { ...gathered, source: `${gathered.source ?? 'supplied'}, sent ${dayOf(observedAt)} by ${by}` },
    ]),
  );
}

function mapFacts(set: FactSet, map: (facts: PartFacts) => PartFacts): FactSet {
  return {
    facts: map(set.facts),
    parts: Object.fromEntries(
      Object.entries(set.parts).map(([kind, members]) => [
        kind,
        Object.fromEntries(Object.entries(members ?? {}).map(([part, facts]) => [part, map(facts)])),
      ]),
    ),
  };
}
