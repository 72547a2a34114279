import pMap from 'p-map';
import type { Identity } from '../../domain/access.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { Subject } from '../../domain/subject.ts';
import { dayMs } from '../../domain/time.ts';
import { enumerateFirst } from '../../domain/words.ts';
import type { Registration } from '../../evaluations/registration.ts';
import type { Store, Watch } from '../../store/store.ts';
import { audited } from '../access/audit.ts';
import { subjectsOf } from '../organizations/subjects.ts';
import { storedOrganization } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { Problem } from '../problem.ts';
import type { OpenedFacts } from '../reading/desk.ts';
import { type AskedDesk, atDesk } from '../reading/thread.ts';
import { ownTurn } from '../reading/turns.ts';
import type { AcceptedFacts } from '../responses.ts';
import { ownKey, type RunPorts, startRun } from '../runs/start.ts';
import type { Supply } from './read.ts';

/** How long supplied facts count. Configurations change seldom, but a month-old one proves nothing about today. */
const shelfLifeDays = 30;

/** A tenant of 10,000 domains has as many rows in each of its lists. */
const mostRows = 100_000;

/** A row of the widest export has some 60 of them, and the largest body has room for 20,000 such rows. */
const mostValues = 2_000_000;

/** Of one subject, in characters: it is copied, packed and judged at once. Collectors write a tenth of that for a service of 50 nodes. */
const longestFacts = 6_000_000;

/** Subjects asked about at once, so that neither copying nor packing what is said of them holds up others: two full transactions. */
const subjectsAtOnce = 198;

/**
 * Keeps what an administrator or a collector sent, for each subject of the organization that it speaks of, and starts a run
 * over the watch that they are for.
 *
 * Believed is what names its own origin: exports and files of collectors. Saved facts can hold whatever somebody wrote into
 * them, DNS answers included, and would count for a month.
 *
 * @param content is empty afterwards where it was large
 * @param run false: no run is started
 * @param confirm a list that changes the watch a lot is taken all the same
 * @throws InvalidDocument when it cannot be read; Problem when there is no such organization, or when it is not about it
 */
export function acceptFacts(
  ports: AcceptPorts,
  organization: string,
  content: Uint8Array,
  run = true,
  confirm = false,
): Promise<AcceptedFacts> {
  return atDesk(ports, content, (desk) => acceptAt(desk, ports, organization, content, run, confirm));
}

type AcceptPorts = RunPorts & Pick<Ports, 'savedFactsOf' | 'by' | 'readingThread'>;

async function acceptAt(
  desk: AskedDesk,
  ports: AcceptPorts,
  organization: string,
  content: Uint8Array,
  run: boolean,
  confirm: boolean,
): Promise<AcceptedFacts> {
  const { value: document } = await storedOrganization(ports, organization);
  const now = ports.clock();
  const writtenAt = now.toISOString();
  const opened = await desk.openFacts({ name: file, content, writtenAt }, mostValues);
  const evaluation = believedFor(ports, document, opened, confirm);
  const { id } = evaluation;
  const {
    name,
    notes: ownNotes,
    named,
    subjects,
    change,
    known,
  } = await watchedWith(desk, ports, document, evaluation);
  if (change !== undefined && !confirm) {
    throw new Problem(422, `${change.says} If that is so, send it with ?confirm=true.`);
  }
  const kept = await spokenOfIn(desk, subjects, now);
  if (kept.size === 0) {
    throw new Problem(
      422,
      `These facts speak of no subject that ${organization} watches with ${id}; add it to the organization's document first.`,
    );
  }
  await audited(ports, {
    action: 'facts.send',
    organization,
    target: id,
    detail: `${name}, ${kept.size} subjects`,
  });
  const expiresAt = new Date(now.getTime() + shelfLifeDays * dayMs).toISOString();
  const about = { organization, evaluation: id, name, observedAt: writtenAt, expiresAt, ...senderOf(ports.by) };
  const keep = async (piece: readonly Subject[]) => {
    const contents = await desk.factsFor(piece);
    await ownTurn();
    await ports.store.putFacts(
      piece.map((subject, index) => ({ ...about, subject: subject.id, content: contents[index] })),
      piece.every((subject) => !known.has(subject.id)),
    );
  };
  await pMap(pieces(subjects.filter((subject) => kept.has(subject.id))), keep, { concurrency: piecesAtOnce });
  const isNamed = new Set(named);
  const notes = [...ownNotes, ...(change === undefined ? [] : [change.says])];
  const accepted = {
    evaluation: id,
    subjects: isCollectors(ports) ? [...kept].filter((subject) => isNamed.has(subject)) : [...kept],
    expiresAt,
    ...(notes.length === 0 ? {} : { notes }),
  };
  if (!run) return accepted;
  const started = await startRun(ports, { document, evaluation: id, trigger: 'facts', key: ownKey(now) });
  return started === undefined ? accepted : { ...accepted, runId: started.run.runId };
}

