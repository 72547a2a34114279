// Which watches a timer has to look at: those with something at hand, and once a day all, for what has no entry.
import pMap from 'p-map';
import { isOpen } from '../../domain/blindness.ts';
import { dayMs } from '../../domain/time.ts';
import {
  type AtHand,
  type AtHandKind,
  atHandKinds,
  type RunRecord,
  StoreUnavailable,
  type Watch,
  type WatchSummary,
} from '../../store/store.ts';
import type { Ports } from '../ports.ts';
import { watchesOf } from './watches.ts';

/** Watches looked through side by side. */
const watchesAtOnce = 8;

/** An entry is written before its cause, by work that the host ends after five minutes: older ones without one have none. */
const causeWithinMs = 10 * 60_000;

type AtHandPorts = Pick<Ports, 'store' | 'evaluations' | 'log' | 'clock'>;

/** Watches with something of these kinds at hand, each with its entries. */
export async function watchesAtHand(
  { store }: Pick<Ports, 'store'>,
  kinds: readonly AtHandKind[],
  isWanted: (entry: AtHand) => boolean = () => true,
): Promise<ReadonlyMap<string, { readonly watch: Watch; readonly entries: readonly AtHand[] }>> {
  const found = new Map<string, { readonly watch: Watch; readonly entries: AtHand[] }>();
  for (const entry of await store.atHand()) {
    if (!kinds.includes(entry.kind) || !isWanted(entry)) continue;
    const { organization, evaluation } = entry;
    const name = nameOf(entry);
    const known = found.get(name) ?? { watch: { organization, evaluation }, entries: [] };
    known.entries.push(entry);
    found.set(name, known);
  }
  return found;
}

export function organizationsOf(atHand: ReadonlyMap<string, { readonly watch: Watch }>): ReadonlySet<string> {
  return new Set([...atHand.values()].map(({ watch }) => watch.organization));
}

export function nameOf({ organization, evaluation }: Watch): string {
  return `${organization}.${evaluation}`;
}

/** Entries that have no cause any more, where none was found for them: one that was written a moment ago may still get it. */
export function withoutCause(entries: readonly AtHand[], now = new Date()): readonly string[] {
  return entries.filter(({ at }) => Math.abs(now.getTime() - Date.parse(at)) > causeWithinMs).map(({ id }) => id);
}

/**
 * Looks through all watches for what nobody has noted: what a release before this one has begun, and what a fault of ours
 * may have lost. Once a day, and at once where nobody ever has.
 */
export async function lookThrough(ports: AtHandPorts): Promise<void> {
  const { store, log } = ports;
  const now = ports.clock();
  const last = await store.lookedThrough();
  if (last !== undefined && Math.abs(now.getTime() - Date.parse(last)) < dayMs) return;
  const noted = new Set((await store.atHand()).map((entry) => `${nameOf(entry)} ${entry.kind}`));
  let found = 0;
  await pMap(
    (await store.organizations()).flatMap((document) => watchesOf(ports.evaluations, document)),
    async (watch) => {
      for (const kind of await kindsIn(ports, watch)) {
        if (noted.has(`${nameOf(watch)} ${kind}`)) continue;
        await store.noteAtHand(watch, kind);
        found += 1;
      }
    },
    { concurrency: watchesAtOnce },
  );
  await store.keepLookedThrough(now.toISOString());
  if (found > 0) log.info('watches looked through', { found });
}

/** What a watch has to look after. Of one that cannot be read nobody knows: it counts as all, and whoever looks says why. */
async function kindsIn({ store, clock }: AtHandPorts, watch: Watch): Promise<readonly AtHandKind[]> {
  try {
    const [runs, waiting, rejected, memory] = await Promise.all([
      store.runs(watch, runsLookedAt),
      store.pending(watch, 1),
      store.rejected(watch, 1),
      store.watchMemory(watch),
    ]);
    const isThere = {
      run: runs.some(({ state }) => state === 'running'),
      notice: waiting.length > 0,
      open: rejected.length > 0 || isOpen(memory?.value, clock()),
    };
    return atHandKinds.filter((kind) => isThere[kind]);
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error;
    return atHandKinds;
  }
}

/** The last run of a watch, and how many subjects the watch had then. */
export type LastRun = Pick<RunRecord, 'runId' | 'startedAt' | 'state' | 'subjects'>;

/**
 * Watches with nothing at hand: their summaries, which are read together, say all there is to say. Before anybody has looked
 * through all watches none is known to be quiet.
 *
 * @returns what tells the last run of such a watch
 */
export async function lastRunsOfQuiet(
  ports: Pick<Ports, 'store' | 'evaluations'>,
): Promise<(watch: Watch) => LastRun | undefined> {
  const { store } = ports;
  if ((await store.lookedThrough()) === undefined) return () => undefined;
  const last = new Map<string, LastRun>();
  for await (const [name, { runId, startedAt, state = 'finished', counts }] of summariesByName(ports))
    if (startedAt !== undefined) last.set(name, { runId, startedAt, state, subjects: counts.subjects });
  // Read last: what comes up from now on is seen at the next look.
  const atHand = await watchesAtHand({ store }, atHandKinds);
  return (watch) => (atHand.has(nameOf(watch)) ? undefined : last.get(nameOf(watch)));
}

/** What is kept of the last run of every watch, by {@link nameOf}: one look for each evaluation. */
export async function* summariesByName({
  store,
  evaluations,
}: Pick<Ports, 'store' | 'evaluations'>): AsyncGenerator<readonly [name: string, summary: WatchSummary]> {
  for (const evaluation of evaluations.ids) {
    for (const [organization, summary] of await store.summaries(evaluation))
      yield [nameOf({ organization, evaluation }), summary];
  }
}

/** Runs looked at for each watch, newest first: more than these do not run at once. */
export const runsLookedAt = 20;
