import { answerOf, blocksAnswers } from './answer.ts';
import type { AnyFactReader, Evaluation } from './evaluation.ts';
import { type FactKinds, factTitle, isStale, shelfLifeHours } from './fact.ts';
import { everyPart, type FactSet, type Gathered, type NotKnown, type UnobtainableReason } from './fact-set.ts';
import { type Evidence, type Finding, findingKey, type Judged, type Run } from './finding.ts';
import type { AnyContext, AnyRule, Judgement, Observation, Predecessor, QuestionId, RulePolicy } from './rule.ts';
import type { Subject } from './subject.ts';
import { hoursUntil } from './time.ts';
import { enumerate } from './words.ts';

export interface JudgeOptions {
  readonly now: Date;
  /** What the organization's document sets for a rule, by rule id. */
  readonly policies?: Readonly<Record<string, RulePolicy>>;
  /** Told when a rule throws, which is our bug: the finding is `unknown`, the run goes on. */
  readonly onRuleError?: (rule: string, error: unknown) => void;
}

/** Days ahead of which people are told what comes. */
const comingDays = 45;

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
export function judge(evaluation: Evaluation, subject: Subject, set: FactSet, options: JudgeOptions): Run {
  return judgeWithReasons(evaluation, subject, set, options).run;
}

/** As {@link judge}; `deciding` are the findings that gave each answer, of the questions that were asked. */
export function judgeWithReasons(
  evaluation: Evaluation,
  subject: Subject,
  set: FactSet,
  options: JudgeOptions,
): { readonly run: Run; readonly deciding: ReadonlyMap<QuestionId, readonly Finding[]> } {
  const { facts: kinds } = evaluation;
  const engine: Engine = { evaluation, kinds, subject, set, options, failed: new Map(), parts: new Map() };
  const { now } = options;
  const fact: AnyFactReader = (name) => seen(engine, name, subjectFact(set, name));
  const reason = evaluation.scope?.(fact, { subject, now });
  const scopeRests = reason === undefined ? undefined : engine.rests;
  const judged: Judged[] = [];
  for (const rule of evaluation.rules) {
    engine.rests = scopeRests;
    const outside = reason ?? rule.scope?.({ subject, now });
    const results = outside === undefined ? judgeRule(engine, rule) : [resting(engine, notApplicable(rule, outside))];
    for (const result of results) {
      judged.push(result);
      // Advice blocks nothing: behind a certificate that expires in three weeks everything else can still be judged.
      if (blocksAnswers(result.finding)) engine.failed.set(findingKey(result.finding), result.rests);
    }
  }
  const asked = evaluation.asked?.(subject);
  const answers: Run['answers'] = {};
  const deciding = new Map<QuestionId, readonly Finding[]>();
  for (const { id } of evaluation.questions) {
    if (asked !== undefined && !asked.includes(id)) {
      answers[id] = 'not_applicable';
      continue;
    }
    const blocking = judged.filter(({ blocks }) => blocks.includes(id));
    const findings = (evaluation.proof?.(id, blocking, fact, judged) ?? blocking).map(({ finding }) => finding);
    answers[id] = answerOf(findings);
    deciding.set(id, findings);
  }
  const run = {
    evaluation: evaluation.id,
    subject: subject.id,
    at: now.toISOString(),
    answers,
    findings: judged.map(({ finding }) => finding),
  };
  return { run, deciding };
}

/** Names of assumed facts on which something rests. */
type Rests = ReadonlySet<string> | undefined;

/** What stays the same while one subject is judged; `failed` grows as rules fail. */
interface Engine {
  readonly evaluation: Evaluation;
  readonly kinds: FactKinds;
  readonly subject: Subject;
  readonly set: FactSet;
  readonly options: JudgeOptions;
  /** Findings that failed by their keys, and what each rests on. */
  readonly failed: Map<string, Rests>;
  /** The parts of each kind that was judged. */
  readonly parts: Map<string, readonly string[]>;
  /** The assumed facts that were read for the finding at hand. */
  rests?: Rests;
}

interface Result extends Judged {
  readonly rests?: Rests;
}

/** A result that says what it rests on, where that is assumed. */
function resting({ kinds, rests }: Engine, judged: Judged): Result {
  if (rests === undefined) return judged;
  const { finding, blocks } = judged;
  return {
    finding: restingOn(
      finding,
      [...rests].map((fact) => factTitle(kinds, fact)),
    ),
    blocks,
    rests,
  };
}