/** Its name in sentences. */
const file = 'supplied facts';

/** A collector learns nothing but what it sent: its key lies on a server of the customer's. */
function isCollectors({ by }: AcceptPorts): boolean {
  return by?.key?.role === 'collector';
}

/**
 * The evaluation that a file is for.
 *
 * @throws Problem when it is too long, for nothing that is watched, not to be believed, or confirmed by a collector
 */
function believedFor(
  ports: AcceptPorts,
  document: OrganizationDocument,
  { evaluation: id, isSaved, rows }: OpenedFacts,
  confirm: boolean,
): Registration {
  if (rows > mostRows) throw new Problem(413, `${file}: ${rows} rows; one request takes ${mostRows}.`);
  if (document.evaluations[id] === undefined) {
    throw new Problem(
      422,
      `These facts are for ${id}, which ${document.id} does not watch; add it to the organization's document first.`,
    );
  }
  if (isSaved && ports.savedFactsOf?.includes(document.id) !== true) {
    throw new Problem(
      422,
      `These are saved facts, and what is monitored is not believed on their word: send the export or the collector's file that they came from. To judge saved facts once, use "fieldcheck evaluate ${id} --facts FILE" or POST evaluations/${id}.`,
    );
  }
  if (isCollectors(ports) && confirm)
    throw new Problem(403, 'That a list changes the watch a lot is confirmed by an operator.');
  return ports.evaluations.of(id);
}

/**
 * What the file says of the watch as a whole: whom it names, who is watched with it, what it would change a lot.
 *
 * @throws Problem when it is about somebody else, or would change what a collector may not
 */
async function watchedWith(
  desk: AskedDesk,
  ports: AcceptPorts,
  document: OrganizationDocument,
  evaluation: Registration,
) {
  const known = await ports.store.subjectsWithFacts({ organization: document.id, evaluation: evaluation.id });
  const { name, notes, list, subjects: count } = await desk.readFacts();
  const foreign = await inPieces(subjectsOf(evaluation, document), desk.foreignTo);
  if (foreign.length > 0 && foreign.every((why) => why !== undefined)) {
    const why = isCollectors(ports) ? '' : `: ${[...new Set(foreign)].join('; ')}`;
    throw new Problem(422, `These facts are not about ${document.id}${why}.`);
  }
  const named: string[] = [];
  for (let from = 0; from < count; from += namesAtOnce) named.push(...(await desk.subjects(from, from + namesAtOnce)));
  // A document that names no domains watches those that facts speak of. What a complete export leaves out is a fact, too.
  const subjects = subjectsOf(evaluation, document, [...known, ...named]);
  const change = await changeOf(ports, document, evaluation, { list, named }, subjects);
  if (change !== undefined && isCollectors(ports))
    throw new Problem(422, `This list would change a lot of what ${document.id} watches; an operator has to send it.`);
  if (change?.isForeign) throw new Problem(422, change.says);
  return { name, notes, named, subjects, change, known: new Set(known) };
}

/**
 * Of these subjects, those that the file speaks of.
 *
 * @throws Problem when it says more of one than can be kept of it, or is of a time that is still to come
 */
