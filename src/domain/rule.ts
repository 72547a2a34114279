import type { FactMap, FactName, PartFactName, PartKind, PartOf } from '../facts/index.ts';
import type { FactSet, PartFacts } from './fact-set.ts';
import type { Judged } from './finding.ts';
import type { Subject, SubjectKind } from './subject.ts';

export const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
/** How bad a `fail` is. `medium` and above block a question; `low` and `info` are advice. */
export type Severity = (typeof severities)[number];

export const owners = ['customer-dns', 'microsoft', 'dns-operator', 'on-premises', 'tenant', 'network'] as const;
/** Whose fault a `fail` is: who has to mend it. */
export type Owner = (typeof owners)[number];

export type QuestionId = string;

/** What was seen, in words, and in which fact. The engine adds when and by whom from the fact itself. */
export interface Observation {
  readonly fact: FactName;
  readonly observed: string;
  /** The part whose fact it is; the judged part when left out. */
  readonly part?: string;
}

interface Statement {
  /** The sentence a person reads. */
  readonly message: string;
  readonly target?: string;
  readonly evidence?: readonly Observation[];
}

export interface Pass extends Statement {
  readonly verdict: 'pass';
}

export interface Fail extends Statement {
  readonly verdict: 'fail';
  readonly owner: Owner;
  readonly remedy: string;
  /** When other than the rule's own. */
  readonly severity?: Severity;
  /** Narrows the questions that the rule blocks. */
  readonly blocks?: readonly QuestionId[];
  /** Text ready to paste into a support case with the owner. */
  readonly supportCase?: string;
}

export interface Manual extends Statement {
  readonly verdict: 'manual';
  /** What a person has to look at, and where. */
  readonly remedy: string;
  readonly blocks?: readonly QuestionId[];
}

export interface NotApplicable extends Statement {
  readonly verdict: 'not_applicable';
}

/** What a rule may say. `unknown` is missing on purpose: only the engine says it. */
export type Judgement = Pass | Fail | Manual | NotApplicable;

/** What an organization's document may set for a rule. */
export interface RulePolicy {
  readonly severity?: Severity | undefined;
  /** `dkim/rotation-on-schedule`: the age in days above which a key should be rotated. */
  readonly maxAgeDays?: number | undefined;
}

export interface At {
  readonly subject: Subject;
  readonly now: Date;
  readonly policy: RulePolicy;
  /** The part judged, when the rule is judged per part. */
  readonly part: string;
  /** The facts of every part of the rule's kind, for rules that compare a part with its peers. */
  readonly parts: Readonly<Record<string, PartFacts>>;
}

/** How a rule sees a fact: one value, or by part when the fact is per part and the rule is not. */
type Seen<N extends FactName, K> = N extends PartFactName
  ? PartOf[N] extends K
    ? FactMap[N]
    : Readonly<Record<string, FactMap[N]>>
  : FactMap[N];

export type Facts<N extends FactName, O extends FactName, K> = { readonly [F in N]: Seen<F, K> } & {
  readonly [F in O]?: Seen<F, K> | undefined;
};

/** A finding that has to be no `fail` before a rule can be judged. */
export interface Predecessor {
  readonly rule: string;
  readonly target?: string;
}

/** One proposition that should be true, judged from facts. Pure. */
export interface Rule<N extends FactName, O extends FactName = never, K extends PartKind | undefined = undefined> {
  /** `<evaluation>/<rule>`, equal to the path, phrased as the good state. */
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly blocks: readonly QuestionId[];
  readonly needs: readonly N[];
  /** Facts that the rule can do without when nobody supplied them. Any other reason why they are missing makes it `unknown`. */
  readonly optional?: readonly O[];
  /** Judged once for each part of the subject, on that part's facts, so that one silent part blinds no other. */
  readonly per?: K;
  /** Why the rule does not apply to this subject, whatever its facts; then it is `not_applicable` with that reason. */
  scope?(at: Pick<At, 'subject' | 'now'>): string | undefined;
  /** Which parts, when not all; or a judgement instead, when there is none to judge. Sees the facts that are not per part. */
  parts?(
    facts: Facts<Exclude<N, PartFactName>, Exclude<O, PartFactName>, K>,
    at: Omit<At, 'part'>,
  ): readonly string[] | Judgement;
  /** When one of these failed, the rule is `unknown`, blocked by it. Sees what is known. */
  after?(facts: Partial<Facts<N, O, K>>, at: At): readonly Predecessor[];
  judge(facts: Facts<N, O, K>, at: At): Judgement | readonly Judgement[];
}

/** A rule whose fact names the engine looks up by value. Made by {@link rule} only. */
export interface AnyRule {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly blocks: readonly QuestionId[];
  readonly needs: readonly FactName[];
  readonly optional: readonly FactName[];
  readonly per: PartKind | undefined;
  readonly scope: ((at: Pick<At, 'subject' | 'now'>) => string | undefined) | undefined;
  readonly parts: ((facts: object, at: Omit<At, 'part'>) => readonly string[] | Judgement) | undefined;
  readonly after: ((facts: object, at: At) => readonly Predecessor[]) | undefined;
  readonly judge: (facts: object, at: At) => Judgement | readonly Judgement[];
}

/** Declares a rule: the compiler refuses one that reads a fact it did not name. */
export function rule<
  const N extends FactName = never,
  const O extends FactName = never,
  const K extends PartKind | undefined = undefined,
>(declared: Rule<N, O, K>): AnyRule {
  return {
    ...declared,
    optional: declared.optional ?? [],
    per: declared.per,
    scope: declared.scope,
    // From here on facts are looked up by the names the rule gave, so the types hold by construction.
    parts: declared.parts as AnyRule['parts'],
    after: declared.after as AnyRule['after'],
    judge: declared.judge as AnyRule['judge'],
  };
}

export interface Question {
  readonly id: QuestionId;
  /** The question as a person asks it. */
  readonly title: string;
}

/** A named list of rules for one kind of subject, and the questions they answer. */
export interface Evaluation {
  readonly id: EvaluationId;
  readonly title: string;
  readonly subjectKind: SubjectKind;
  readonly questions: readonly Question[];
  /** In this order they are judged and shown; a rule stands after its predecessors. */
  readonly rules: readonly AnyRule[];
  /** Parts that the subject itself declares, so that a part nobody heard of is `unknown` and not absent. */
  parts?(subject: Subject, facts: FactSet): { readonly [K in PartKind]?: readonly string[] };
  /** Why nothing here applies to this subject; then every rule is `not_applicable` with that reason. */
  scope?(facts: FactSet, at: { subject: Subject; now: Date }): string | undefined;
  /** The questions asked about this subject; all when left out. */
  asked?(subject: Subject): readonly QuestionId[];
  /** The order of proof: which findings decide the question. Those that block it, when left out. */
  proof?(question: QuestionId, blocking: readonly Judged[], facts: FactSet, all: readonly Judged[]): readonly Judged[];
}

export const evaluationIds = ['dkim', 'teams-exchange-interop', 'smtp-source-ip'] as const;
export type EvaluationId = (typeof evaluationIds)[number];
