// What people say of incidents: that a maintenance goes on, or that a risk is known. Never what hides them.
import { z } from 'zod';
import type { SubjectState } from './compare.ts';
import { type Finding, findingKey } from './finding.ts';
import { incidentKey, isWorse, type LookPolicy } from './incident.ts';
import { owners, type Severity, severities } from './rule.ts';
import { dayMs, isoTime } from './time.ts';
import { minuteOf } from './words.ts';

/** Longest times of a silence and of an acceptance, in days. */
export const mostDays = { silence: 90, acceptance: 366 } as const;

const said = {
  id: z.string(),
  /** When it was said and by whom, as the door knows them (ISO 8601, UTC). */
  at: z.string(),
  by: z.string(),
  reason: z.string(),
  ticket: z.string().optional(),
  /** It holds until then: obligatory, so that nothing is forgotten. */
  until: z.string(),
  /** When it was ended before that, and why. */
  endedAt: z.string().optional(),
  endedFor: z.string().optional(),
};

/** What a silence is about: all that is named has to fit; a subject pattern may hold `*`. */
export const matcher = z
  .strictObject({
    evaluation: z.string().optional(),
    subject: z.string().min(1).max(253).optional().describe('A subject’s id; * stands for any characters.'),
    rule: z.string().optional(),
    owner: z.enum(owners).optional(),
    target: z.string().optional(),
  })
  .refine((given) => Object.values(given).some((value) => value !== undefined), {
    error: 'names nothing; say at least one of evaluation, subject, rule, owner, target ("subject": "*" is everything)',
  });

export type Matcher = z.infer<typeof matcher>;

/** A maintenance: nothing that fits is told while it lasts; what is still so afterwards is told then. */
export const silence = z.object({ kind: z.literal('silence'), ...said, from: z.string(), match: matcher });

/** A risk that is known: not told any more until then, or until it gets worse. */
export const acceptance = z.object({
  kind: z.literal('acceptance'),
  ...said,
  /** Of the incident. */
  key: z.string(),
  /** How bad it was when it was accepted. */
  severity: z.enum(severities).optional(),
});

export const statement = z.discriminatedUnion('kind', [silence, acceptance]);
export type Statement = z.infer<typeof statement>;
export type Silence = z.infer<typeof silence>;
export type Acceptance = z.infer<typeof acceptance>;

const text = z.string().trim().min(1).max(500);

/** What somebody asks for. `from` is now when it is left out. */
export const silenceRequest = z.strictObject({
  match: matcher,
  from: isoTime.optional(),
  until: isoTime,
  reason: text,
  ticket: text.optional(),
  by: text.optional(),
});

export const acceptanceRequest = z.strictObject({
  key: z
    .string()
    .min(1)
    .max(2_000)
    .describe('Of the incident: <organization>/<evaluation>/<subject>/<rule>[#<target>].'),
  until: isoTime,
  reason: text,
  ticket: text.optional(),
  by: text.optional(),
});

/** Why a time may not stand there, in a sentence; undefined when it may. Times in ISO 8601. */
export function faultOfSpan(kind: Statement['kind'], from: string, until: string, now: Date): string | undefined {
  const most = mostDays[kind];
  const what = kind === 'silence' ? 'a silence' : 'an acceptance';
  if (Date.parse(until) <= now.getTime()) return `until: ${until} is past`;
  if (Date.parse(until) <= Date.parse(from)) return `until: ${until} is not after ${from}`;
  if (Date.parse(until) - Math.max(Date.parse(from), now.getTime()) > most * dayMs)
    return `until: ${what} lasts ${most} days at most; say a day before ${new Date(now.getTime() + most * dayMs).toISOString().slice(0, 10)}, and say it again then`;
  return undefined;
}

/** Is it the id of a silence, or else of an acceptance? */
export function isSilence(id: string): boolean {
  return id.startsWith('silence-');
}

/** Does it hold at that time? */
export function holds(one: Statement, now: Date): boolean {
  const at = now.getTime();
  const begun = one.kind === 'acceptance' || Date.parse(one.from) <= at;
  return begun && at < Date.parse(one.until) && one.endedAt === undefined;
}

/** Does it hold later? */
export function isToCome(one: Statement, now: Date): boolean {
  return one.kind === 'silence' && one.endedAt === undefined && Date.parse(one.from) > now.getTime();
}

/** Who said it, until when and why, in a sentence. */
export function wordsOf({ kind, by, until, reason, ticket }: Statement): string {
  const what = kind === 'silence' ? 'Silenced' : 'Accepted';
  return `${what} by ${by} until ${minuteOf(until)}${ticket === undefined ? '' : ` (${ticket})`}: ${reason}`;
}

