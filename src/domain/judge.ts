import { type FactName, factTitle, type PartFactName, type PartKind, partOf, shelfLifeHours } from '../facts/index.ts';
import { answerOf, blocksAnswers } from './answer.ts';
import {
  everyPart,
  type FactSet,
  type Gathered,
  type NotKnown,
  type PartFacts,
  type UnobtainableReason,
} from './fact-set.ts';
import { type Evidence, type Finding, findingKey, type Judged, type Run } from './finding.ts';
import type { AnyRule, At, Evaluation, Judgement, Observation, Predecessor, RulePolicy } from './rule.ts';
import type { Subject } from './subject.ts';
import { hoursUntil } from './time.ts';

export interface JudgeOptions {
  readonly now: Date;
  /** What the organization's document sets for a rule, by rule id. */
  readonly policies?: Readonly<Record<string, RulePolicy>>;
  /** Told when a rule throws, which is our bug: the finding is `unknown`, the run goes on. */
  readonly onRuleError?: (rule: string, error: unknown) => void;
}

const words: Record<UnobtainableReason, string> = {
  timeout: 'no answer in time',
  denied: 'access denied',
  unreachable: 'not reachable',
  refused: 'refused by the address guard',
  malformed: 'not readable',
  insufficient: 'not enough to go by',
  not_supplied: 'not supplied',
  stale: 'too old',
};

/**
 * Judges one subject: every rule gives one finding at least, and every question an answer. Pure.
 *
 * A needed fact that is unobtainable, or older than it keeps, makes the rule `unknown` naming it; a failed predecessor
 * (advice aside) makes it `unknown`, blocked by that; a rule that throws makes it `unknown` and is reported.
 */
export function judge(evaluation: Evaluation, subject: Subject, facts: FactSet, options: JudgeOptions): Run {
  const reason = evaluation.scope?.(facts, { subject, now: options.now });
  const judged: Judged[] = [];
  const failed = new Set<string>();
  for (const rule of evaluation.rules) {
    const outside = reason ?? rule.scope?.({ subject, now: options.now });
    const results =
      outside === undefined
        ? judgeRule(rule, evaluation, subject, facts, options, failed)
        : [
            {
              finding: { rule: rule.id, verdict: 'not_applicable' as const, message: outside, evidence: [] },
              blocks: rule.blocks,
            },
          ];
    for (const result of results) {
      judged.push(result);
      // Advice blocks nothing: behind a certificate that expires in three weeks everything else can still be judged.
      if (blocksAnswers(result.finding)) failed.add(findingKey(result.finding));
    }
  }
  const asked = evaluation.asked?.(subject);
  const answers: Run['answers'] = {};
  for (const { id } of evaluation.questions) {
    const blocking = judged.filter(({ blocks }) => blocks.includes(id));
    const deciding = evaluation.proof?.(id, blocking, facts, judged) ?? blocking;
    answers[id] =
      asked !== undefined && !asked.includes(id) ? 'not_applicable' : answerOf(deciding.map(({ finding }) => finding));
  }
  return {
    evaluation: evaluation.id,
    subject: subject.id,
    at: options.now.toISOString(),
    answers,
    findings: judged.map(({ finding }) => finding),
  };
}

function judgeRule(
  rule: AnyRule,
  evaluation: Evaluation,
  subject: Subject,
  set: FactSet,
  options: JudgeOptions,
  failed: ReadonlySet<string>,
): Judged[] {
  const kind = rule.per;
  const parts: Readonly<Record<string, PartFacts>> = kind === undefined ? {} : (set.parts[kind] ?? {});
  const base = { subject, now: options.now, policy: options.policies?.[rule.id] ?? {}, parts };
  const one = (part: string | undefined) => judgeOne(rule, set, part, { ...base, part: part ?? '' }, failed, options);
  if (kind === undefined) return one(undefined);

  // Which parts to judge may itself depend on facts; when those are missing there is one untargeted `unknown`.
  const common = look(rule, set, undefined, options.now);
  if ('missing' in common) return [unknown(rule, undefined, common.missing)];
  let names: readonly string[] | Judgement;
  try {
    const blocker = failedPredecessor(rule, common.facts, { ...base, part: '' }, failed);
    if (blocker !== undefined) return [blocked(rule, undefined, blocker)];
    names = rule.parts?.(common.facts, base) ?? allParts(evaluation, subject, set, kind);
  } catch (error) {
    return [broken(rule, undefined, error, options)];
  }
  if (!Array.isArray(names)) return [conclude(rule, set, undefined, names as Judgement, base.policy)];
  if (names.length === 0) {
    const silent = rule.needs.find((fact) => parts[everyPart]?.[fact as PartFactName]?.status === 'unobtainable');
    if (silent !== undefined) {
      return [
        unknown(rule, undefined, {
          fact: silent,
          part: undefined,
          why: parts[everyPart]?.[silent as PartFactName] as NotKnown,
        }),
      ];
    }
    return [
      {
        finding: { rule: rule.id, verdict: 'not_applicable', message: `There is no ${kind} to look at.`, evidence: [] },
        blocks: rule.blocks,
      },
    ];
  }
  return names.flatMap((part) => one(part));
}

