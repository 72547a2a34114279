import type { OrganizationDocument } from '../../domain/organization.ts';
import { lastSlots } from '../../domain/schedule.ts';
import { dayMs, isAhead } from '../../domain/time.ts';
import { batchedSubjects, type Queue, type SliceMessage } from '../../queue/queue.ts';
import type { RunRecord, Watch } from '../../store/store.ts';
import { lastRunsOfQuiet, nameOf } from '../organizations/at-hand.ts';
import { onEveryWatch } from '../organizations/watches.ts';
import { type RunPorts, slotKey, startRun } from './start.ts';

/** How far back a slot may lie and still be the first one of a watch that is new: it was not meant for that watch. */
const firstSlotGraceMs = dayMs;

/** A run that was there a moment ago is not looked for every minute again; it can only go with its organization. */
const slotSeenForMs = 10 * 60_000;

/** Starts the runs whose schedule has come due; called again for the same slot it starts nothing. @returns those started */
export function createDueRuns(): (ports: RunPorts) => Promise<readonly RunRecord[]> {
  /** The slot for which a watch was found to have its run, and when that was looked at. */
  const slotsSeen = new Map<string, { readonly key: string; readonly at: number }>();

  async function startIfDue(
    ports: RunPorts,
    document: OrganizationDocument,
    watch: Watch,
    now: Date,
    lastStartOf: LastStartOf,
  ): Promise<RunRecord[]> {
    const { evaluation } = watch;
    const schedule = document.evaluations[evaluation]?.schedule;
    const [slot] = schedule === undefined ? [] : lastSlots(schedule, now, 1);
    if (slot === undefined) return [];
    const key = slotKey(slot);
    const name = nameOf(watch);
    const seen = slotsSeen.get(name);
    if (seen?.key === key && now.getTime() - seen.at < slotSeenForMs) return [];
    const last = await lastStartOf(watch);
    // A slot that was missed is made up for once, however long ago. Whoever runs already since then, by hand say, leaves
    // nothing due; a run that is said to start later than now was started by a clock that went wrong, and says nothing.
    const isDue =
      last === undefined
        ? now.getTime() - slot.getTime() <= firstSlotGraceMs
        : last < slot.toISOString() || isAhead(last, now);
    const started = isDue ? await startRun(ports, { document, evaluation, trigger: 'schedule', key }) : undefined;
    // A watch without subjects stays due: they may come any minute.
    if (!isDue || started !== undefined) slotsSeen.set(name, { key, at: now.getTime() });
    return started?.created === true ? [started.run] : [];
  }

  return async (ports) => {
    const now = ports.clock();
    const lastStartOf = createLastStarts(ports);
    const { queue, sendRest } = gathering(ports.queue);
    return onEveryWatch(ports, {
      work: (document, watch) => startIfDue({ ...ports, queue }, document, watch, now, lastStartOf),
      failed: (watch, detail) => ports.log.error('run not started', { ...watch, detail }),
      sentence: (count) => `${count} run(s) could not be started`,
    }).finally(sendRest);
  };
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

type LastStartOf = (watch: Watch) => Promise<string | undefined>;

/** When the last run of a watch started (ISO 8601, UTC): of quiet ones it is read for all together, once anybody asks. */
function createLastStarts(ports: RunPorts): LastStartOf {
  let quiet: ReturnType<typeof lastRunsOfQuiet> | undefined;
  return async (watch) => {
    quiet ??= lastRunsOfQuiet(ports);
    const last = (await quiet)(watch) ?? (await ports.store.runs(watch, 1))[0];
    return last?.startedAt;
  };
}