/** What holds of these for one finding at one time. */
export function hushOf(
  statements: readonly Statement[],
  watch: { readonly organization: string; readonly evaluation: string },
  subject: string,
  { rule, target, owner }: Pick<Finding, 'rule' | 'target' | 'owner'>,
  now: Date,
): Pick<LookPolicy, 'silenced' | 'accepted'> {
  const key = incidentKey(watch, subject, { rule, target });
  const holding = statements.filter((one) => holds(one, now));
  const silenced = holding.find(
    (one) => one.kind === 'silence' && fits(one.match, { ...watch, subject, rule, target, owner }),
  );
  const accepted = holding.find((one) => one.kind === 'acceptance' && one.key === key);
  return {
    ...(silenced === undefined ? {} : { silenced: { id: silenced.id, words: wordsOf(silenced) } }),
    ...(accepted?.kind === 'acceptance'
      ? { accepted: { id: accepted.id, words: wordsOf(accepted), severity: accepted.severity } }
      : {}),
  };
}

/** What is known of a subject with what people have said of its fails, as it holds at that time: nothing is hidden by it. */
export function withSaid(
  statements: readonly Statement[],
  watch: { readonly organization: string; readonly evaluation: string },
  state: SubjectState,
  now: Date,
): SubjectState {
  if (!statements.some((one) => holds(one, now))) return state;
  const { run, findings: memories } = state;
  const findings = run.findings.map((finding) => {
    const memory = memories[findingKey(finding)];
    if (finding.verdict !== 'fail' && memory?.open === undefined) return finding;
    const owner = finding.owner ?? memory?.owner;
    const { silenced, accepted } = hushOf(statements, watch, run.subject, { ...finding, owner }, now);
    return {
      ...finding,
      ...(silenced === undefined ? {} : { silenced: silenced.words }),
      ...(accepted === undefined ? {} : { accepted: accepted.words }),
    };
  });
  return { ...state, run: { ...run, findings } };
}

type SaidOf = Pick<Finding, 'silenced' | 'accepted'>;

/** Statements that several findings show; more are counted. */
const statementsShown = 5;

/** What people have said of these findings, each once: with how many of them it is about, where it is not all. */
export function saidOf(findings: readonly SaidOf[]): readonly string[] {
  const words = findings.flatMap(({ silenced, accepted }) => [silenced ?? [], accepted ?? []].flat());
  const each = [...Map.groupBy(words, (text) => text)].map(([text, of]) =>
    of.length === findings.length ? text : `${of.length} of ${findings.length}: ${text}`,
  );
  const left = each.length - statementsShown;
  return left <= 0 ? each : [...each.slice(0, statementsShown), `and ${left} more such words`];
}

/** How many of these are accepted, and how many silenced: one that is both is silenced. */
export function countSaid(findings: readonly SaidOf[]): { readonly accepted: number; readonly silenced: number } {
  const silenced = findings.filter((one) => one.silenced !== undefined).length;
  const accepted = findings.filter((one) => one.silenced === undefined && one.accepted !== undefined).length;
  return { accepted, silenced };
}

/** `2 accepted, 1 silenced`; undefined when there are none. */
export function saidCounts({ accepted, silenced }: ReturnType<typeof countSaid>): string | undefined {
  const parts = [
    ...(accepted === 0 ? [] : [`${accepted} accepted`]),
    ...(silenced === 0 ? [] : [`${silenced} silenced`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** Acceptances of this subject that its findings have outgrown: they end. */
export function outgrown(
  statements: readonly Statement[],
  watch: { readonly organization: string; readonly evaluation: string },
  subject: string,
  findings: readonly Finding[],
  now: Date,
): readonly Acceptance[] {
  const severityOf = new Map<string, Severity | undefined>(
    findings.map((finding) => [incidentKey(watch, subject, finding), finding.severity]),
  );
  return statements.filter(
    (one): one is Acceptance =>
      one.kind === 'acceptance' && holds(one, now) && isWorse(severityOf.get(one.key), one.severity),
  );
}

function fits(
  match: Matcher,
  of: {
    readonly evaluation: string;
    readonly subject: string;
    readonly rule: string;
    readonly target: string | undefined;
    readonly owner: string | undefined;
  },
): boolean {
  const { evaluation, subject, rule, owner, target } = match;
  return (
    (evaluation === undefined || evaluation === of.evaluation) &&
    (subject === undefined || fitsPattern(subject, of.subject)) &&
    (rule === undefined || rule === of.rule) &&
    (owner === undefined || owner === of.owner) &&
    (target === undefined || target === of.target)
  );
}

/** `*` stands for any characters, also for none. */
function fitsPattern(pattern: string, name: string): boolean {
  const [first = '', ...others] = pattern.toLowerCase().split('*');
  let rest = name.toLowerCase();
  if (!rest.startsWith(first)) return false;
  rest = rest.slice(first.length);
  for (const [index, part] of others.entries()) {
    if (index === others.length - 1) return rest.endsWith(part);
    const at = rest.indexOf(part);
    if (at < 0) return false;
    rest = rest.slice(at + part.length);
  }
  return rest === '';
}