function allParts(evaluation: Evaluation, subject: Subject, set: FactSet, kind: PartKind): readonly string[] {
  const declared = evaluation.parts?.(subject, set)[kind] ?? [];
  return [...new Set([...declared, ...Object.keys(set.parts[kind] ?? {}).filter((part) => part !== everyPart)])];
}

function judgeOne(
  rule: AnyRule,
  set: FactSet,
  part: string | undefined,
  at: At,
  failed: ReadonlySet<string>,
  options: JudgeOptions,
): Judged[] {
  try {
    const seen = look(rule, set, part, at.now);
    const blocker = failedPredecessor(rule, seen.facts, at, failed);
    if (blocker !== undefined) return [blocked(rule, part, blocker)];
    if ('missing' in seen) return [unknown(rule, part, seen.missing)];
    const judgements = rule.judge(seen.facts, at);
    return (Array.isArray(judgements) ? (judgements as readonly Judgement[]) : [judgements as Judgement]).map(
      (judgement) => conclude(rule, set, part, judgement, at.policy),
    );
  } catch (error) {
    return [broken(rule, part, error, options)];
  }
}

function failedPredecessor(rule: AnyRule, facts: object, at: At, failed: ReadonlySet<string>): Predecessor | undefined {
  // Nearly everywhere nothing has failed: then their keys need not be made.
  return rule.after?.(facts, at).find((one) => failed.size > 0 && failed.has(findingKey(one)));
}

interface Missing {
  readonly fact: FactName;
  readonly part: string | undefined;
  readonly why: NotKnown;
}

/** The facts a rule may see, of `part` or (part undefined) those that are not per part; and the first needed one that is missing. */
function look(
  rule: AnyRule,
  set: FactSet,
  part: string | undefined,
  now: Date,
): { facts: object } | { facts: object; missing: Missing } {
  const facts: Record<string, unknown> = {};
  let missing: Missing | undefined;
  const known = (fact: FactName, name: string | undefined, entry: Gathered<unknown>, needed: boolean) => {
    const gathered = unlessStale(fact, entry, now);
    if (gathered.status === 'known') return gathered.value;
    if (needed || gathered.reason !== 'not_supplied') missing ??= { fact, part: name, why: gathered };
    return undefined;
  };
  const take = (fact: FactName, needed: boolean) => {
    const kind: PartKind | undefined = partOf[fact as PartFactName];
    if (kind === undefined) {
      facts[fact] = known(fact, undefined, subjectFact(set, fact), needed);
    } else if (kind !== rule.per) {
      facts[fact] = Object.fromEntries(
        partEntries(set, fact as PartFactName).flatMap(([name, entry]) => {
          const value = known(fact, name, entry, needed);
          return value === undefined ? [] : [[name, value]];
        }),
      );
    } else if (part !== undefined) {
      facts[fact] = known(fact, part, partFact(set, fact as PartFactName, part), needed);
    }
  };
  for (const fact of rule.needs) take(fact, true);
  for (const fact of rule.optional) take(fact, false);
  return missing === undefined ? { facts } : { facts, missing };
}

/** A fact past its shelf life is as good as none. */
function unlessStale(fact: FactName, gathered: Gathered<unknown>, now: Date): Gathered<unknown> {
  const hours = shelfLifeHours(fact);
  if (gathered.status !== 'known' || hours === undefined) return gathered;
  if (-hoursUntil(gathered.observedAt, now) <= hours) return gathered;
  return {
    status: 'unobtainable',
    reason: 'stale',
    detail: `observed ${gathered.observedAt}, and it keeps for ${hours % 24 === 0 ? `${hours / 24} d` : `${hours} h`}`,
    source: gathered.source,
    observedAt: gathered.observedAt,
  };
}

