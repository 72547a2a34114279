// That nobody can look: an incident of its own, for each watch and cause.
import { z } from 'zod';
import type { SubjectState } from './compare.ts';
import { wholeWatch } from './event.ts';
import { type Finding, findingKey } from './finding.ts';
import { isNewsWhenUnknown } from './telling.ts';
import { dayMs } from './time.ts';
import type { Transition } from './transition.ts';
import { compareText } from './words.ts';

/** A subject that could not be looked at in this many looks in a row is told. */
export const unseenLooksBeforeTelling = 3;

/** Where half of a watch or more cannot be looked at, that is told at once when the next look is this far away. */
const soonMs = 6 * 3_600_000;

/** Names of subjects that a transition carries; the rest is counted. */
const namesCarried = 100;

const blindMemory = z.object({
  /** The first look, or the first time, at which it was so (ISO 8601, UTC). */
  since: z.string(),
  /** Looks in a row at which half of the watch or more was concerned. */
  wideLooks: z.number(),
  /** Who was told to be blind and has not been told to be seen again: subjects, or `*` for the watch as such. */
  told: z.array(z.string()),
  /** What was said when it was told last, so that its end can say what ended. */
  message: z.string(),
  remedy: z.string(),
});

/** What is remembered of a watch as a whole. */
export const watchMemory = z.object({
  blind: z.record(z.string(), blindMemory),
  /** By channel: when it had its last digest, and how many incidents were open then. */
  digests: z.record(z.string(), z.object({ at: z.string(), open: z.number().optional() })),
  /** Changes worth telling that no route took: how many since when, the last one (ISO 8601, UTC), and of which step it was. */
  unrouted: z
    .object({ changes: z.number(), since: z.string(), at: z.string(), of: z.string() })
    .readonly()
    .exactOptional(),
});

export type WatchMemory = z.infer<typeof watchMemory>;

export const noWatchMemory: WatchMemory = { blind: {}, digests: {} };

/** Changes that no route took are forgotten when there were no others for so long. */
const unroutedKeptMs = 30 * dayMs;

/** What no route took lately; undefined when there was nothing. */
export function unroutedLately({ unrouted }: Pick<WatchMemory, 'unrouted'>, now: Date): WatchMemory['unrouted'] {
  return unrouted === undefined || now.getTime() - Date.parse(unrouted.at) > unroutedKeptMs ? undefined : unrouted;
}

/** Is there something about a watch as a whole that somebody has to come back to? */
export function isOpen(memory: WatchMemory | undefined, now: Date): boolean {
  return memory !== undefined && (Object.keys(memory.blind).length > 0 || unroutedLately(memory, now) !== undefined);
}

/** Adds changes that no route took. @param of the step that found them: counted once, however often it is repeated */
export function withUnrouted(memory: WatchMemory, changes: number, of: string, at: string): WatchMemory {
  if (changes === 0 || memory.unrouted?.of === of) return memory;
  const before = unroutedLately(memory, new Date(at));
  return {
    ...memory,
    unrouted: { changes: (before?.changes ?? 0) + changes, since: before?.since ?? at, at, of },
  };
}

/** One cause for which something cannot be looked at now. */
export interface Blind {
  /** `silent:selector-key`, `denied:…`, `expired:…`, `person:…`, `no-run`, `clock`, `channel-dead:…`. */
  readonly cause: string;
  readonly message: string;
  readonly remedy: string;
  /** Subjects by id, and for how many looks in a row; of the watch as such `*`, certain at once. */
  readonly subjects: ReadonlyMap<string, number>;
}

/** What is the matter with a watch as such, found without looking at a subject. */
const conditions = ['no-run', 'clock', 'channel-dead'];

/** Causes come from looks or from conditions: each is judged where it is seen. */
export function isCondition(cause: string): boolean {
  return conditions.includes(cause.split(':')[0] ?? '');
}

export type BlindCount = ReturnType<typeof createBlindCount>;

/** Gathers what could not be looked at, state by state. */
export function createBlindCount() {
  const found = new Map<string, { finding: Finding; subjects: Map<string, number> }>();
  let watched = 0;
  return {
    add(state: SubjectState): void {
      watched += 1;
      const unseen = unseenIn(state);
      if (unseen === undefined) return;
      const { cause, finding, looks } = unseen;
      const known = found.get(cause) ?? { finding, subjects: new Map<string, number>() };
      known.subjects.set(state.run.subject, looks);
      found.set(cause, known);
    },
    result(): { readonly watched: number; readonly blind: readonly Blind[] } {
      const blind = [...found].map(
        ([cause, { finding, subjects }]): Blind => ({
          cause,
          message: finding.message,
          remedy: finding.remedy ?? remedies[cause.split(':')[0] ?? ''] ?? '',
          subjects,
        }),
      );
      return { watched, blind };
    },
  };
}

const remedies: Readonly<Record<string, string>> = {
  silent: 'Run fieldcheck doctor where fieldcheck runs: it asks the same servers and says what does not answer.',
  denied: 'Give the access back: fieldcheck doctor says which permission is missing, and who grants it.',
  expired: 'Supply it again: the export or the collector’s file. Until then nothing that rests on it is judged.',
  insufficient: 'Supply what holds more of it; the finding says what is too little.',
  missing: 'Supply it again, or take what asks for it out of the document.',
};

