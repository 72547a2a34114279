import { blocksAnswers } from './answer.ts';
import type { Evaluation } from './evaluation.ts';
import { isStale } from './fact.ts';
import { type FactSet, type Gathered, mergeFactSets, noFacts, type PartFacts } from './fact-set.ts';
import { type Finding, findingKey, type Run } from './finding.ts';
import { askSource, factsNeeded, type GatherOptions, gather, gatherEach, type Others, valueIn } from './gather.ts';
import { type JudgeOptions, judge, judgeWithReasons, restingOn } from './judge.ts';
import type { Sources } from './source.ts';
import type { Subject } from './subject.ts';
import { type AnswerWords, answerWords, enumerate } from './words.ts';

/** What is supposed to be so, though it is not, or nobody looked. */
export interface Assumption {
  /** The facts that are assumed of a subject. */
  factsFor(subject: Subject): FactSet;
  /** What is assumed of the world that sources ask. */
  readonly world?:
    | {
        /** The sources of a world in which it is so. What follows from it they mark as assumed. */
        readonly sources: Sources;
        /** The facts that they are asked for anew, though they were supplied. */
        readonly facts: readonly string[];
      }
    | undefined;
}

/** Facts as they are, and as they would be; the same set where nothing is assumed. */
export interface BothFacts {
  readonly facts: FactSet;
  readonly assuming: FactSet;
}

/**
 * Gathers what is, as {@link gather}, and what would be if what is assumed were so: assumed facts outrank all others, and
 * what follows from them is asked anew. Everything else is the same in both. What is so anyway is not assumed.
 */
export async function gatherAssuming(
  evaluation: Evaluation,
  subject: Subject,
  sources: Sources,
  { factsFor, world }: Assumption,
  options: GatherOptions,
): Promise<BothFacts> {
  const { partOf } = evaluation.facts;
  const needed = factsNeeded(evaluation);
  const now = readings();
  const facts = await gather(evaluation, subject, sources, { ...options, through: now.through });
  const assumed = differing(evaluation, factsFor(subject), facts, options.now);
  const names = namesIn(assumed);
  if (names.size === 0 && world === undefined) return { facts, assuming: facts };

  const isAnew = (fact: string, passed: readonly string[] = []): boolean =>
    world?.facts.includes(fact) === true ||
    [...now.read(fact), ...(sources[fact]?.against ?? [])].some(
      (other) => !passed.includes(other) && (names.has(other) || isAnew(other, [...passed, fact])),
    );
  const then = readings();
  const asking = { ...options, supplied: mergeFactSets(assumed, options.supplied), through: then.through };
  const assume = async (fact: string, others: Others): Promise<unknown> => {
    const kind = partOf[fact];
    const own = valueIn(assumed, fact, kind);
    if (kind === undefined && own !== undefined) return own;
    const before = needed.includes(fact) ? valueIn(facts, fact, kind) : await now.answers.get(fact);
    if (before !== undefined && !isAnew(fact)) return kind === undefined ? before : { ...before, ...(own as object) };
    const from = world?.sources ?? sources;
    const after = await askSource(evaluation, subject, from, fact, asking, others);
    const read = await Promise.all([...then.read(fact)].map(others.gathered));
    const rests = read.some((value) => [value, ...Object.values(value as object)].some(isAssumed));
    if (kind === undefined) return following(after as Gathered<unknown>, before as Gathered<unknown>, rests);
    return { ...partsFollowing(after as ByPart, (before ?? {}) as ByPart, rests), ...(own as object) };
  };
  return { facts, assuming: await gatherEach(evaluation, assume, asking, noFacts) };
}

type ByPart = Readonly<Record<string, Gathered<unknown>>>;

/** Notes what each source asks of the others, and what it was told. */
function readings() {
  const byFact = new Map<string, { readonly facts: Set<string>; readonly works: Set<string> }>();
  /** Work that several sources share, and the fact whose source did it. */
  const owners = new Map<string, string>();
  const answers = new Map<string, Promise<unknown>>();
  function noted(fact: string) {
    const notes = byFact.get(fact) ?? { facts: new Set(), works: new Set() };
    byFact.set(fact, notes);
    return notes;
  }
  /** The facts that a source read, by itself or in work that it shares. */
  function read(fact: string, passed: ReadonlySet<string> = new Set()): ReadonlySet<string> {
    const { facts = new Set<string>(), works = new Set<string>() } = byFact.get(fact) ?? {};
    const others = [...works].flatMap((work) => owners.get(work) ?? []).filter((owner) => !passed.has(owner));
    return others.reduce<ReadonlySet<string>>(
      (all, owner) => (owner === fact ? all : all.union(read(owner, new Set([...passed, fact])))),
      facts,
    );
  }
  return {
    answers,
    read,
    through: (fact: string, { gathered, once }: Others): Pick<Others, 'gathered' | 'once'> => ({
      gathered(name) {
        noted(fact).facts.add(name);
        const answer = gathered(name);
        answers.set(name, answer);
        return answer;
      },
      once(work, start) {
        noted(fact).works.add(work);
        if (!owners.has(work)) owners.set(work, fact);
        return once(work, start);
      },
    }),
  };
}

/** What a source gives anew counts where it follows from what is assumed; else what was there before holds. */
function following(after: Gathered<unknown>, before: Gathered<unknown> | undefined, rests: boolean): Gathered<unknown> {
  return (rests || after.assumed === true) && !isSame(after, before) ? { ...after, assumed: true } : (before ?? after);
}

