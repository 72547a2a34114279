// The life of a finding: what is remembered of it between looks, and what is told of it.
import { z } from 'zod';
import { isAdvice } from './answer.ts';
import { verdicts } from './finding.ts';
import { type Owner, owners, type Severity, severities } from './rule.ts';
import type { TransitionKind, TransitionReason } from './transition.ts';

/** Looks over which changes are counted (Icinga 2, "Flapping": share of state changes over the last 20 checks). */
const looksCounted = 20;

/** Flapping starts above this share of changes and ends below the other (Icinga's defaults). */
const flappingStart = 0.3;
const flappingEnd = 0.25;

/** Less than what lies between two looks of an hourly watch. */
const atWorkMs = 55 * 60_000;

/**
 * What is remembered of one finding. What the release before wrote (`verdict`, `severity`, `since`, `unknownRuns`,
 * `toldAt`) is read as an incident that was open and told, or as none.
 */
export const findingMemory = z.object({
  /** The last conclusive verdict; undefined while there never was one. */
  verdict: z.enum(verdicts).optional(),
  /** Of the last fail. */
  severity: z.enum(severities).optional(),
  owner: z.enum(owners).optional(),
  /** Since when it has had this verdict (ISO 8601, UTC). */
  since: z.string(),
  /** Looks in a row in which it could not be judged though somebody should have looked, and the first of them. */
  unknownRuns: z.number(),
  unknownSince: z.string().optional(),
  /** When something was told of it last. */
  toldAt: z.string().optional(),
  /**
   * The last conclusive looks, newest last: `f` failed, `p` did not; a capital where that was told. Left out while nothing
   * changed in them, so that what is steady costs nothing.
   */
  looks: z.string().optional(),
  /** Looks in a row that say other than what counts: not confirmed yet. */
  soft: z.number().optional(),
  /** The incident counts: since when, and how bad. */
  open: z.object({ since: z.string(), severity: z.enum(severities).optional() }).optional(),
  /** When an incident was closed last: the next one is the same one reopened. */
  closedAt: z.string().optional(),
  /** It changes too often for each change to be told. */
  flapping: z.literal(true).optional(),
  /** What receivers believe: an incident that is open, or one that flaps; nothing once it was told to be over. */
  told: z.object({ as: z.enum(['open', 'flapping']), severity: z.enum(severities).optional() }).optional(),
  /** The silence or acceptance under which it was seen last. */
  hushedBy: z.string().optional(),
});

export type FindingMemory = z.infer<typeof findingMemory>;

/** What a conclusive look found. */
export interface Seen {
  readonly verdict: 'pass' | 'fail' | 'not_applicable';
  /** Of a fail. */
  readonly severity?: Severity | undefined;
  readonly owner?: Owner | undefined;
  /** It is not judged any more, because its target is gone. */
  readonly gone?: boolean;
}

/** What holds for one finding at one look, besides what was found. */
export interface LookPolicy {
  /** Looks in a row that a fail takes before it counts; 1: at once. */
  readonly confirmRuns: number;
  /** The document says that number: it holds whatever happened a moment ago. */
  readonly isSaid?: boolean;
  /** A silence that holds: nothing is told; what is still so afterwards is told then. */
  readonly silenced?: Hush | undefined;
  /** An acceptance that holds, and how bad the finding was when it was accepted: worse than that ends it. */
  readonly accepted?: (Hush & { readonly severity?: Severity | undefined }) | undefined;
}

/** What somebody said so that something is not told, and that in words: who, until when, why. */
export interface Hush {
  readonly id: string;
  readonly words: string;
}

/** Told without delay, whatever it is. */
export const tellAtOnce: LookPolicy = { confirmRuns: 1 };

/** What happened to an incident, by name. */
export interface Happened {
  readonly kind: TransitionKind;
  readonly reason: TransitionReason;
  /** Of the incident: since when it has been (or had been) open; ISO 8601, UTC. */
  readonly since: string;
  readonly severity?: Severity | undefined;
}

