import { type FactSet, mergeFactSets, noFacts } from '../../domain/fact-set.ts';
import { gather } from '../../domain/gather.ts';
import { type OrganizationDocument, tenantPropertiesOf } from '../../domain/organization.ts';
import type { Past } from '../../domain/past.ts';
import type { Sources } from '../../domain/source.ts';
import type { Subject } from '../../domain/subject.ts';
import type { Looked } from '../../evaluations/looking.ts';
import type { Registration } from '../../evaluations/registration.ts';
import { StoreUnavailable, type Watch } from '../../store/store.ts';
import { pastIn } from '../organizations/states.ts';
import { watchOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { Problem } from '../problem.ts';
import { atDesk } from '../reading/thread.ts';
import { suppliedFacts } from '../supplied/facts.ts';
import type { Supply } from '../supplied/read.ts';

/** What somebody hands in to have it explained. */
export interface HandedIn {
  /** What it is called in an error. */
  readonly name: string;
  readonly content: Uint8Array;
}

export interface LookOptions {
  /** Whose it is: its tenant is asked, and what is kept about its subjects counts. */
  readonly document?: OrganizationDocument | undefined;
  readonly supply?: Supply | undefined;
  readonly now?: Date | undefined;
}

/** What is kept about the subjects of an organization. */
interface Kept {
  readonly facts: ReadonlyMap<string, FactSet>;
  readonly past: ReadonlyMap<string, Past | string>;
}

type LookPorts = Pick<Ports, 'store' | 'clock' | 'evaluations' | 'readingThread'> & {
  readonly sources: Sources;
  openStorage(): Promise<void>;
};

/**
 * Explains what somebody hands in; nothing of it is kept. A storage that does not answer costs what is kept there only.
 *
 * @throws Problem when the evaluation explains nothing (400) or it is too long (413); InvalidDocument when it cannot be read
 */
export async function look(
  ports: LookPorts,
  evaluation: Registration,
  handedIn: HandedIn,
  { document, supply, now = ports.clock() }: LookOptions,
): Promise<Looked> {
  return lookWith(ports, ports.sources, evaluation, handedIn, { document, supply, now }, async (ids, at) => {
    if (document === undefined) return { facts: new Map(), past: new Map() };
    try {
      await ports.openStorage();
      return await keptOf(ports, { organization: document.id, evaluation: evaluation.id }, ids, at, now);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      return { facts: new Map(), past: new Map(ids.map((id) => [id, error.message])) };
    }
  });
}

/** As {@link look}, for an organization whose document is stored. @throws Problem (404); StoreUnavailable */
export async function lookInto(
  ports: Pick<Ports, 'store' | 'clock' | 'evaluations' | 'readingThread'>,
  sourcesOf: (evaluation: string) => Sources,
  organization: string,
  name: string,
  handedIn: HandedIn,
): Promise<Looked> {
  const { document, watch, evaluation } = await watchOf(ports, organization, name);
  const now = ports.clock();
  return lookWith(ports, sourcesOf(name), evaluation, handedIn, { document, now }, (ids, at) =>
    keptOf(ports, watch, ids, at, now),
  );
}

async function lookWith(
  ports: Pick<Ports, 'evaluations' | 'readingThread'>,
  sources: Sources,
  evaluation: Registration,
  { name, content }: HandedIn,
  { document, supply, now }: LookOptions & { readonly now: Date },
  kept: (ids: readonly string[], at: string | undefined) => Promise<Kept>,
): Promise<Looked> {
  const { id, look: explains } = evaluation;
  if (explains === undefined) throw new Problem(400, `${id} explains nothing that is handed in.`);
  if (content.byteLength > explains.limit)
    throw new Problem(413, `${name} is longer than ${explains.limit / 1_000_000} MB; ${explains.instead}.`);
  return atDesk(ports, content, async (desk) => {
    const { subjects, at } = await desk.openLook(id, name, content);
    const { facts: keptFacts, past } = await kept(
      subjects.map((subject) => subject.id),
      at,
    );
    const gathered = await Promise.all(
      subjects.map(async (one) => {
        const subject: Subject = { ...one, ...(document === undefined ? {} : tenantPropertiesOf(document)) };
        const supplied = mergeFactSets(supply?.factsFor(subject) ?? noFacts, keptFacts.get(subject.id) ?? noFacts);
        return [subject.id, await gather(evaluation, subject, sources, { now, supplied })] as const;
      }),
    );
    return desk.explain({ now, facts: new Map(gathered), past });
  });
}

async function keptOf(
  ports: Pick<Ports, 'store'>,
  watch: Watch,
  ids: readonly string[],
  at: string | undefined,
  now: Date,
): Promise<Kept> {
  const [rows, past] = await Promise.all([
    ports.store.facts(watch, ids),
    Promise.all(ids.map(async (id) => [id, await pastIn(ports, watch, id, at ?? now.toISOString())] as const)),
  ]);
  return { facts: suppliedFacts(rows, now), past: new Map(past) };
}
