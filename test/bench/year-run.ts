// The simulated year on the product's own core: App, memory store, rules; only facts, clock and channels are made up.
import { type App, createApp } from '../../src/app/index.ts';
import { silentLog } from '../../src/app/log.ts';
import type { Notice } from '../../src/domain/notice.ts';
import { dkim } from '../../src/evaluations/dkim/index.ts';
import { createRegistry } from '../../src/evaluations/registry.ts';
import { renderCard } from '../../src/notifiers/teams-workflow/card.ts';
import type { DeliveryMessage, DueMessage, SliceMessage } from '../../src/queue/queue.ts';
import { createWorld } from '../../src/sources/world.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import {
  clockError,
  dayMs,
  deadFrom,
  deadTo,
  hourMs,
  type Real,
  realIncidents,
  type Scenario,
  start,
  weatherSources,
} from './year-weather.ts';

/** A notice that a channel took, and when (milliseconds of the year). */
export interface Post {
  readonly channel: string;
  readonly at: number;
  readonly notice: Notice;
  readonly bytes: number;
}

export interface Year {
  readonly posts: readonly Post[];
  /** Runs that were started, by organization. */
  readonly runs: Readonly<Record<string, number>>;
  /** Days on which health was degraded, by organization where it names one. */
  readonly degraded: Readonly<Record<string, number>>;
}

/**
 * Lives through the days; an hour at a time, or the given hours of each day alone.
 *
 * @param setMachineTime the machine's clock goes with the year, for what tells old from new by it
 */
export async function liveThrough(
  all: readonly Scenario[],
  days: number,
  hours: readonly number[] = Array.from({ length: 24 }, (_, hour) => hour),
  setMachineTime: (now: Date) => void = () => {},
): Promise<Year> {
  let at = 0;
  const clock = () => new Date(start + at + clockError(at));
  const goTo = (time: number) => {
    at = time;
    setMachineTime(clock());
  };
  const posts: Post[] = [];
  const slices: SliceMessage[] = [];
  const due: DueMessage[] = [];
  const nudges: DeliveryMessage[] = [];
  const isDead = () => at >= deadFrom * dayMs && at < deadTo * dayMs;
  const world = createWorld({ resolvers: ['192.0.2.53'] });
  const app = createApp({
    store: createMemoryStore(),
    queue: {
      open: async () => {},
      sendSlices: async (messages) => void slices.push(...messages),
      sendDue: async (messages) => void due.push(...messages),
      sendDelivery: async (message) => void nudges.push(message),
    },
    evaluations: createRegistry([{ ...dkim, bind: () => weatherSources(all, () => at) }]),
    world,
    log: silentLog,
    clock,
    notifierFor: (_document, channel) => ({
      id: 'year',
      send: async (notice) => {
        // For half of the time it refuses, then it does not answer.
        if (channel === 'dead' && isDead())
          return at < (deadFrom + 5) * dayMs
            ? { outcome: 'rejected', detail: 'HTTP 404: the flow does not exist any more.' }
            : { outcome: 'retry', detail: 'No answer in time.' };
        posts.push({ channel, at, notice, bytes: Buffer.byteLength(JSON.stringify(renderCard(notice))) });
        return { outcome: 'delivered', detail: 'Taken.' };
      },
    }),
    publicUrl: 'https://fieldcheck.example',
    localChannels: true,
  });
  for (const { organization, domains, channel, schedule } of all) {
    const document = {
      id: organization,
      channels: { [channel]: { url: `secret:CHANNEL_${channel.toUpperCase()}` } },
      evaluations: { dkim: { channels: [channel], domains, ...(schedule === undefined ? {} : { schedule }) } },
    };
    await app.putOrganization(organization, document, undefined);
  }
  const runs: Record<string, number> = {};
  const degraded: Record<string, number> = {};
  for (let hour = 0; hour < days * 24; hour += 1) {
    if (!hours.includes(hour % 24)) continue;
    goTo(hour * hourMs + 5_000);
    for (const { organization } of await app.startDueRuns()) runs[organization] = (runs[organization] ?? 0) + 1;
    await workOff(app, due, slices, nudges);
    goTo(at + 12 * 60_000);
    await app.superviseRuns();
    await app.deliver();
    if (hour % 24 === 8) {
      await app.heartbeat();
      const { faults = [] } = await app.health();
      for (const { organization } of all)
        if (faults.some((fault) => fault.includes(` of ${organization}:`)))
          degraded[organization] = (degraded[organization] ?? 0) + 1;
    }
  }
  world.close();
  return { posts, runs, degraded };
}