/** The first thing that keeps a subject from being judged: what follows from it has the same cause. */
function unseenIn({
  run,
  runs,
  findings,
  answers,
}: SubjectState): { cause: string; finding: Finding; looks: number } | undefined {
  const unseen = run.findings.find(isNewsWhenUnknown);
  if (unseen !== undefined) {
    const fact = unseen.evidence[0]?.fact ?? unseen.rule;
    return {
      cause: `${classOf(unseen)}:${fact}`,
      finding: unseen,
      looks: findings[findingKey(unseen)]?.unknownRuns ?? 1,
    };
  }
  // An answer that was known and is not any more, whatever for: silence would look like health.
  const wasKnown = Object.entries(run.answers).some(
    ([question, answer]) => answer === 'undetermined' && answers[question]?.answer !== undefined,
  );
  const open = wasKnown
    ? run.findings.find(
        ({ verdict, blockedBy }) => verdict === 'manual' || (verdict === 'unknown' && blockedBy === undefined),
      )
    : undefined;
  if (open === undefined) return undefined;
  return { cause: `${open.verdict === 'manual' ? 'person' : 'missing'}:${open.rule}`, finding: open, looks: runs };
}

function classOf({ reason }: Finding): 'expired' | 'denied' | 'insufficient' | 'silent' {
  if (reason === 'stale') return 'expired';
  return reason === 'denied' || reason === 'insufficient' ? reason : 'silent';
}

/** Can it be the cause for many subjects at once? */
function isShared(cause: string): boolean {
  return ['expired', 'denied', 'silent'].includes(cause.split(':')[0] ?? '');
}

interface Look {
  readonly at: string;
  /** Subjects in the watch. */
  readonly watched: number;
  /** When it is looked at next (ISO 8601, UTC); undefined: nobody knows. */
  readonly next?: string | undefined;
}

/**
 * What is told of what cannot be looked at, against what was told. Pure. Every subject that was told to be blind is told to
 * be seen again exactly once, all of one cause together.
 *
 * @param which looks judge the causes that looks find, conditions the others: each leaves the other's alone
 */
export function stepBlindness(
  before: WatchMemory,
  which: 'looks' | 'conditions',
  now: readonly Blind[],
  look: Look,
): { readonly memory: WatchMemory; readonly transitions: readonly Transition[] } {
  const transitions: Transition[] = [];
  const blind: WatchMemory['blind'] = {};
  const present = new Map(now.map((one) => [one.cause, one]));
  for (const cause of new Set([...Object.keys(before.blind), ...present.keys()])) {
    const known = before.blind[cause];
    if (isCondition(cause) !== (which === 'conditions')) {
      if (known !== undefined) blind[cause] = known;
      continue;
    }
    const found = present.get(cause);
    const subjects = found?.subjects ?? new Map<string, number>();
    const isWide = isShared(cause) && subjects.size * 2 >= Math.max(look.watched, 1);
    const wideLooks = found !== undefined && isWide ? (known?.wideLooks ?? 0) + 1 : 0;
    const isFar = look.next === undefined || Date.parse(look.next) - Date.parse(look.at) >= soonMs;
    // One or two that do not answer may have done so for a moment; what is expired or denied stays so.
    const isCertain = !cause.startsWith('silent:') || subjects.size > 2;
    const allAtOnce = subjects.has(wholeWatch) || wideLooks >= 2 || (wideLooks === 1 && isFar && isCertain);
    const told = new Set(known?.told ?? []);
    const fresh = [...subjects]
      .filter(([subject, looks]) => !told.has(subject) && (allAtOnce || looks >= unseenLooksBeforeTelling))
      .map(([subject]) => subject)
      .sort(compareText);
    const seenAgain = [...told].filter((subject) => !subjects.has(subject)).sort(compareText);
    const left = [...told].filter((subject) => subjects.has(subject)).concat(fresh);
    const since = known?.since ?? look.at;
    const message = found?.message ?? known?.message ?? '';
    const remedy = found?.remedy ?? known?.remedy ?? '';
    const say = (kind: 'blind' | 'seeing', names: readonly string[]): Transition => ({
      kind,
      reason: kind === 'blind' ? 'nobody-can-look' : 'can-be-judged-again',
      subject: wholeWatch,
      at: look.at,
      since,
      of: {
        type: 'watch',
        cause,
        message: kind === 'blind' ? message : `It can be judged again. What was said: ${message}`,
        remedy: kind === 'blind' ? remedy : '',
        subjects: names.filter((name) => name !== wholeWatch).slice(0, namesCarried),
        count: names.length,
        left: left.length,
      },
    });
    if (seenAgain.length > 0) transitions.push(say('seeing', seenAgain));
    if (fresh.length > 0) transitions.push(say('blind', fresh));
    if (found !== undefined || left.length > 0) blind[cause] = { since, wideLooks, told: left, message, remedy };
  }
  return { memory: { ...before, blind }, transitions };
}