export interface Step {
  readonly memory: FindingMemory;
  /** At most one at each look. */
  readonly happened?: Happened;
}

/**
 * One look further in the life of a finding. Pure: the same memory, finding, time and policy give the same step.
 *
 * It keeps two things apart: what counts (`open`, once enough looks in a row said so), and what receivers believe
 * (`told`). A step tells where the two differ, so that every opening that was told is told to be over exactly once,
 * whatever flapped, was silenced or accepted in between. What was told to change a moment ago takes one more look for each
 * such change before it is told to have changed back, unless that comes within the hour: then somebody is at work on it.
 *
 * @param at of the look; ISO 8601, UTC
 */
export function step(before: FindingMemory | undefined, seen: Seen, at: string, policy: LookPolicy): Step {
  if (staysGood(before, seen, policy))
    return { memory: before ?? { verdict: seen.verdict, since: at, unknownRuns: 0 } };
  const memory = before === undefined ? undefined : inherited(before);
  const bad = seen.verdict === 'fail';
  const wasBad = memory?.verdict === 'fail';
  const looks = nextLooks(memory, bad);
  const isOpen = memory?.open !== undefined;
  const inARow = bad === isOpen ? 0 : (memory?.soft ?? 0) + 1;
  const toldLately = [...looks].filter((look) => look === 'F' || look === 'P').length;
  const needed = looksNeeded(bad, isAtWork(memory, at) ? undefined : toldLately, policy);
  const turns = bad !== isOpen && (inARow >= needed || seen.gone === true);
  const severity = bad ? seen.severity : memory?.severity;
  const openNow = turns ? bad : isOpen;
  const share = changesShare(looks);
  const flapping = memory?.flapping === true ? share >= flappingEnd : share > flappingStart;
  const open = openNow
    ? { since: memory?.open?.since ?? (wasBad ? memory.since : at), ...(severity === undefined ? {} : { severity }) }
    : undefined;
  const next: FindingMemory = compact({
    verdict: seen.verdict,
    severity,
    owner: bad ? seen.owner : memory?.owner,
    since: memory?.verdict === seen.verdict ? memory.since : at,
    unknownRuns: 0,
    toldAt: memory?.toldAt,
    looks: isSteady(looks) ? undefined : looks,
    soft: bad !== isOpen && !turns ? inARow : undefined,
    open,
    closedAt: isOpen && !openNow ? at : memory?.closedAt,
    flapping: flapping && seen.gone !== true ? true : undefined,
    told: memory?.told,
    hushedBy: policy.silenced?.id ?? policy.accepted?.id,
  });
  const happened = toTell(memory, next, seen, policy, at);
  if (happened === undefined) return { memory: next };
  return { memory: compact({ ...next, ...believed(next, happened, at) }), happened };
}

/** @param toldLately words in the last looks; undefined while somebody is at work on it */
function looksNeeded(bad: boolean, toldLately: number | undefined, { confirmRuns, isSaid }: LookPolicy): number {
  const ofRule = bad && (toldLately !== undefined || isSaid === true) ? confirmRuns : 1;
  return Math.max(ofRule, toldLately ?? 1, 1);
}

/** So soon after a word somebody is at work on it, and wants to see at once what came of it. */
function isAtWork(memory: FindingMemory | undefined, at: string): boolean {
  const since = memory?.toldAt === undefined ? Number.NaN : Date.parse(at) - Date.parse(memory.toldAt);
  return since >= 0 && since < atWorkMs;
}

