import { z } from 'zod';
import type { FactKinds, FactName, FactValue, PartFactName, PartKind } from './fact.ts';
import type { DnsChange } from './finding.ts';
import type { Subject } from './subject.ts';

export const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
/** How bad a `fail` is. `medium` and above block a question; `low` and `info` are advice. */
export type Severity = (typeof severities)[number];

export const owners = ['customer-dns', 'microsoft', 'dns-operator', 'on-premises', 'tenant', 'network'] as const;
/** Whose fault a `fail` is: who has to mend it. */
export type Owner = (typeof owners)[number];

export type QuestionId = string;

/** What was seen, in words, and in which fact. The engine adds when and by whom from the fact itself. */
export interface Observation {
  readonly fact: string;
  readonly observed: string;
  /** The part whose fact it is; the judged part when left out. */
  readonly part?: string;
}

interface Statement {
  /** The sentence a person reads. */
  readonly message: string;
  readonly target?: string;
  readonly evidence?: readonly Observation[];
  /** What will be over or change by itself, and when (ISO 8601): people are told ahead. */
  readonly comes?: { readonly at: string; readonly what: string };
}

export interface Pass extends Statement {
  readonly verdict: 'pass';
}

export interface Fail extends Statement {
  readonly verdict: 'fail';
  readonly owner: Owner;
  readonly remedy: string;
  /** What mends it in DNS, in order. */
  readonly dns?: readonly DnsChange[];
  /** When other than the rule's own. */
  readonly severity?: Severity;
  /** In place of the questions that the rule blocks: fewer, or others where a variant is worse. */
  readonly blocks?: readonly QuestionId[];
  /** Looks in a row that have to find it before it is told, when other than the rule's own. */
  readonly confirmRuns?: number;
  /** Text ready to paste into a support case with the owner. */
  readonly supportCase?: string;
}

export interface Manual extends Statement {
  readonly verdict: 'manual';
  /** What a person has to look at, and where. */
  readonly remedy: string;
  /** What mends it in DNS, in order, should it have to be mended. */
  readonly dns?: readonly DnsChange[];
  readonly blocks?: readonly QuestionId[];
}

export interface NotApplicable extends Statement {
  readonly verdict: 'not_applicable';
}

/** What a rule may say. `unknown` is missing on purpose: only the engine says it. */
export type Judgement = Pass | Fail | Manual | NotApplicable;

/** What an organization's document may set for a rule. */
export const rulePolicy = z.strictObject({
  severity: z
    .enum(severities)
    .optional()
    .describe(
      'How bad a fail of this rule is here: medium and above turn an answer into a no, low and info are advice.',
    ),
  confirmRuns: z
    .int()
    .min(1)
    .max(10)
    .optional()
    .describe(
      'Looks in a row that have to find a fail before it is told; the rule’s own number when left out, 1 tells at once.',
    ),
});

/** As it is kept: what an evaluation adds of its own stays as it is. */
export const keptRulePolicy = rulePolicy.loose();
export type RulePolicy = z.infer<typeof keptRulePolicy>;

/** What a rule knows besides its facts. */
export interface RuleContext<
  F extends FactKinds,
  S extends Subject,
  Policy = RulePolicy,
  P extends PartFactName<F> = never,
  Q extends PartFactName<F> = never,
> {
  readonly subject: S;
  readonly now: Date;
  readonly policy: Policy;
  /** The part judged, when the rule is judged per part. */
  readonly part: string;
  /** The named facts of the other parts, by part. */
  readonly peers: Readonly<
    Record<string, { readonly [N in P]: FactValue<F, N> } & { readonly [N in Q]?: FactValue<F, N> | undefined }>
  >;
}

/** How a rule sees a fact: one value, or by part when the fact is per part and the rule is not. */
type Seen<F extends FactKinds, N extends FactName<F>, K> =
  N extends PartFactName<F>
    ? F['partOf'][N] extends K
      ? FactValue<F, N>
      : Readonly<Record<string, FactValue<F, N>>>
    : FactValue<F, N>;

/** The facts a rule may read: those it needs, and those it can do without. */
export type Facts<F extends FactKinds, N extends FactName<F>, O extends FactName<F>, K> = {
  readonly [A in N]: Seen<F, A, K>;
} & { readonly [A in O]?: Seen<F, A, K> | undefined };

