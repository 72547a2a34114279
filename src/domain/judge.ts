import { answerOf, blocksAnswers } from './answer.ts';
import type { AnyFactReader, Evaluation } from './evaluation.ts';
import { type FactKinds, factTitle, isStale } from './fact.ts';
import { everyPart, type FactSet, type Gathered, type NotKnown, type UnobtainableReason } from './fact-set.ts';
import { type Evidence, type Finding, findingKey, type Judged, type Run } from './finding.ts';
import type { AnyContext, AnyRule, Fail, Judgement, Observation, Predecessor, QuestionId, RulePolicy } from './rule.ts';
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
  const { now } = options;
  const engine: Engine = {
    evaluation,
    kinds: evaluation.facts,
    subject,
    set,
    options,
    failed: new Map(),
    parts: new Map(),
    seen: new Map(),
    seenOfParts: new Map(),
  };
  let scopeRests: Rests;
  const fact: AnyFactReader = (name) => {
    const gathered = aged(engine, name, gatheredOf(engine, name, undefined));
    if (gathered.assumed === true) scopeRests = joined(scopeRests, name);
    return gathered;
  };
  const judged: Judged[] = [];
  const reason = evaluation.scope?.(fact, { subject, now });
  if (reason === undefined) scopeRests = undefined;
  for (const rule of evaluation.rules) {
    const outside = reason ?? rule.scope?.({ subject, now });
    const results =
      outside === undefined
        ? judgeRule(engine, rule, scopeRests)
        : [say(engine, rule, undefined, 'not_applicable', outside, scopeRests)];
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

function joined(rests: Rests, fact: string): Rests {
  return rests?.has(fact) === true ? rests : new Set([...(rests ?? []), fact]);
}

/** What stays the same while one subject is judged; the collections grow. */
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
  /** What was seen by fact, of part facts for all parts; and of each part. */
  readonly seen: Map<string, Seen>;
  readonly seenOfParts: Map<string, Map<string, Seen>>;
}

/** A fact as all rules see it, looked up and aged once. */
interface Seen {
  /** Undefined where it is not known; of a part fact seen for all parts, what is known by part. */
  readonly value: unknown;
  /** Why it is not known, of all parts where it is not. */
  readonly missing: readonly Missing[];
  readonly assumed: boolean;
}

interface Missing {
  readonly fact: string;
  readonly part: string | undefined;
  readonly why: NotKnown;
}

interface Result extends Judged {
  readonly rests: Rests;
}

/** A result that says what it rests on, where that is assumed. */
function resultOf({ kinds }: Engine, finding: Finding, blocks: readonly QuestionId[], rests: Rests): Result {
  if (rests === undefined) return { finding, blocks, rests };
  const names = [...rests].map((fact) => factTitle(kinds, fact));
  return { finding: restingOn(finding, names), blocks, rests };
}

/** A finding that says in words that it rests on something assumed, and on what. */
export function restingOn(finding: Finding, assumed: readonly string[]): Finding {
  const what = assumed.length === 0 ? '' : `: ${enumerate(assumed)}`;
  return { ...finding, message: `${finding.message} (Rests on what is assumed${what}.)`, assumed: true };
}

function judgeRule(engine: Engine, rule: AnyRule, scopeRests: Rests): readonly Result[] {
  const { subject, options } = engine;
  const { now } = options;
  const policy = options.policies?.[rule.id] ?? noPolicy;
  const kind = rule.per;
  if (kind === undefined) return judgeOne(engine, rule, undefined, policy, scopeRests);

  // Which parts to judge may itself depend on facts; when those are missing there is one untargeted `unknown`.
  const { facts, missing, rests: ofFacts } = readBy(engine, rule, undefined, scopeRests);
  let rests = ofFacts;
  if (missing !== undefined) return [unknown(engine, rule, undefined, missing, rests)];
  let names: readonly string[] | Judgement;
  try {
    const blocker = failedPredecessor(engine, rule, facts, { subject, now, policy, part: '' });
    if (blocker !== undefined) return [blocked(engine, rule, undefined, blocker, rests)];
    const byPart = (fact: string) => {
      const { value, assumed } = seenOfAll(engine, fact);
      if (assumed) rests = joined(rests, fact);
      const { [everyPart]: _, ...known } = value as Readonly<Record<string, unknown>>;
      return known;
    };
    const all = allParts(engine, kind);
    names = rule.parts?.(facts, { subject, now, policy, all, byPart }) ?? all;
  } catch (error) {
    return [broken(engine, rule, undefined, error, rests)];
  }
  if (!Array.isArray(names)) return [conclude(engine, rule, undefined, names as Judgement, policy, rests)];
  if (names.length === 0) return [judgeNone(engine, rule, kind, rests)];
  const judgePart = (part: string) => judgeOne(engine, rule, part, policy, rests);
  return names.length === 1 ? judgePart(names[0] as string) : names.flatMap(judgePart);
}

