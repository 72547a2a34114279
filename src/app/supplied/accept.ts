import type { FactSet } from '../../domain/fact-set.ts';
import { dayMs } from '../../domain/time.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { storedOrganization } from '../organizations/watches.ts';
import { Problem } from '../problem.ts';
import type { AcceptedFacts } from '../responses.ts';
import { ownKey, type RunPorts, startRun } from '../runs/start.ts';
import { readOpened, recognise } from './read.ts';

/** How long supplied facts count. Configurations change seldom, but a month-old one proves nothing about today. */
const shelfLifeDays = 30;

/**
 * Keeps what an administrator or a collector sent, for each subject of the organization that it speaks of, and starts a run
 * over the watch that they are for.
 *
 * @param run false: no run is started
 * @throws InvalidDocument when it cannot be read; Problem when there is no such organization, or when it speaks of no
 *   subject of it
 */
export async function acceptFacts(
  ports: RunPorts,
  organization: string,
  content: Uint8Array,
  run = true,
): Promise<AcceptedFacts> {
  const { store } = ports;
  const { value: document } = await storedOrganization(ports, organization);
  const now = ports.clock();
  const writtenAt = now.toISOString();
  const { evaluation, file } = recognise(ports.evaluations.all, { name: 'supplied facts', content, writtenAt });
  const { id } = evaluation;
  const known = await store.subjectsWithFacts({ organization, evaluation: id });
  if (document.evaluations[id] === undefined) {
    throw new Problem(
      422,
      `These facts are for ${id}, which ${organization} does not watch; add it to the organization's document first.`,
    );
  }
  const supply = readOpened(evaluation, [file]);
  const named = supply.subjects.map((subject) => subject.id);
  // A document that names no domains watches those that facts speak of. What a complete export leaves out is a fact, too.
  const subjects = subjectsOf(evaluation, document, [...known, ...named]);
  const expiresAt = new Date(now.getTime() + shelfLifeDays * dayMs).toISOString();
  const about = { organization, evaluation: id, name: supply.name, observedAt: writtenAt, expiresAt };
  const rows = subjects
    .map((subject) => ({ ...about, subject: subject.id, content: supply.factsFor(subject) }))
    .filter((row) => !isEmpty(row.content));
  if (rows.length === 0) {
    throw new Problem(
      422,
      `These facts speak of no subject that ${organization} watches with ${id}; add it to the organization's document first.`,
    );
  }
  await store.putFacts(rows);
  const { notes = [] } = supply;
  const accepted = {
    evaluation: id,
    subjects: rows.map(({ subject }) => subject),
    expiresAt,
    ...(notes.length === 0 ? {} : { notes }),
  };
  if (!run) return accepted;
  const started = await startRun(ports, { document, evaluation: id, trigger: 'facts', key: ownKey(now) });
  return started === undefined ? accepted : { ...accepted, runId: started.run.runId };
}

function isEmpty({ facts, parts }: FactSet): boolean {
  return Object.keys(facts).length === 0 && Object.keys(parts).length === 0;
}
