import type { OrganizationDocument } from '../../domain/organization.ts';
import { answerWords } from '../../domain/words.ts';
import type { Registration } from '../../evaluations/registration.ts';
import type { EvaluationWords, Named } from '../../pages/index.ts';

/** An evaluation as pages speak of it. */
export function wordsOf(evaluation: Registration): EvaluationWords {
  const { id, title, questions, mending, rules, look, subjectId } = evaluation;
  return {
    id,
    title,
    questions,
    answerWords: evaluation.answerWords ?? answerWords,
    counted: subjectId.counted ?? ['subject', 'subjects'],
    mending,
    rules: rules.map((rule) => ({ id: rule.id, title: rule.title, blocks: rule.blocks })),
    explains: look !== undefined,
  };
}

/** The id stands for a name that is missing. */
export function namedOf({ id, name }: Pick<OrganizationDocument, 'id' | 'name'>): Named {
  return { id, name: name ?? id };
}
