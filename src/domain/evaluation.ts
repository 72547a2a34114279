import type { z } from 'zod';
import type { FactKinds, FactValue, SubjectFactName } from './fact.ts';
import type { Gathered } from './fact-set.ts';
import type { Judged } from './finding.ts';
import type { EvaluationSettings, OrganizationDocument } from './organization.ts';
import type { AnyRule, QuestionId } from './rule.ts';
import type { Subject } from './subject.ts';
import type { AnswerWords } from './words.ts';

export interface Question {
  readonly id: QuestionId;
  /** The question as a person asks it. */
  readonly title: string;
  /** Above a column of answers, in a word or two; the id when left out. */
  readonly short?: string;
  /** What a no means, as the end of a sentence in which `%` is for how many of how many: `receivers cannot verify %`. */
  readonly broken?: string;
}

/** What one and several of something are called. */
export type Counted = readonly [one: string, several: string];

/** A step on the way to a yes: rules by their names, which are mended together. */
export interface MendingStep {
  readonly title: string;
  readonly rules: readonly string[];
}

/** Reads a fact that is not per part, as rules would: what is older than it keeps is not known. */
export type FactReader<F extends FactKinds = FactKinds, R extends SubjectFactName<F> = SubjectFactName<F>> = <
  N extends R,
>(
  fact: N,
) => Gathered<FactValue<F, N>>;

/** Where the domains come from of a document that names none: the tenant's list, and what was supplied about others. */
export type Discovery = 'tenant' | 'supplied-facts';

/** A named list of rules for one kind of subject, and the questions they answer. Pure. */
export interface EvaluationOf<
  F extends FactKinds,
  S extends Subject,
  Settings extends EvaluationSettings,
  R extends SubjectFactName<F> = never,
> {
  /** `[a-z][a-z0-9-]*`: part of keys, addresses and rule ids. */
  readonly id: string;
  readonly title: string;
  /** The kind of subject, its schema, and the facts that are known of one. */
  readonly subjectKind: S['kind'];
  readonly subject: z.ZodType<S>;
  readonly facts: F;
  readonly questions: readonly Question[];
  /** How people say an answer, where that is not simply yes and no. */
  readonly answerWords?: AnswerWords;
  /** In this order they are judged and shown; a rule stands after its predecessors. */
  readonly rules: readonly AnyRule[];
  /**
   * From cause to effect, where many rules depend on each other: what stands earlier, when mended, may mend what stands
   * later. Reports then begin with the fails in that order.
   */
  readonly mending?: readonly MendingStep[];
  /** What an organization's document says of this evaluation, under its id. */
  readonly settings: z.ZodType<Settings>;
  /** What a subject is, for people who ask for one by its id, an example of an id, and what counted ones are called. */
  readonly subjectId: { readonly is: string; readonly example: string; readonly counted?: Counted };
  /** The id of the subject that a person calls `name`, where that has many spellings. */
  normaliseId?(name: string): string;
  /** Where the domains come from that the document does not name; nowhere, when left out. */
  discovery?(settings: Settings): readonly Discovery[];
  /**
   * The subjects that a document puts under watch, in order of their ids, so that slices are contiguous.
   *
   * @param discovered domains, where the document names none
   */
  subjects(document: OrganizationDocument, settings: Settings, discovered: readonly string[]): readonly S[];
  /** Parts that the subject itself declares, by kind, so that a part nobody heard of is `unknown` and not absent. */
  parts?(subject: S): Readonly<Record<string, readonly string[]>>;
  /** Facts that {@link scope} and {@link proof} read, and no others: they are gathered as those that rules name. */
  readonly reads?: readonly R[];
  /** Why nothing here applies to this subject; then every rule is `not_applicable` with that reason. */
  scope?(fact: FactReader<F, R>, at: { readonly subject: S; readonly now: Date }): string | undefined;
  /** The questions asked about this subject; all when left out. */
  asked?(subject: S): readonly QuestionId[];
  /** The order of proof: which findings decide the question. Those that block it, when left out. */
  proof?(
    question: QuestionId,
    blocking: readonly Judged[],
    fact: FactReader<F, R>,
    all: readonly Judged[],
  ): readonly Judged[];
}

/** An evaluation as the engine knows it: facts by the names that its rules give. */
export interface Evaluation
  extends Omit<
    EvaluationOf<FactKinds, Subject, EvaluationSettings>,
    'subject' | 'settings' | 'reads' | 'scope' | 'proof' | 'discovery' | 'subjects' | 'parts' | 'asked'
  > {
  readonly subject: z.ZodType<Subject>;
  readonly settings: z.ZodType<EvaluationSettings>;
  readonly discovery: ((settings: EvaluationSettings) => readonly Discovery[]) | undefined;
  readonly subjects: (
    document: OrganizationDocument,
    settings: EvaluationSettings,
    discovered: readonly string[],
  ) => readonly Subject[];
  readonly parts: ((subject: Subject) => Readonly<Record<string, readonly string[]>>) | undefined;
  readonly asked: ((subject: Subject) => readonly QuestionId[]) | undefined;
  readonly reads: readonly string[];
  readonly scope:
    | ((fact: AnyFactReader, at: { readonly subject: Subject; readonly now: Date }) => string | undefined)
    | undefined;
  readonly proof:
    | ((
        question: QuestionId,
        blocking: readonly Judged[],
        fact: AnyFactReader,
        all: readonly Judged[],
      ) => readonly Judged[])
    | undefined;
}

export type AnyFactReader = (fact: string) => Gathered<unknown>;

/** Declares an evaluation: from here on the engine looks facts up by name, so the types hold by construction. */
export function evaluation<
  F extends FactKinds,
  S extends Subject,
  Settings extends EvaluationSettings,
  const R extends SubjectFactName<F> = never,
>(declared: EvaluationOf<F, S, Settings, R>): Evaluation {
  return {
    ...declared,
    discovery: declared.discovery as Evaluation['discovery'],
    subjects: declared.subjects as unknown as Evaluation['subjects'],
    parts: declared.parts as Evaluation['parts'],
    asked: declared.asked as Evaluation['asked'],
    reads: declared.reads ?? [],
    scope: declared.scope as unknown as Evaluation['scope'],
    proof: declared.proof as unknown as Evaluation['proof'],
  };
}

/** The questions of an evaluation as a person asks them, by id. */
export function questionTitles({ questions }: Pick<Evaluation, 'questions'>): Readonly<Record<string, string>> {
  return Object.fromEntries(questions.map(({ id, title }) => [id, title]));
}