async function spokenOfIn(desk: AskedDesk, subjects: readonly Subject[], now: Date): Promise<ReadonlySet<string>> {
  const latest = now.getTime() + dayMs;
  const spoken = await inPieces(subjects, async (piece) => [await desk.spokenOf(piece, latest)]);
  const long = spoken.map(({ longest }) => longest).find(({ length }) => length > longestFacts);
  if (long !== undefined) {
    throw new Problem(
      413,
      `What this says of ${long.id} is longer than ${longestFacts / 1_000_000} MB; send it in parts, such as the file of each node by itself.`,
    );
  }
  const early = spoken.find((piece) => piece.early !== undefined)?.early;
  if (early !== undefined) {
    throw new Problem(
      422,
      `These facts are of ${early}, which is still to come: they would never grow old. Set the clock right where they were collected, and collect them again.`,
    );
  }
  return new Set(spoken.flatMap(({ ids }) => ids));
}

/** Pieces on their way at once, so that the storage is not waited for one after the other. */
const piecesAtOnce = 4;

/** Names copied at once. */
const namesAtOnce = 10_000;

function* pieces<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += subjectsAtOnce) yield items.slice(from, from + subjectsAtOnce);
}

async function inPieces<T, Answer>(
  items: readonly T[],
  ask: (piece: readonly T[]) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (const piece of pieces(items)) answers.push(...(await ask(piece)));
  return answers;
}

/** Who sends them: a key by its name. */
function senderOf(by: Identity | undefined): { readonly by?: string } {
  if (by === undefined) return {};
  return { by: by.kind === 'key' ? `key ${by.name}` : by.name };
}

/** Of a list: less of what is watched than this, and somebody has to say that it is so. */
const leastShared = 1 / 2;
const mostGone = 1 / 4;

/** Names of each kind in that sentence. */
const namesTold = 10;

/**
 * What a list would change about a watch, when that is a lot: the list of another tenant, or one that was filtered, turns
 * good domains bad.
 *
 * @param after what is watched with it
 * @returns what to tell; `isForeign` where it has nothing in common with what is watched
 */
async function changeOf(
  { store }: Pick<Ports, 'store'>,
  document: OrganizationDocument,
  evaluation: Registration,
  { list, named: ids }: { readonly list: Supply['list'] | undefined; readonly named: readonly string[] },
  after: readonly Subject[],
): Promise<{ readonly says: string; readonly isForeign: boolean } | undefined> {
  if (list === undefined) return undefined;
  const watch = { organization: document.id, evaluation: evaluation.id };
  const named = new Set(ids);
  const watched = await watchedIds(store, watch, subjectsOf(evaluation, document));
  const gone = watched.filter((id) => !named.has(id));
  if (watched.length === 0 || gone.length === 0) return undefined;
  if (gone.length === watched.length) {
    const says = `This list has nothing in common with what ${document.id} watches with ${evaluation.id}: it names ${enumerateFirst([...named])}, and watched is ${enumerateFirst(watched)}.`;
    return { says, isForeign: true };
  }
  const isLarge =
    watched.length - gone.length < watched.length * leastShared ||
    (list === 'whole' && gone.length > watched.length * mostGone);
  if (!isLarge) return undefined;
  const before = new Set(watched);
  const come = after.map(({ id }) => id).filter((id) => !before.has(id));
  const says = list === 'whole' ? 'says that the others are not there' : 'does not name the others';
  const told = `This list names ${watched.length - gone.length} of ${watched.length} watched by ${document.id} and ${says}: ${enumerateFirst(gone, namesTold)}; ${come.length === 0 ? 'none is new' : `new would be ${enumerateFirst(come, namesTold)}`}.`;
  return { says: told, isForeign: false };
}

/** What the document names; where it names nothing, what was judged before or is supplied. */
async function watchedIds(store: Store, watch: Watch, named: readonly Subject[]): Promise<readonly string[]> {
  if (named.length > 0) return named.map(({ id }) => id);
  const { others } = await store.compareSubjects(watch, []);
  return [...new Set([...others, ...(await store.subjectsWithFacts(watch))])].sort();
}