/** A finding that says in words that it rests on something assumed, and on what. */
export function restingOn(finding: Finding, assumed: readonly string[]): Finding {
  const what = assumed.length === 0 ? '' : `: ${enumerate(assumed)}`;
  return { ...finding, message: `${finding.message} (Rests on what is assumed${what}.)`, assumed: true };
}

function judgeRule(engine: Engine, rule: AnyRule): Result[] {
  const { subject, set, options } = engine;
  const base = { subject, now: options.now, policy: options.policies?.[rule.id] ?? {} };
  const kind = rule.per;
  if (kind === undefined) return judgeOne(engine, rule, undefined, base, []);

  // Which parts to judge may itself depend on facts; when those are missing there is one untargeted `unknown`.
  const common = look(engine, rule, undefined);
  if (common.missing !== undefined) return [unknown(engine, rule, undefined, common.missing)];
  let names: readonly string[] | Judgement;
  try {
    const blocker = failedPredecessor(engine, rule, common.facts, { ...base, part: '' });
    if (blocker !== undefined) return [blocked(engine, rule, undefined, blocker)];
    const byPart = (fact: string) => knownByPart(engine, fact);
    names = rule.parts?.(common.facts, { ...base, byPart }) ?? allParts(engine, kind);
  } catch (error) {
    return [broken(engine, rule, undefined, error)];
  }
  if (!Array.isArray(names)) return [conclude(engine, rule, undefined, names as Judgement, base.policy)];
  if (names.length === 0) {
    const everywhere = set.parts[kind]?.[everyPart];
    const silent = rule.needs.find((fact) => everywhere?.[fact]?.status === 'unobtainable');
    if (silent === undefined) return [resting(engine, notApplicable(rule, `There is no ${kind} to look at.`))];
    return [unknown(engine, rule, undefined, { fact: silent, part: undefined, why: everywhere?.[silent] as NotKnown })];
  }
  const withPeers = rule.peers.length + rule.optionalPeers.length > 0;
  const all = withPeers ? allParts(engine, kind) : [];
  const { rests } = engine;
  return names.flatMap((part) => {
    engine.rests = rests;
    return judgeOne(engine, rule, part, base, all);
  });
}

function allParts({ evaluation, subject, set, parts }: Engine, kind: string): readonly string[] {
  let all = parts.get(kind);
  if (all === undefined) {
    const declared = evaluation.parts?.(subject)[kind] ?? [];
    all = [...new Set([...declared, ...Object.keys(set.parts[kind] ?? {}).filter((part) => part !== everyPart)])];
    parts.set(kind, all);
  }
  return all;
}

/** @param all every part of the rule's kind, for the rules that look at the others */
function judgeOne(
  engine: Engine,
  declared: AnyRule,
  part: string | undefined,
  base: Omit<AnyContext, 'part' | 'peers'>,
  all: readonly string[],
): Result[] {
  const { rests } = engine;
  const { subject } = base;
  const { variant } = declared;
  const isOther = part !== undefined && variant?.is({ subject, part }) === true;
  const rule = isOther ? variant.judgedBy : declared;
  if (typeof rule === 'function') {
    const outside = notApplicable(declared, rule({ subject, part: part ?? '' }), part);
    return [resting(engine, outside)];
  }
  try {
    const at = { ...base, part: part ?? '', peers: noPeers };
    const own = look(engine, rule, part);
    const blocker = failedPredecessor(engine, rule, own.facts, at);
    if (blocker !== undefined) return [blocked({ ...engine, rests }, rule, part, blocker)];
    if (own.missing !== undefined) return [unknown({ ...engine, rests }, rule, part, own.missing)];
    // What is compared has to be alike: parts of the other kind have no such facts.
    const comparable =
      rule.peers.length === 0 || variant === undefined
        ? all
        : all.filter((peer) => variant.is({ subject, part: peer }) === isOther);
    const others = all.length === 0 ? undefined : lookAtPeers(engine, rule, part, comparable);
    if (others?.missing !== undefined) return [unknown(engine, rule, part, others.missing)];
    const judgements = rule.judge(own.facts, others === undefined ? at : { ...at, peers: others.peers });
    return (Array.isArray(judgements) ? (judgements as readonly Judgement[]) : [judgements as Judgement]).map(
      (judgement) => conclude(engine, rule, part, judgement, at.policy),
    );
  } catch (error) {
    return [broken(engine, declared, part, error)];
  }
}

const noPeers: AnyContext['peers'] = {};