/** There is no part to judge; or nobody could look which there are. */
function judgeNone(engine: Engine, rule: AnyRule, kind: string, rests: Rests): Result {
  const everywhere = engine.set.parts[kind]?.[everyPart];
  const fact = rule.needs.find((one) => everywhere?.[one]?.status === 'unobtainable');
  if (fact === undefined)
    return say(engine, rule, undefined, 'not_applicable', `There is no ${kind} to look at.`, rests);
  return unknown(engine, rule, undefined, { fact, part: undefined, why: everywhere?.[fact] as NotKnown }, rests);
}

function judgeOne(
  engine: Engine,
  declared: AnyRule,
  part: string | undefined,
  policy: RulePolicy,
  before: Rests,
): readonly Result[] {
  const { subject, options } = engine;
  const { variant } = declared;
  const isOther = part !== undefined && variant?.is({ subject, part }) === true;
  const rule = isOther ? variant.judgedBy : declared;
  if (typeof rule === 'function')
    return [say(engine, declared, part, 'not_applicable', rule({ subject, part: part ?? '' }), before)];
  const { facts, missing: own, rests: ofFacts } = readBy(engine, rule, part, before);
  let missing = own;
  let rests = ofFacts;
  try {
    const peers = part === undefined || !looksAtPeers(rule) ? noPeers : peersOf(engine, rule, part, variant);
    const at: AnyContext = { subject, now: options.now, policy, part: part ?? '', peers };
    const blocker = failedPredecessor(engine, rule, facts, at);
    if (blocker !== undefined) return [blocked(engine, rule, part, blocker, before)];
    if (missing !== undefined) return [unknown(engine, rule, part, missing, before)];
    for (const peer in peers) {
      for (const fact of rule.peers) {
        const seen = seenOfPart(engine, fact, peer);
        missing ??= seen.missing[0];
        if (seen.assumed) rests = joined(rests, fact);
      }
      for (const fact of rule.optionalPeers) if (seenOfPart(engine, fact, peer).assumed) rests = joined(rests, fact);
    }
    if (missing !== undefined) return [unknown(engine, rule, part, missing, rests)];
    const judged = rule.judge(facts, at);
    if (!Array.isArray(judged)) return [conclude(engine, rule, part, judged as Judgement, policy, rests)];
    return (judged as readonly Judgement[]).map((one) => conclude(engine, rule, part, one, policy, rests));
  } catch (error) {
    return [broken(engine, declared, part, error, rests)];
  }
}

const noPolicy: RulePolicy = {};
const noPeers: AnyContext['peers'] = {};

function looksAtPeers({ peers, optionalPeers }: AnyRule): boolean {
  return peers.length + optionalPeers.length > 0;
}

/** The named facts of the other parts, as far as they are known. What is compared has to be alike: parts of the other kind have no such facts. */
function peersOf(
  engine: Engine,
  { per = '', peers, optionalPeers }: AnyRule,
  part: string,
  variant: AnyRule['variant'],
): AnyContext['peers'] {
  const { subject } = engine;
  const isOther = variant?.is({ subject, part });
  const others: Record<string, Record<string, unknown>> = {};
  for (const peer of allParts(engine, per)) {
    if (peer === part || (peers.length > 0 && variant?.is({ subject, part: peer }) !== isOther)) continue;
    const known: Record<string, unknown> = {};
    for (const names of [peers, optionalPeers]) {
      for (const fact of names) {
        const { value } = seenOfPart(engine, fact, peer);
        if (value !== undefined) known[fact] = value;
      }
    }
    others[peer] = known;
  }
  return others;
}