const notSupplied: NotKnown = {
  status: 'unobtainable',
  reason: 'not_supplied',
  detail: 'nobody supplied it and no source was asked',
};

function subjectFact(set: FactSet, fact: FactName): Gathered<unknown> {
  return (set.facts as Readonly<Record<string, Gathered<unknown>>>)[fact] ?? notSupplied;
}

/** What is known of one part, or of every part in its place. */
function partFact(set: FactSet, fact: PartFactName, part: string): Gathered<unknown> {
  const members: Readonly<Record<string, PartFacts>> | undefined = set.parts[partOf[fact]];
  return members?.[part]?.[fact] ?? members?.[everyPart]?.[fact] ?? notSupplied;
}

function partEntries(set: FactSet, fact: PartFactName): readonly (readonly [string, Gathered<unknown>])[] {
  return Object.keys(set.parts[partOf[fact]] ?? {}).map((part) => [part, partFact(set, fact, part)]);
}

function conclude(
  rule: AnyRule,
  set: FactSet,
  part: string | undefined,
  judgement: Judgement,
  policy: RulePolicy,
): Judged {
  const fail = judgement.verdict === 'fail' ? judgement : undefined;
  const finding: Finding = {
    rule: rule.id,
    target: judgement.target ?? part,
    verdict: judgement.verdict,
    severity: fail && (policy.severity ?? fail.severity ?? rule.severity),
    owner: fail?.owner,
    message: judgement.message,
    evidence: (judgement.evidence ?? []).map((observation) => evidenceOf(set, observation, rule.per, part)),
    remedy: 'remedy' in judgement ? judgement.remedy : undefined,
    supportCase: fail?.supportCase,
  };
  return { finding, blocks: ('blocks' in judgement ? judgement.blocks : undefined) ?? rule.blocks };
}

function evidenceOf(
  set: FactSet,
  observation: Observation,
  kind: PartKind | undefined,
  part: string | undefined,
): Evidence {
  const { fact, observed } = observation;
  const partKind: PartKind | undefined = partOf[fact as PartFactName];
  const name = observation.part ?? (partKind === kind ? part : undefined);
  const gathered: Gathered<unknown> | undefined =
    partKind === undefined
      ? subjectFact(set, fact)
      : name === undefined
        ? undefined
        : set.parts[partKind]?.[name]?.[fact as PartFactName];
  return { fact, observed, at: gathered?.observedAt, source: gathered?.source };
}

function unknown(rule: AnyRule, target: string | undefined, { fact, part, why }: Missing): Judged {
  const whose = part === undefined || part === target ? '' : ` of ${part}`;
  return {
    finding: {
      rule: rule.id,
      ...(target === undefined ? {} : { target }),
      verdict: 'unknown',
      message: `Could not look: ${factTitle(fact)}${whose}: ${words[why.reason]} (${why.detail}).`,
      evidence: [
        {
          fact,
          observed: `unobtainable, ${why.reason}: ${why.detail}`,
          ...(why.observedAt === undefined ? {} : { at: why.observedAt }),
          ...(why.source === undefined ? {} : { source: why.source }),
        },
      ],
      reason: why.reason,
    },
    blocks: rule.blocks,
  };
}

function blocked(rule: AnyRule, target: string | undefined, by: Predecessor): Judged {
  const which = by.target === undefined || by.target === target ? '' : ` (${by.target})`;
  return {
    finding: {
      rule: rule.id,
      ...(target === undefined ? {} : { target }),
      verdict: 'unknown',
      message: `Not judged: blocked by ${by.rule}${which}, which failed.`,
      evidence: [],
      blockedBy: by.rule,
    },
    blocks: rule.blocks,
  };
}

function broken(rule: AnyRule, target: string | undefined, error: unknown, options: JudgeOptions): Judged {
  options.onRuleError?.(rule.id, error);
  return {
    finding: {
      rule: rule.id,
      ...(target === undefined ? {} : { target }),
      verdict: 'unknown',
      message: `Could not judge: ${rule.id} stopped with an error of its own. This is a fault in fieldcheck, not in what it looked at.`,
      evidence: [],
    },
    blocks: rule.blocks,
  };
}