function partsFollowing(after: ByPart, before: ByPart, rests: boolean): ByPart {
  const kept = rests ? {} : before;
  const anew = Object.entries(after).filter(([, gathered]) => rests || gathered.assumed === true);
  return { ...kept, ...Object.fromEntries(anew.map(([part, one]) => [part, following(one, before[part], rests)])) };
}

function isAssumed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'assumed' in value && value.assumed === true;
}

/** What is assumed and not so anyway, marked. Nobody assumes that something is not known. */
function differing({ facts: kinds }: Evaluation, assumed: FactSet, facts: FactSet, now: Date): FactSet {
  const mark = (ofPart: PartFacts, before: PartFacts = {}): PartFacts =>
    Object.fromEntries(
      Object.entries(ofPart).flatMap(([name, one]) => {
        const other = before[name];
        if (one?.status !== 'known') return [];
        const fresh = other?.status === 'known' && !isStale(kinds, name, other.observedAt, now);
        return fresh && isSame(one, other)
          ? []
          : [[name, { ...one, source: `assumed (${one.source})`, assumed: true } as const]];
      }),
    );
  return {
    facts: mark(assumed.facts, facts.facts),
    parts: Object.fromEntries(
      Object.entries(assumed.parts).map(([kind, members = {}]) => [
        kind,
        Object.fromEntries(
          Object.entries(members).map(([part, ofPart]) => [part, mark(ofPart, facts.parts[kind]?.[part])]),
        ),
      ]),
    ),
  };
}

function namesIn({ facts, parts }: FactSet): ReadonlySet<string> {
  const ofParts = Object.values(parts).flatMap((members = {}) => Object.values(members).flatMap(Object.keys));
  return new Set([...Object.keys(facts), ...ofParts]);
}

/** Do both say the same, whoever says it and when? */
function isSame(a: Gathered<unknown>, b: Gathered<unknown> | undefined): boolean {
  if (a.status === 'known') return b?.status === 'known' && isEqual(a.value, b.value);
  return b?.status === 'unobtainable' && a.reason === b.reason && a.detail === b.detail;
}

function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  // A property that is undefined is as good as none: facts from a file have none.
  const [ofA, ofB] = [a, b].map((one) => Object.entries(one).filter(([, value]) => value !== undefined));
  return (
    Array.isArray(a) === Array.isArray(b) &&
    ofA?.length === ofB?.length &&
    ofA?.every(([key, value]) => isEqual(value, (b as Record<string, unknown>)[key])) === true
  );
}

/**
 * Judges a subject as if what is assumed were so. Pure. Findings that rest on it say so, answers what they are without.
 */
export function judgeAssuming(
  evaluation: Evaluation,
  subject: Subject,
  { facts, assuming }: BothFacts,
  options: JudgeOptions,
): Run {
  const without = judge(evaluation, subject, facts, options);
  if (assuming === facts) return without;
  const { run, deciding } = judgeWithReasons(evaluation, subject, assuming, options);
  // What reads nothing assumed can rest on it all the same: the evaluation may apply now, or another part be judged.
  const before = new Map(without.findings.map((finding) => [findingKey(finding), finding]));
  const rests = (finding: Finding) =>
    finding.assumed === true || before.get(findingKey(finding))?.verdict !== finding.verdict;
  const findings = run.findings.map((finding) => {
    const marked = finding.assumed !== true && rests(finding) ? restingOn(finding, []) : finding;
    return marked.assumed === true ? takenForGranted(marked, before.get(findingKey(finding))) : marked;
  });
  const answers = Object.entries(run.answers).flatMap(([question, answer]) => {
    const real = without.answers[question] ?? 'not_applicable';
    const of = deciding.get(question) ?? [];
    const bars = of.filter(blocksAnswers);
    // A no stands as long as one thing is in the way that is so anyway.
    const assumed = answer === 'no' ? bars.every(rests) : of.some(rests);
    return assumed || real !== answer
      ? [[question, { without: real, sentence: sentenceOf(answer, real, evaluation.answerWords) }] as const]
      : [];
  });
  return { ...run, findings, ...(answers.length === 0 ? {} : { assumed: Object.fromEntries(answers) }) };
}

/** A planned record takes the place of what stands there: that it will be deleted is assumed with it, and said. */
function takenForGranted(finding: Finding, before: Finding | undefined): Finding {
  const toRemove = ({ dns = [] }: Pick<Finding, 'dns'>) => dns.filter(({ action }) => action === 'remove');
  const left = toRemove(finding).map(({ name, type }) => `${type} ${name}`);
  const gone = toRemove(before ?? {}).filter(({ name, type }) => !left.includes(`${type} ${name}`));
  if (gone.length === 0) return finding;
  const what = enumerate(
    gone.map(({ name, type, data }) => `the ${type}${data === undefined ? '' : ` to ${data}`} at ${name}`),
  );
  return { ...finding, message: `${finding.message} Assumed with it: ${what} is deleted first.` };
}

function sentenceOf(
  answer: Run['answers'][string],
  without: Run['answers'][string],
  words: AnswerWords = answerWords,
): string {
  return answer === without
    ? `Is ${words[answer]} with what is assumed and without it.`
    : `Would be ${words[answer]} with what is assumed; is ${words[without]} without.`;
}