/** What a rule reads that looks at `part`. */
interface Read {
  /** The facts that it names, undefined where they are not known. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The first one that it needs and that is not there; what it can do without counts when it was supplied or asked for in vain. */
  readonly missing: Missing | undefined;
  readonly rests: Rests;
}

function readBy(engine: Engine, rule: AnyRule, part: string | undefined, before: Rests): Read {
  const facts: Record<string, unknown> = {};
  let missing: Missing | undefined;
  let rests = before;
  for (const fact of rule.needs) {
    const seen = seenBy(engine, rule, fact, part);
    facts[fact] = seen?.value;
    missing ??= seen?.missing[0];
    if (seen?.assumed === true) rests = joined(rests, fact);
  }
  for (const fact of rule.optional) {
    const seen = seenBy(engine, rule, fact, part);
    facts[fact] = seen?.value;
    missing ??= seen?.missing.find(({ why }) => why.reason !== 'not_supplied');
    if (seen?.assumed === true) rests = joined(rests, fact);
  }
  return { facts, missing, rests };
}

function failedPredecessor(
  { failed }: Engine,
  rule: AnyRule,
  facts: object,
  at: Omit<AnyContext, 'peers'>,
): Predecessor | undefined {
  // Nearly everywhere nothing has failed: then nobody needs to say what would be in the way.
  return failed.size === 0 ? undefined : rule.after?.(facts, at).find((one) => failed.has(findingKey(one)));
}

/** A fact as a rule sees it that looks at `part`; undefined for what is known of each part while it looks at none. */
function seenBy(engine: Engine, { per }: AnyRule, fact: string, part: string | undefined): Seen | undefined {
  if (per === undefined || engine.kinds.partOf[fact] !== per) return seenOfAll(engine, fact);
  return part === undefined ? undefined : seenOfPart(engine, fact, part);
}

function seenOfAll(engine: Engine, fact: string): Seen {
  return engine.seen.get(fact) ?? remember(engine.seen, fact, look(engine, fact));
}

function seenOfPart(engine: Engine, fact: string, part: string): Seen {
  const { seenOfParts } = engine;
  const ofPart = seenOfParts.get(part) ?? remember(seenOfParts, part, new Map<string, Seen>());
  return ofPart.get(fact) ?? remember(ofPart, fact, lookAt(engine, fact, part));
}

function allParts({ evaluation, subject, set, parts }: Engine, kind: string): readonly string[] {
  const known = parts.get(kind);
  if (known !== undefined) return known;
  const declared = evaluation.parts?.(subject)[kind] ?? [];
  const found = Object.keys(set.parts[kind] ?? {}).filter((part) => part !== everyPart);
  return remember(parts, kind, declared.length === 0 ? found : [...new Set([...declared, ...found])]);
}

function remember<K, V>(all: Map<K, V>, key: K, value: V): V {
  all.set(key, value);
  return value;
}

function look(engine: Engine, fact: string): Seen {
  const kind = engine.kinds.partOf[fact];
  if (kind === undefined) return lookAt(engine, fact, undefined);
  const byPart: Record<string, unknown> = {};
  const all = Object.keys(engine.set.parts[kind] ?? {}).map((part) => {
    const seen = seenOfPart(engine, fact, part);
    if (seen.value !== undefined) byPart[part] = seen.value;
    return seen;
  });
  return { value: byPart, missing: all.flatMap(({ missing }) => missing), assumed: all.some(({ assumed }) => assumed) };
}

const nothing: readonly Missing[] = [];

function lookAt(engine: Engine, fact: string, part: string | undefined): Seen {
  const gathered = aged(engine, fact, gatheredOf(engine, fact, part));
  const assumed = gathered.assumed === true;
  if (gathered.status === 'known') return { value: gathered.value, missing: nothing, assumed };
  return { value: undefined, missing: [{ fact, part, why: gathered }], assumed };
}