function failedPredecessor(
  { failed }: Engine,
  rule: AnyRule,
  facts: object,
  at: Omit<AnyContext, 'peers'>,
): Predecessor | undefined {
  // Nearly everywhere nothing has failed: then nobody needs to say what would be in the way.
  return failed.size === 0 ? undefined : rule.after?.(facts, at).find((one) => failed.has(findingKey(one)));
}

interface Missing {
  readonly fact: string;
  readonly part: string | undefined;
  readonly why: NotKnown;
}

/** The facts a rule may see, of `part` or (part undefined) those that are not per part; and the first needed one that is missing. */
function look(
  engine: Engine,
  rule: AnyRule,
  part: string | undefined,
): { readonly facts: object; readonly missing: Missing | undefined } {
  const facts: Record<string, unknown> = {};
  let missing: Missing | undefined;
  for (const fact of rule.needs) missing = take(engine, rule, part, fact, true, facts, missing);
  for (const fact of rule.optional) missing = take(engine, rule, part, fact, false, facts, missing);
  return { facts, missing };
}

/** Lays a fact before a rule: one value, or by part where the rule is not judged for each. @returns the first that is missing */
function take(
  engine: Engine,
  rule: AnyRule,
  part: string | undefined,
  fact: string,
  needed: boolean,
  facts: Record<string, unknown>,
  missingBefore: Missing | undefined,
): Missing | undefined {
  const { kinds, set } = engine;
  let missing = missingBefore;
  const kind = kinds.partOf[fact];
  if (kind === undefined || kind === rule.per) {
    if (kind !== undefined && part === undefined) return missing;
    const gathered = seen(
      engine,
      fact,
      kind === undefined ? subjectFact(set, fact) : partFact(engine, fact, part ?? ''),
    );
    facts[fact] = gathered.status === 'known' ? gathered.value : undefined;
    return missing ?? missingOf(fact, kind === undefined ? undefined : part, gathered, needed);
  }
  const byPart: Record<string, unknown> = {};
  facts[fact] = byPart;
  for (const name of Object.keys(set.parts[kind] ?? {})) {
    const gathered = seen(engine, fact, partFact(engine, fact, name));
    if (gathered.status === 'known') byPart[name] = gathered.value;
    missing ??= missingOf(fact, name, gathered, needed);
  }
  return missing;
}

function missingOf(
  fact: string,
  part: string | undefined,
  why: Gathered<unknown>,
  needed: boolean,
): Missing | undefined {
  return why.status === 'unobtainable' && (needed || why.reason !== 'not_supplied') ? { fact, part, why } : undefined;
}

/** The named facts of the other parts; and the first one that the rule cannot do without and that is missing. */
function lookAtPeers(
  engine: Engine,
  rule: AnyRule,
  part: string | undefined,
  all: readonly string[],
): { readonly peers: AnyContext['peers']; readonly missing: Missing | undefined } {
  const peers: Record<string, Record<string, unknown>> = {};
  let missing: Missing | undefined;
  for (const peer of all) {
    if (peer === part) continue;
    const facts: Record<string, unknown> = {};
    for (const fact of [...rule.peers, ...rule.optionalPeers]) {
      const gathered = seen(engine, fact, partFact(engine, fact, peer));
      if (gathered.status === 'known') facts[fact] = gathered.value;
      else if (rule.peers.includes(fact)) missing ??= { fact, part: peer, why: gathered };
    }
    peers[peer] = facts;
  }
  return { peers, missing };
}

/** What is known of a fact, of each part that has an entry. */
function knownByPart(engine: Engine, fact: string): Readonly<Record<string, unknown>> {
  const kind = engine.kinds.partOf[fact] ?? '';
  const known = Object.keys(engine.set.parts[kind] ?? {}).flatMap((part) => {
    const gathered = seen(engine, fact, partFact(engine, fact, part));
    return part === everyPart || gathered.status !== 'known' ? [] : [[part, gathered.value]];
  });
  return Object.fromEntries(known);
}