/** What a rule knows when it says which parts it judges. */
export interface PartsContext<F extends FactKinds, S extends Subject, Policy, N extends PartFactName<F>>
  extends Pick<RuleContext<F, S, Policy>, 'subject' | 'now' | 'policy'> {
  /** All parts of the rule's kind. */
  readonly all: readonly string[];
  /** A part fact that the rule names, of every part where it is known. */
  byPart<A extends N>(fact: A): Readonly<Record<string, FactValue<F, A>>>;
}

/** A finding that has to be no `fail` before a rule can be judged. */
export interface Predecessor {
  readonly rule: string;
  readonly target?: string;
}

/**
 * One proposition that should be true, judged from facts. Pure. It reads what it names here, fresh, and nothing else: a
 * fact that is missing or older than it keeps makes it `unknown`.
 */
export interface Rule<
  F extends FactKinds,
  S extends Subject,
  Policy,
  N extends FactName<F>,
  O extends FactName<F>,
  K extends PartKind<F> | undefined,
  P extends PartFactName<F>,
  Q extends PartFactName<F>,
> {
  /** `<evaluation>/<rule>`, equal to the path, phrased as the good state. */
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly blocks: readonly QuestionId[];
  /** Looks in a row that have to find a fail before it is told; 1 when left out. A critical one that two saw is told at once. */
  readonly confirmRuns?: number;
  readonly needs: readonly N[];
  /** Facts that the rule can do without when nobody supplied them. Any other reason why they are missing makes it `unknown`. */
  readonly optional?: readonly O[];
  /** Judged once for each part of the subject, on that part's facts, so that one silent part blinds no other. */
  readonly per?: K;
  /** Facts of the other parts that the judged one is compared with: one that is missing makes the rule `unknown`. */
  readonly peers?: readonly P[];
  /** Facts of the other parts that the rule can do without: whatever the reason why one is missing, it is left out. */
  readonly optionalPeers?: readonly Q[];
  /** Why the rule does not apply to this subject, whatever its facts; then it is `not_applicable` with that reason. */
  scope?(at: { readonly subject: S; readonly now: Date }): string | undefined;
  /** Which parts, when not all; or a judgement instead, when there is none to judge. Sees the facts that are not per part. */
  parts?(
    facts: Facts<F, Exclude<N, PartFactName<F>>, Exclude<O, PartFactName<F>>, K>,
    at: PartsContext<F, S, Policy, (N | O) & PartFactName<F>>,
  ): readonly string[] | Judgement;
  /** When one of these failed, the rule is `unknown`, blocked by it. Sees what is known. */
  after?(facts: Partial<Facts<F, N, O, K>>, at: Omit<RuleContext<F, S, Policy>, 'peers'>): readonly Predecessor[];
  /** How parts of another kind are judged, or why the rule does not apply to them. Made by {@link variantFactory}. */
  readonly variant?: Variant;
  judge(facts: Facts<F, N, O, K>, at: RuleContext<F, S, Policy, P, Q>): Judgement | readonly Judgement[];
}