/** A fact as it counts now: past its shelf life it is as good as none. What is assumed does not age. */
function aged({ kinds, options }: Engine, fact: string, gathered: Gathered<unknown>): Gathered<unknown> {
  if (gathered.status !== 'known' || gathered.assumed === true) return gathered;
  if (!isStale(kinds, fact, gathered.observedAt, options.now)) return gathered;
  const hours = kinds.goodForHours.get(fact) ?? 0;
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

/** What is known of the subject; or of one of its parts, or of every part in its place. */
function gatheredOf({ kinds, set }: Engine, fact: string, part: string | undefined): Gathered<unknown> {
  const members = set.parts[kinds.partOf[fact] ?? ''];
  const gathered = part === undefined ? set.facts[fact] : (members?.[part]?.[fact] ?? members?.[everyPart]?.[fact]);
  return gathered ?? notSupplied;
}

function conclude(
  engine: Engine,
  rule: AnyRule,
  part: string | undefined,
  judgement: Judgement,
  policy: RulePolicy,
  rests: Rests,
): Result {
  const { remedy, dns, blocks = rule.blocks }: Partial<Omit<Fail, 'verdict'>> = judgement;
  const fail = judgement.verdict === 'fail' ? judgement : undefined;
  const finding: Finding = {
    rule: rule.id,
    target: judgement.target ?? part,
    verdict: judgement.verdict,
    severity: fail && (policy.severity ?? fail.severity ?? rule.severity),
    owner: fail?.owner,
    message: judgement.message,
    evidence: judgement.evidence?.map((one) => evidenceOf(engine, one, rule.per, part)) ?? [],
    remedy,
    supportCase: fail?.supportCase,
  };
  if (dns !== undefined && dns.length > 0) finding.dns = [...dns];
  if (isComing(judgement, engine.options.now)) finding.comes = judgement.comes;
  if (fail?.confirmRuns !== undefined) finding.confirmRuns = fail.confirmRuns;
  return resultOf(engine, finding, blocks, rests);
}

/** Is there something that comes within weeks? What lies further ahead is no news yet. */
function isComing({ comes }: Judgement, now: Date): boolean {
  const hours = hoursUntil(comes?.at, now);
  return hours > 0 && hours <= comingDays * 24;
}

function evidenceOf(
  engine: Engine,
  observation: Observation,
  kind: string | undefined,
  part: string | undefined,
): Evidence {
  const { kinds, set } = engine;
  const { fact, observed } = observation;
  const partKind = kinds.partOf[fact];
  const name = observation.part ?? (partKind === kind ? part : undefined);
  const gathered: Gathered<unknown> | undefined =
    partKind === undefined
      ? gatheredOf(engine, fact, undefined)
      : name === undefined
        ? undefined
        : set.parts[partKind]?.[name]?.[fact];
  return { fact, observed, at: gathered?.observedAt, source: gathered?.source };
}

function unknown(
  engine: Engine,
  rule: AnyRule,
  target: string | undefined,
  { fact, part, why }: Missing,
  rests: Rests,
): Result {
  const { reason, detail, observedAt: at, source, assumed } = why;
  const whose = part === undefined || part === target ? '' : ` of ${part}`;
  const message = `Could not look: ${factTitle(engine.kinds, fact)}${whose}: ${words[reason]} (${detail}).`;
  const evidence = [{ fact, observed: `unobtainable, ${reason}: ${detail}`, at, source }];
  return say(engine, rule, target, 'unknown', message, assumed === true ? joined(rests, fact) : rests, {
    evidence,
    reason,
  });
}

function blocked(engine: Engine, rule: AnyRule, target: string | undefined, by: Predecessor, before: Rests): Result {
  const which = by.target === undefined || by.target === target ? '' : ` (${by.target})`;
  const rests = engine.failed.get(findingKey(by))?.union(before ?? new Set<string>()) ?? before;
  const message = `Not judged: blocked by ${by.rule}${which}, which failed.`;
  return say(engine, rule, target, 'unknown', message, rests, { blockedBy: by.rule });
}

function broken(engine: Engine, rule: AnyRule, target: string | undefined, error: unknown, rests: Rests): Result {
  engine.options.onRuleError?.(rule.id, error);
  const message = `Could not judge: ${rule.id} stopped with an error of its own. This is a fault in fieldcheck, not in what it looked at.`;
  return say(engine, rule, target, 'unknown', message, rests);
}

/** A finding that no rule came to. */
function say(
  engine: Engine,
  { id, blocks }: AnyRule,
  target: string | undefined,
  verdict: 'unknown' | 'not_applicable',
  message: string,
  rests: Rests,
  more: Partial<Finding> = {},
): Result {
  return resultOf(engine, { rule: id, target, verdict, message, evidence: [], ...more }, blocks, rests);
}