/** A fact as a rule gets to see it: past its shelf life it is as good as none. What is assumed does not age, and is noted. */
function seen(engine: Engine, fact: string, gathered: Gathered<unknown>): Gathered<unknown> {
  if (gathered.assumed === true) {
    engine.rests = new Set([...(engine.rests ?? []), fact]);
    return gathered;
  }
  const { kinds, options } = engine;
  if (gathered.status !== 'known' || !isStale(kinds, fact, gathered.observedAt, options.now)) return gathered;
  const hours = shelfLifeHours(kinds, fact) ?? 0;
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

function subjectFact(set: FactSet, fact: string): Gathered<unknown> {
  return set.facts[fact] ?? notSupplied;
}

/** What is known of one part, or of every part in its place. */
function partFact({ kinds, set }: Engine, fact: string, part: string): Gathered<unknown> {
  const members = set.parts[kinds.partOf[fact] ?? ''];
  return members?.[part]?.[fact] ?? members?.[everyPart]?.[fact] ?? notSupplied;
}

function conclude(
  engine: Engine,
  rule: AnyRule,
  part: string | undefined,
  judgement: Judgement,
  policy: RulePolicy,
): Result {
  const fail = judgement.verdict === 'fail' ? judgement : undefined;
  const finding: Finding = {
    rule: rule.id,
    target: judgement.target ?? part,
    verdict: judgement.verdict,
    severity: fail && (policy.severity ?? fail.severity ?? rule.severity),
    owner: fail?.owner,
    message: judgement.message,
    evidence: (judgement.evidence ?? []).map((observation) => evidenceOf(engine, observation, rule.per, part)),
    remedy: 'remedy' in judgement ? judgement.remedy : undefined,
    ...('dns' in judgement && judgement.dns !== undefined && judgement.dns.length > 0
      ? { dns: [...judgement.dns] }
      : {}),
    ...(isComing(judgement, engine.options.now) ? { comes: judgement.comes } : {}),
    ...(fail?.confirmRuns === undefined ? {} : { confirmRuns: fail.confirmRuns }),
    supportCase: fail?.supportCase,
  };
  return resting(engine, { finding, blocks: ('blocks' in judgement ? judgement.blocks : undefined) ?? rule.blocks });
}

/** Is there something that comes within weeks? What lies further ahead is no news yet. */
function isComing({ comes }: Judgement, now: Date): boolean {
  const hours = hoursUntil(comes?.at, now);
  return hours > 0 && hours <= comingDays * 24;
}

function evidenceOf(
  { kinds, set }: Engine,
  observation: Observation,
  kind: string | undefined,
  part: string | undefined,
): Evidence {
  const { fact, observed } = observation;
  const partKind = kinds.partOf[fact];
  const name = observation.part ?? (partKind === kind ? part : undefined);
  const gathered: Gathered<unknown> | undefined =
    partKind === undefined
      ? subjectFact(set, fact)
      : name === undefined
        ? undefined
        : set.parts[partKind]?.[name]?.[fact];
  return { fact, observed, at: gathered?.observedAt, source: gathered?.source };
}

function unknown(engine: Engine, rule: AnyRule, target: string | undefined, { fact, part, why }: Missing): Result {
  const { kinds, rests } = engine;
  const whose = part === undefined || part === target ? '' : ` of ${part}`;
  const at = why.assumed === true ? { ...engine, rests: new Set([...(rests ?? []), fact]) } : engine;
  return resting(at, {
    finding: {
      rule: rule.id,
      ...(target === undefined ? {} : { target }),
      verdict: 'unknown',
      message: `Could not look: ${factTitle(kinds, fact)}${whose}: ${words[why.reason]} (${why.detail}).`,
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
  });
}

function blocked(engine: Engine, rule: AnyRule, target: string | undefined, by: Predecessor): Result {
  const which = by.target === undefined || by.target === target ? '' : ` (${by.target})`;
  const rests = engine.failed.get(findingKey(by));
  const at = rests === undefined ? engine : { ...engine, rests: rests.union(engine.rests ?? new Set<string>()) };
  return resting(at, {
    finding: {
      rule: rule.id,
      ...(target === undefined ? {} : { target }),
      verdict: 'unknown',
      message: `Not judged: blocked by ${by.rule}${which}, which failed.`,
      evidence: [],
      blockedBy: by.rule,
    },
    blocks: rule.blocks,
  });
}

function broken(engine: Engine, rule: AnyRule, target: string | undefined, error: unknown): Result {
  engine.options.onRuleError?.(rule.id, error);
  return resting(engine, {
    finding: {
      rule: rule.id,
      ...(target === undefined ? {} : { target }),
      verdict: 'unknown',
      message: `Could not judge: ${rule.id} stopped with an error of its own. This is a fault in fieldcheck, not in what it looked at.`,
      evidence: [],
    },
    blocks: rule.blocks,
  });
}

function notApplicable(rule: AnyRule, message: string, target?: string): Judged {
  const finding: Finding = {
    rule: rule.id,
    ...(target === undefined ? {} : { target }),
    verdict: 'not_applicable',
    message,
    evidence: [],
  };
  return { finding, blocks: rule.blocks };
}
