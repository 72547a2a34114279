import type { OrganizationDocument } from '../../domain/organization.ts';
import { lastSlots } from '../../domain/schedule.ts';
import { dayMs, isAhead } from '../../domain/time.ts';
import { compareText } from '../../domain/words.ts';
import { batchedSubjects, type DueMessage, type Queue, type SliceMessage } from '../../queue/queue.ts';
import type { NotedRuns, RunRecord, Watch } from '../../store/store.ts';
import { type LastRun, lastRunsOfQuiet, nameOf } from '../organizations/at-hand.ts';
import { onEveryWatch, watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { singleSlice } from './slices.ts';
import { type RunPorts, runIdOf, slotKey, startRun } from './start.ts';
import type { Shared } from './together.ts';

/** How far back a slot may lie and still be the first one of a watch that is new: it was not meant for that watch. */
const firstSlotGraceMs = dayMs;

/** A run that was there a moment ago is not looked for every minute again; it can only go with its organization. */
const slotSeenForMs = 10 * 60_000;

/** A run that was started, or handed over to whoever takes its message. */
type DueRun = Pick<RunRecord, 'organization' | 'evaluation' | 'runId' | 'trigger'>;

const trigger = 'schedule';

/**
 * Starts the runs whose schedule has come due; called again for the same slot it starts nothing. Those of small watches with
 * nothing at hand are handed over: whoever takes their message starts several together ({@link stillDue}).
 *
 * @returns those started and handed over
 */
export function createDueRuns(): (ports: RunPorts) => Promise<readonly DueRun[]> {
  /** The slot for which a watch was found to have its run, and when that was looked at. */
  const slotsSeen = new Map<string, { readonly key: string; readonly at: number }>();

  async function startIfDue(
    ports: RunPorts,
    document: OrganizationDocument,
    watch: Watch,
    now: Date,
    lastRuns: LastRuns,
    handOver: (message: DueMessage) => void,
  ): Promise<DueRun[]> {
    const { organization, evaluation } = watch;
    const schedule = document.evaluations[evaluation]?.schedule;
    const [slot] = schedule === undefined ? [] : lastSlots(schedule, now, 1);
    if (slot === undefined) return [];
    const key = slotKey(slot);
    const name = nameOf(watch);
    const seen = slotsSeen.get(name);
    if (seen?.key === key && now.getTime() - seen.at < slotSeenForMs) return [];
    const quiet = await lastRuns.ofQuiet(watch);
    const last = quiet?.startedAt ?? (await lastRuns.startOf(watch));
    const isNowDue = isDue(slot, last, now);
    if (isNowDue && quiet !== undefined && isSmall(quiet)) {
      const { runId: before, subjects } = quiet;
      handOver({ organization, evaluation, slot: slot.toISOString(), last: before, subjects });
      return [{ organization, evaluation, runId: runIdOf(organization, evaluation, key), trigger }];
    }
    const started = isNowDue ? await startRun(ports, { document, evaluation, trigger, key }) : undefined;
    // A watch without subjects stays due: they may come any minute.
    if (!isNowDue || started !== undefined) slotsSeen.set(name, { key, at: now.getTime() });
    return started?.created === true ? [started.run] : [];
  }

  return async (ports) => {
    const now = ports.clock();
    const lastRuns = createLastRuns(ports);
    const { queue, sendRest } = gathering(ports.queue);
    const handedOver: DueMessage[] = [];
    const sendAll = async () => {
      await sendRest();
      if (handedOver.length === 0) return;
      // Neighbours together: what is kept about them is read in one piece.
      handedOver.sort((a, b) => compareText(a.evaluation, b.evaluation) || compareText(a.organization, b.organization));
      await ports.queue.sendDue(handedOver);
      for (const due of handedOver) slotsSeen.set(nameOf(due), { key: slotKey(new Date(due.slot)), at: now.getTime() });
    };
    return onEveryWatch(ports, {
      work: (document, watch) =>
        startIfDue({ ...ports, queue }, document, watch, now, lastRuns, (due) => void handedOver.push(due)),
      failed: (watch, detail) => ports.log.error('run not started', { ...watch, detail }),
      sentence: (count) => `${count} run(s) could not be started`,
    }).finally(sendAll);
  };
}

/**
 * A slot that was missed is made up for once, however long ago. Whoever runs already since then, by hand say, leaves nothing
 * due; a run that is said to start later than now was started by a clock that went wrong, and says nothing.
 *
 * @param last when the last run started (ISO 8601, UTC)
 */
function isDue(slot: Date, last: string | undefined, now: Date): boolean {
  return last === undefined
    ? now.getTime() - slot.getTime() <= firstSlotGraceMs
    : last < slot.toISOString() || isAhead(last, now);
}

/** Is its run one slice, most likely? Whoever starts it sees. */
function isSmall({ subjects }: LastRun): boolean {
  return subjects > 0 && subjects <= singleSlice;
}

/** A run that was handed over and is still due. */
export interface StillDue {
  readonly document: OrganizationDocument;
  readonly evaluation: string;
  readonly trigger: string;
  readonly key: string;
  readonly noted: NotedRuns;
  /** Nobody has run the watch since it was found to have nothing at hand: nothing is remembered that could not be looked at. */
  readonly isQuiet: boolean;
}

/** Of what one message hands over that which is still due, noted among what is at hand. */
export async function stillDue(
  { store, clock, evaluations }: Pick<Ports, 'store' | 'clock' | 'evaluations'>,
  messages: readonly DueMessage[],
  { summaries }: Shared,
): Promise<readonly StillDue[]> {
  const now = clock();
  const ids = [...new Set(messages.map(({ organization }) => organization))];
  const documents = new Map((await store.organizations(ids)).map((document) => [document.id, document]));
  const found = messages.flatMap((message) => {
    const { organization, evaluation, slot, last } = message;
    const document = documents.get(organization);
    const summary = summaries.get(nameOf(message))?.value;
    const isWatched =
      document !== undefined && watchesOf(evaluations, document).some((watch) => watch.evaluation === evaluation);
    if (!isWatched || !isDue(new Date(slot), summary?.startedAt, now)) return [];
    return [{ document, evaluation, trigger, key: slotKey(new Date(slot)), isQuiet: summary?.runId === last }];
  });
  const noted = await store.noteRuns(
    found.map(({ document: { id }, evaluation, key }) => ({
      organization: id,
      evaluation,
      runId: runIdOf(id, evaluation, key),
      startedAt: now.toISOString(),
      slices: 1,
    })),
  );
  return found.map((one) => ({ ...one, noted }));
}

/**
 * A queue whose slices wait for each other, so that those of small runs share messages. What waits is lost with the process,
 * as a message may be: a slice without a result is sent again.
 */
function gathering(queue: Queue): { readonly queue: Queue; readonly sendRest: () => Promise<void> } {
  let waiting: SliceMessage[] = [];
  const sendRest = async () => {
    const all = waiting;
    waiting = [];
    if (all.length > 0) await queue.sendSlices(all);
  };
  const sendSlices = async (messages: readonly SliceMessage[]) => {
    waiting.push(...messages);
    const subjects = waiting.reduce((sum, message) => sum + message.subjects.length, 0);
    if (subjects >= batchedSubjects) await sendRest();
  };
  return { queue: { ...queue, sendSlices }, sendRest };
}

interface LastRuns {
  /** Of a watch with nothing at hand; undefined where it has, or where nobody knows. */
  ofQuiet(watch: Watch): Promise<LastRun | undefined>;
  /** When the last run of any watch started (ISO 8601, UTC). */
  startOf(watch: Watch): Promise<string | undefined>;
}

/** The last runs of watches: of quiet ones they are read for all together, once anybody asks. */
function createLastRuns(ports: RunPorts): LastRuns {
  let quiet: ReturnType<typeof lastRunsOfQuiet> | undefined;
  return {
    async ofQuiet(watch) {
      quiet ??= lastRunsOfQuiet(ports);
      return (await quiet)(watch);
    },
    startOf: async (watch) => (await ports.store.runs(watch, 1))[0]?.startedAt,
  };
}