/** Nearly every finding passes as it did, and nobody was told of it: nothing changes. */
function staysGood(
  before: FindingMemory | undefined,
  { verdict, gone }: Seen,
  { silenced, accepted }: LookPolicy,
): boolean {
  if (verdict === 'fail' || gone === true || silenced !== undefined || accepted !== undefined) return false;
  if (before === undefined) return true;
  const { looks, soft, open, told, flapping, hushedBy, unknownSince } = before;
  const isPlain = (looks ?? soft ?? open ?? told ?? flapping ?? hushedBy ?? unknownSince) === undefined;
  return isPlain && before.verdict === verdict && before.unknownRuns === 0;
}

/** A look at which nobody could judge; `counts` when somebody should have been able to. */
export function stepUnseen(before: FindingMemory | undefined, at: string, counts: boolean): FindingMemory {
  const memory = before ?? { since: at, unknownRuns: 0 };
  if (!counts) return memory;
  return { ...memory, unknownRuns: memory.unknownRuns + 1, unknownSince: memory.unknownSince ?? at };
}

/** Where what counts and what receivers believe differ. */
function toTell(
  before: FindingMemory | undefined,
  now: FindingMemory,
  seen: Seen,
  { silenced, accepted }: LookPolicy,
  at: string,
): Happened | undefined {
  const { open, told, flapping } = now;
  const since = open?.since ?? before?.open?.since ?? before?.since ?? at;
  const say = (kind: TransitionKind, reason: TransitionReason, severity = open?.severity): Happened => ({
    kind,
    reason,
    since,
    severity,
  });
  // What is gone is told now or never.
  if (silenced !== undefined && seen.gone !== true)
    return told !== undefined && before?.hushedBy !== silenced.id
      ? say('silenced', 'silence-begins', told.severity)
      : undefined;
  const worseThanAccepted = accepted !== undefined && open !== undefined && isWorse(open.severity, accepted.severity);
  const hushed = accepted !== undefined && !worseThanAccepted;
  if (flapping === true) {
    if (told?.as === 'flapping' || hushed) return undefined;
    return say(
      'flapping',
      told === undefined ? 'flaps-while-good' : 'flaps-while-open',
      told?.severity ?? now.severity,
    );
  }
  if (told?.as === 'flapping')
    return say(
      'steady',
      open === undefined ? 'steady-and-good' : 'steady-and-failing',
      open?.severity ?? told.severity,
    );
  if (told === undefined) {
    if (open === undefined || hushed) return undefined;
    if (worseThanAccepted) return say('worsened', 'worse-than-accepted');
    if (before?.open !== undefined && before.hushedBy !== undefined) return say('opened', 'no-longer-hushed');
    if (now.closedAt !== undefined) return say('reopened', 'fails-again');
    return say('opened', before?.verdict === undefined ? 'first-seen' : 'was-good');
  }
  if (open === undefined) return say('resolved', goodReason(seen), told.severity);
  if (worseThanAccepted && before?.hushedBy === accepted.id) return say('worsened', 'worse-than-accepted');
  if (isWorse(open.severity, told.severity)) {
    // Advice was only counted: to whoever is told, this is where it begins.
    const begins = told.severity !== undefined && isAdvice(told.severity) && !isAdvice(open.severity ?? 'info');
    return say(begins ? 'opened' : 'worsened', 'severity-rose');
  }
  const wasAlarm = told.severity !== undefined && !isAdvice(told.severity);
  if (wasAlarm && open.severity !== undefined && isAdvice(open.severity))
    return say('resolved', 'only-advice-now', told.severity);
  return hushed && before?.hushedBy !== accepted.id ? say('accepted', 'risk-accepted') : undefined;
}

function goodReason({ verdict, gone }: Seen): TransitionReason {
  if (gone === true) return 'no-longer-judged';
  return verdict === 'pass' ? 'passes-again' : 'no-longer-applies';
}