/** What the engine hands to a rule besides its facts; which facts the peers have, the rule has named. */
export interface AnyContext {
  readonly subject: Subject;
  readonly now: Date;
  readonly policy: RulePolicy;
  readonly part: string;
  readonly peers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A rule whose fact names the engine looks up by value. Made by {@link ruleFactory} only. */
export interface AnyRule {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly blocks: readonly QuestionId[];
  readonly confirmRuns: number;
  readonly needs: readonly string[];
  readonly optional: readonly string[];
  readonly per: string | undefined;
  readonly peers: readonly string[];
  readonly optionalPeers: readonly string[];
  readonly scope: ((at: Pick<AnyContext, 'subject' | 'now'>) => string | undefined) | undefined;
  readonly parts:
    | ((
        facts: object,
        at: Pick<AnyContext, 'subject' | 'now' | 'policy'> & {
          readonly all: readonly string[];
          byPart(fact: string): Readonly<Record<string, unknown>>;
        },
      ) => readonly string[] | Judgement)
    | undefined;
  readonly after: ((facts: object, at: Omit<AnyContext, 'peers'>) => readonly Predecessor[]) | undefined;
  /** Parts of another kind, and how they are judged: by a rule of the same id; or why the rule does not apply to them. */
  readonly variant: { readonly is: Variant['is']; readonly judgedBy: AnyRule | Outside } | undefined;
  readonly judge: (facts: object, at: AnyContext) => Judgement | readonly Judgement[];
}

type OnePart = Pick<AnyContext, 'subject' | 'part'>;
type Outside = (at: OnePart) => string;

/**
 * The same proposition about parts of another kind (a node with another system), judged from facts of theirs; or one
 * sentence that says why it does not apply to them.
 */
export interface Variant {
  is(at: OnePart): boolean;
  readonly judgedBy:
    | Pick<AnyRule, 'needs' | 'optional' | 'peers' | 'optionalPeers' | 'after' | 'judge'>
    | { readonly outside: Outside };
}

/**
 * How variants of rules are declared. The compiler refuses one that reads a fact it did not name.
 *
 * @param is which parts are of the other kind
 */
export function variantFactory<F extends FactKinds, S extends Subject, K extends PartKind<F>>(
  is: (at: { readonly subject: S; readonly part: string }) => boolean,
) {
  return {
    judged: <
      const N extends FactName<F> = never,
      const O extends FactName<F> = never,
      const P extends PartFactName<F> = never,
      const Q extends PartFactName<F> = never,
    >({
      needs,
      optional = [],
      peers = [],
      optionalPeers = [],
      after,
      judge,
    }: Pick<
      Rule<F, S, RulePolicy, N, O, K, P, Q>,
      'needs' | 'optional' | 'peers' | 'optionalPeers' | 'after' | 'judge'
    >): Variant => ({
      is: is as Variant['is'],
      judgedBy: {
        needs,
        optional,
        peers,
        optionalPeers,
        after: after as AnyRule['after'],
        judge: judge as AnyRule['judge'],
      },
    }),
    outside: (why: (at: { readonly subject: S; readonly part: string }) => string): Variant => ({
      is: is as Variant['is'],
      judgedBy: { outside: why as Outside },
    }),
  };
}

/** Every fact that a rule names, for parts of whichever kind. */
export function factsNamedBy({ needs, optional, peers, optionalPeers, variant }: AnyRule): string[] {
  const elsewhere = typeof variant?.judgedBy === 'object' ? factsNamedBy(variant.judgedBy) : [];
  return [...needs, ...optional, ...peers, ...optionalPeers, ...elsewhere];
}

/**
 * How the rules about one kind of subject are declared: `F` are the facts about it, `Policy` what a document may set for
 * its rules. The compiler refuses a rule that reads a fact it did not name, or says `unknown`.
 */
export function ruleFactory<F extends FactKinds, S extends Subject, Policy extends RulePolicy = RulePolicy>() {
  return <
    const N extends FactName<F> = never,
    const O extends FactName<F> = never,
    const K extends PartKind<F> | undefined = undefined,
    const P extends PartFactName<F> = never,
    const Q extends PartFactName<F> = never,
  >(
    declared: Rule<F, S, Policy, N, O, K, P, Q>,
  ): AnyRule => {
    // Every rule has the same fields in the same order, whatever was declared: the engine reads them over and over.
    const base: AnyRule = {
      id: declared.id,
      title: declared.title,
      severity: declared.severity,
      blocks: declared.blocks,
      confirmRuns: declared.confirmRuns ?? 1,
      needs: declared.needs,
      optional: declared.optional ?? [],
      per: declared.per,
      peers: declared.peers ?? [],
      optionalPeers: declared.optionalPeers ?? [],
      // From here on facts are looked up by the names the rule gave, so the types hold by construction.
      scope: declared.scope as AnyRule['scope'],
      parts: declared.parts as AnyRule['parts'],
      after: declared.after as AnyRule['after'],
      variant: undefined,
      judge: declared.judge as AnyRule['judge'],
    };
    if (declared.variant === undefined) return base;
    const { is, judgedBy } = declared.variant;
    return {
      ...base,
      variant: { is, judgedBy: 'outside' in judgedBy ? judgedBy.outside : { ...base, ...judgedBy } },
    };
  };
}