async function workOff(app: App, due: DueMessage[], slices: SliceMessage[], nudges: DeliveryMessage[]): Promise<void> {
  if (due.length > 0) await app.workDue(due.splice(0));
  for (const message of slices.splice(0)) await app.workSlice(message);
  for (const watch of nudges.splice(0)) {
    await app.superviseRuns(watch);
    await app.deliver(watch);
  }
}

export interface Row {
  readonly scenario: Scenario;
  readonly incidents: number;
  readonly missed: number;
  readonly false: number;
  /** Posts with news of the scenario; digests are counted apart. */
  readonly posts: number;
  /** From the beginning of an incident to its first word; undefined without one. */
  readonly longestDelayMs: number | undefined;
  /** Openings (and blind subjects) that were told and neither told to be over nor still so at the end. */
  readonly unbalanced: number;
  /** Words about blindness: that it begins, that it ends. */
  readonly blind: number;
  readonly seeing: number;
  readonly degradedDays: number;
}

/** What the year came to, scenario by scenario. */
export function judgeYear(all: readonly Scenario[], { posts, degraded }: Year, days: number): readonly Row[] {
  return all.map((scenario) => {
    const { organization } = scenario;
    const own = posts
      .filter(({ notice }) => notice.kind === 'changes')
      .map((post) => ({
        ...post,
        // All clocks go wrong at once: that is told of every watch, and counted where it belongs.
        events: post.notice.events.filter(
          (event) =>
            event.organization.id === organization && (organization === 'clock' || !event.key.endsWith('#clock')),
        ),
      }))
      .filter(({ events }) => events.length > 0);
    const end = days * dayMs;
    const real = realIncidents(scenario).filter(({ from }) => from < end - 2 * dayMs);
    const told = own.flatMap(({ at, events }) => events.map((event) => ({ at, event })));
    const openings = told.filter(({ event }) => isOpening(event.transition));
    const firstWordOf = ({ key, from, to }: Real) =>
      openings.find(
        ({ event, at }) => event.key === key && at >= from && Date.parse(event.transition.at) - start < to + 2 * dayMs,
      );
    const delays = real.flatMap((one) => {
      const word = firstWordOf(one);
      return word === undefined ? [] : [word.at - one.from];
    });
    const isReal = (key: string, at: number) =>
      realIncidents(scenario).some((one) => one.key === key && at >= one.from - hourMs && at < one.to + hourMs);
    return {
      scenario,
      incidents: real.length,
      missed: real.filter((one) => firstWordOf(one) === undefined).length,
      false: openings.filter(
        ({ event, at }) => !isReal(event.key, Math.min(at, Date.parse(event.transition.at) - start)),
      ).length,
      posts: own.length,
      longestDelayMs: delays.length === 0 ? undefined : Math.max(...delays),
      unbalanced: unbalancedOf(
        told.map(({ event }) => event),
        realIncidents(scenario),
        end,
      ),
      blind: new Set(told.filter(({ event }) => event.transition.kind === 'blind').map(({ at }) => at)).size,
      seeing: new Set(told.filter(({ event }) => event.transition.kind === 'seeing').map(({ at }) => at)).size,
      degradedDays: degraded[organization] ?? 0,
    };
  });
}

type Told = Notice['events'][number];

function isOpening({ kind, reason }: Told['transition']): boolean {
  return kind === 'opened' || kind === 'reopened' || (kind === 'flapping' && reason === 'flaps-while-good');
}

function isClosing({ kind, reason }: Told['transition']): boolean {
  return (kind === 'resolved' && reason !== 'only-advice-now') || reason === 'steady-and-good';
}

function unbalancedOf(events: readonly Told[], real: readonly Real[], end: number): number {
  let unbalanced = 0;
  for (const [key, ofKey] of Map.groupBy(events, (event) => event.key)) {
    const last = ofKey.at(-1);
    if (last?.transition.of.type === 'watch') {
      const sum = (kind: string) =>
        ofKey.reduce(
          (count, { transition: { kind: what, of } }) => count + (what === kind && of.type === 'watch' ? of.count : 0),
          0,
        );
      unbalanced += Math.abs(sum('blind') - sum('seeing') - last.transition.of.left);
      continue;
    }
    const open = ofKey.filter(({ transition }) => isOpening(transition)).length;
    const closed = ofKey.filter(({ transition }) => isClosing(transition)).length;
    const isStillFlapping = ofKey.findLast(({ transition }) => ['flapping', 'steady'].includes(transition.kind));
    if (isStillFlapping?.transition.kind === 'flapping' && open === closed + 1) continue;
    const isOpenAtEnd = real.some((one) => one.key === key && one.from < end && one.to >= end - dayMs);
    unbalanced += Math.abs(open - closed - (isOpenAtEnd && open > closed ? 1 : 0));
  }
  return unbalanced;
}
