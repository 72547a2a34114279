import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Cron } from 'croner';
import { z } from 'zod';
import { readSchedule, scheduleForm } from '../../domain/schedule.ts';
import type { RegisteredFunction, TypedData } from './core.ts';
import { triggerOf } from './core.ts';
import type { Invoke } from './invoke.ts';
import { describeError, type Log } from './log.ts';
import { type AppSettings, expandSettings } from './settings.ts';

/** What the host remembers of a timer between starts, times in ISO 8601 UTC. */
const scheduleStatusSchema = z.object({
  last: z.iso.datetime(),
  next: z.iso.datetime(),
  lastUpdated: z.iso.datetime(),
});
type ScheduleStatus = z.output<typeof scheduleStatusSchema>;

/** `last` of a timer that never ran: the smallest .NET time, which is what Azure sends. */
const never = '0001-01-01T00:00:00.000Z';

/** No wait is longer, so that a laptop that slept finds its missed slot soon after it wakes. */
const longestWaitMs = 30_000;

export interface TimersOptions {
  functions: readonly RegisteredFunction[];
  settings: AppSettings;
  /** JSON file with the schedule status of every monitored timer; undefined keeps it in memory. */
  stateFile: string | undefined;
  invoke: Invoke;
  /** Registers a run as work in flight. */
  track(work: Promise<unknown>): void;
  log: Log;
}

export interface Timers {
  start(): void;
  stop(): void;
  /** Runs a timer function now, beside its schedule, as `POST /admin/functions/{name}` does. */
  runByHand(fn: RegisteredFunction): Promise<void>;
}

interface Timer {
  fn: RegisteredFunction;
  triggerName: string;
  cron: Cron;
  monitored: boolean;
  runOnStartup: boolean;
}

/**
 * Runs timer functions on their NCRONTAB schedules, in UTC as on the Flex plan. Monitored timers remember their
 * schedule: a slot that passed while the host was down fires once at start with `isPastDue`. As in Azure, a schedule that
 * cannot be read, or whose setting is missing, takes its function out of service and is logged; the host starts.
 */
export function createTimers(options: TimersOptions): Timers {
  const timers = options.functions.flatMap((fn) => {
    try {
      return [readTimer(fn, options.settings)];
    } catch (error) {
      const message = `The function "${fn.name}" is disabled: ${describeError(error)}`;
      options.log({ level: 'error', category: 'Host.Startup', message });
      return [];
    }
  });
  const statuses = readStatuses(options.stateFile, options.log);
  const waits = new Map<Timer, NodeJS.Timeout>();
  let running = false;

  async function run(timer: Timer, isPastDue: boolean, record: boolean): Promise<void> {
    const startedAt = new Date();
    try {
      await options.invoke(timer.fn, timer.triggerName, { data: payload(statuses.get(timer.fn.name), isPastDue) });
    } catch {
      // Logged by invoke; a timer has no retry, the next slot is its next chance.
    }
    if (record && timer.monitored) remember(timer, startedAt.toISOString(), startedAt);
  }

  function remember(timer: Timer, last: string, from: Date): void {
    const next = nextAfter(timer, from);
    statuses.set(timer.fn.name, { last, next: next.toISOString(), lastUpdated: from.toISOString() });
    try {
      writeStatuses(options.stateFile, statuses);
    } catch (error) {
      const message = `The schedule of "${timer.fn.name}" could not be saved: ${describeError(error)}`;
      options.log({ level: 'error', category: 'Host.Triggers.Timer', message });
    }
  }

  // The next slot is looked for after the run, so a timer never overlaps itself.
  function schedule(timer: Timer): void {
    waitUntil(timer, nextAfter(timer, new Date()));
  }

  function waitUntil(timer: Timer, slot: Date): void {
    if (!running) return;
    // Asked again when it fires: a timeout may come a millisecond early, and a long wait is cut in pieces.
    const fire = () => (Date.now() >= slot.getTime() ? runThenSchedule(timer, false) : waitUntil(timer, slot));
    waits.set(timer, setTimeout(fire, Math.min(Math.max(slot.getTime() - Date.now(), 0), longestWaitMs)));
  }

  function runThenSchedule(timer: Timer, isPastDue: boolean): void {
    if (!running) return;
    options.track(run(timer, isPastDue, true).then(() => schedule(timer)));
  }

  return {
    start() {
      running = true;
      for (const timer of timers) {
        const status = timer.monitored ? statuses.get(timer.fn.name) : undefined;
        if (timer.monitored && !status) remember(timer, never, new Date());
        // Counted from the last update and not from the stored `next`, which a changed schedule makes wrong.
        const isPastDue = status !== undefined && nextAfter(timer, new Date(status.lastUpdated)) < new Date();
        if (isPastDue || timer.runOnStartup) runThenSchedule(timer, isPastDue);
        else schedule(timer);
      }
    },
    stop() {
      running = false;
      for (const wait of waits.values()) clearTimeout(wait);
      waits.clear();
    },
    async runByHand(fn) {
      const timer = timers.find((candidate) => candidate.fn === fn);
      if (timer) await run(timer, false, false);
    },
  };
}

function readTimer(fn: RegisteredFunction, settings: AppSettings): Timer {
  const trigger = triggerOf(fn);
  const expression = expandSettings(String(trigger.schedule), settings, `The schedule of "${fn.name}"`);
  const cron = readSchedule(expression);
  if (cron === undefined) throw new Error(`The schedule "${expression}" of "${fn.name}" is not ${scheduleForm}.`);
  return {
    fn,
    triggerName: trigger.name,
    cron,
    // As in the timer extension: remembering pays only for intervals of a minute or more.
    monitored: typeof trigger.useMonitor === 'boolean' ? trigger.useMonitor : shortestIntervalMs(cron) >= 60_000,
    runOnStartup: trigger.runOnStartup === true,
  };
}

function shortestIntervalMs(cron: Cron): number {
  const runs = cron.nextRuns(10).map((run) => run.getTime());
  return Math.min(...runs.slice(1).map((run, index) => run - (runs[index] ?? run)), Number.POSITIVE_INFINITY);
}

function nextAfter(timer: Timer, from: Date): Date {
  const next = timer.cron.nextRun(from);
  if (!next) throw new Error(`The schedule of "${timer.fn.name}" has no occurrence after ${from.toISOString()}.`);
  return next;
}

function payload(status: ScheduleStatus | undefined, isPastDue: boolean): TypedData {
  const scheduleStatus = status && { Last: status.last, Next: status.next, LastUpdated: status.lastUpdated };
  return {
    json: JSON.stringify({
      Schedule: { AdjustForDST: true },
      ScheduleStatus: scheduleStatus ?? null,
      IsPastDue: isPastDue,
    }),
  };
}

function readStatuses(file: string | undefined, log: Log): Map<string, ScheduleStatus> {
  if (file === undefined) return new Map();
  try {
    const stored = z.record(z.string(), scheduleStatusSchema).parse(JSON.parse(readFileSync(file, 'utf8')));
    return new Map(Object.entries(stored));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      const message = `${file} cannot be read, so no timer is past due: ${describeError(error)}`;
      log({ level: 'warning', category: 'Host.Triggers.Timer', message });
    }
    return new Map();
  }
}

function writeStatuses(file: string | undefined, statuses: ReadonlyMap<string, ScheduleStatus>): void {
  if (file === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  // Written aside and renamed: a host that dies in between leaves the old file whole.
  writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(statuses), null, 2));
  renameSync(`${file}.new`, file);
}
