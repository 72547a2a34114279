import { type FactSet, type Gathered, mergeFactSets, noFacts, notKnown } from '../domain/fact-set.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import type { Store, StoredFacts } from '../store/store.ts';
import { Problem } from './problem.ts';
import type { AcceptedFacts } from './responses.ts';
import { subjectsOf } from './subjects.ts';
import { evaluationOfFile, readSupplied, type SuppliedFile } from './supplied.ts';

/** How long supplied facts count. Configurations change seldom, but a month-old one proves nothing about today. */
const shelfLifeDays = 30;

const dayMs = 86_400_000;

/**
 * Keeps what an administrator or a collector sent, for each subject of the organization that it speaks of.
 *
 * @throws InvalidDocument when it cannot be read; Problem when it speaks of no subject of the organization
 */
export async function acceptFacts(
  store: Store,
  document: OrganizationDocument,
  file: SuppliedFile,
  now: Date,
  /** Subjects that facts were supplied for before. */
  known: readonly string[],
): Promise<AcceptedFacts> {
  const evaluation = evaluationOfFile(file);
  if (document.evaluations[evaluation] === undefined) {
    throw new Problem(
      422,
      `These facts are for ${evaluation}, which ${document.id} does not watch; add it to the organization's document first.`,
    );
  }
  const supply = readSupplied(evaluation, [file]);
  const named = supply.subjects.map(({ id }) => id);
  // A document that names no domains watches those that facts speak of. What a complete export leaves out is a fact, too.
  const subjects = subjectsOf(document, evaluation, [...known, ...named]);
  const expiresAt = new Date(now.getTime() + shelfLifeDays * dayMs).toISOString();
  const rows = subjects.flatMap((subject) => {
    const content = supply.factsFor(subject);
    return isEmpty(content)
      ? []
      : [
          {
            organization: document.id,
            evaluation,
            subject: subject.id,
            name: supply.name,
            observedAt: file.writtenAt,
            expiresAt,
            content,
          },
        ];
  });
  if (rows.length === 0) {
    throw new Problem(
      422,
      `These facts speak of no subject that ${document.id} watches with ${evaluation}; add it to the organization's document first.`,
    );
  }
  await store.putFacts(rows);
  return { evaluation, subjects: rows.map(({ subject }) => subject), expiresAt };
}

function isEmpty({ facts, parts }: FactSet): boolean {
  return Object.keys(facts).length === 0 && Object.keys(parts).length === 0;
}

/** What was supplied, by subject; what has expired is recorded as stale, never left out. */
export function suppliedFacts(rows: readonly StoredFacts[], now: Date): ReadonlyMap<string, FactSet> {
  const bySubject = new Map<string, FactSet>();
  // Oldest first, so that the newest of two wins.
  for (const row of [...rows].sort((a, b) => (a.observedAt < b.observedAt ? -1 : 1))) {
    const content = row.content as FactSet;
    const facts = row.expiresAt <= now.toISOString() ? expired(content, row.expiresAt) : content;
    bySubject.set(row.subject, mergeFactSets(facts, bySubject.get(row.subject) ?? noFacts));
  }
  return bySubject;
}

function expired(set: FactSet, at: string): FactSet {
  const stale = <T extends object>(facts: T): T =>
    Object.fromEntries(
      Object.entries(facts).map(([name, gathered]: [string, Gathered<unknown>]) => [
        name,
        notKnown(
          'stale',
          `supplied facts expired ${at.slice(0, 10)}; supply them again`,
          gathered.source,
          gathered.observedAt,
        ),
      ]),
    ) as T;
  return {
    facts: stale(set.facts),
    parts: Object.fromEntries(
      Object.entries(set.parts).map(([kind, members]) => [
        kind,
        Object.fromEntries(Object.entries(members).map(([part, facts]) => [part, stale(facts)])),
      ]),
    ),
  };
}