/** What receivers believe once they were told. */
function believed(memory: FindingMemory, { kind, reason, severity }: Happened, at: string): Partial<FindingMemory> {
  const { open, looks = memory.verdict === 'fail' ? 'f' : 'p' } = memory;
  const flips = kind === 'opened' || kind === 'reopened' || kind === 'resolved';
  const marked =
    flips && reason !== 'severity-rose' ? looks.slice(0, -1) + looks.slice(-1).toUpperCase() : memory.looks;
  const worst = open?.severity ?? severity;
  const as = kind === 'flapping' ? 'flapping' : 'open';
  const isOver = (kind === 'resolved' && open === undefined) || (kind === 'steady' && open === undefined);
  return {
    toldAt: at,
    ...(marked === undefined ? {} : { looks: marked }),
    told:
      kind === 'silenced'
        ? memory.told
        : isOver
          ? undefined
          : { as, ...(worst === undefined ? {} : { severity: worst }) },
  };
}

/** What the release before wrote knows a verdict and when it was told, no more. */
export function inherited(memory: FindingMemory): FindingMemory {
  const { verdict, severity, since, toldAt, open, soft, told, looks } = memory;
  if (verdict !== 'fail' || open !== undefined || soft !== undefined || told !== undefined || looks !== undefined)
    return memory;
  const bad = severity === undefined ? {} : { severity };
  return { ...memory, open: { since, ...bad }, ...(toldAt === undefined ? {} : { told: { as: 'open', ...bad } }) };
}

function nextLooks(memory: FindingMemory | undefined, bad: boolean): string {
  const before = memory?.looks ?? (memory?.verdict === undefined ? '' : memory.verdict === 'fail' ? 'f' : 'p');
  return `${before}${bad ? 'f' : 'p'}`.slice(-(looksCounted + 1));
}

function isSteady(looks: string): boolean {
  return /^(f*|p*)$/.test(looks);
}

/** Share of changes over the last 20 looks, newer ones weighing more (Icinga 2: 0.8 for the oldest, 0.02 more each). */
export function changesShare(looks: string): number {
  const failed = [...looks.toLowerCase()].map((look) => look === 'f');
  const first = looksCounted + 1 - failed.length;
  const weighed = failed
    .slice(1)
    .reduce((sum, bad, index) => sum + (bad === failed[index] ? 0 : 0.8 + 0.02 * (first + index)), 0);
  return weighed / looksCounted;
}

export function isWorse(now: Severity | undefined, before: Severity | undefined): boolean {
  return now !== undefined && before !== undefined && severities.indexOf(now) < severities.indexOf(before);
}

function compact<T extends object>(value: { readonly [K in keyof T]: T[K] | undefined }): T {
  // What is undefined is not stored either.
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}

/**
 * What an incident is called everywhere and for ever: `<organization>/<evaluation>/<subject>/<rule>[#<target>]`, each
 * percent-encoded, but for the slash within a rule's id.
 */
export function incidentKey(
  { organization, evaluation }: { readonly organization: string; readonly evaluation: string },
  subject: string,
  { rule, target }: { readonly rule: string; readonly target?: string | undefined },
): string {
  const parts = [organization, evaluation, subject, ...rule.split('/')].map((part) => encodeURIComponent(part));
  return `${parts.join('/')}${target === undefined ? '' : `#${encodeURIComponent(target)}`}`;
}

/** Takes an incident key apart; undefined when it is none. */
export function readIncidentKey(key: string):
  | {
      readonly organization: string;
      readonly evaluation: string;
      readonly subject: string;
      readonly rule: string;
      readonly target?: string;
    }
  | undefined {
  const [, ...parts] = /^([^/#]+)\/([^/#]+)\/([^/#]+)\/([^#]+?)(?:#(.+))?$/.exec(key) ?? [];
  try {
    const [organization, evaluation, subject, rule, target] = parts.map((part) =>
      part === undefined ? undefined : decodeURIComponent(part),
    );
    if (organization === undefined || evaluation === undefined || subject === undefined || rule === undefined)
      return undefined;
    return { organization, evaluation, subject, rule, ...(target === undefined ? {} : { target }) };
  } catch {
    return undefined;
  }
}
