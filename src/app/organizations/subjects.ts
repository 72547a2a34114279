import type { Evaluation } from '../../domain/evaluation.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { RulePolicy } from '../../domain/rule.ts';
import type { Subject } from '../../domain/subject.ts';

/**
 * The subjects that an organization's document puts under watch for an evaluation, in order of their ids, so that slices
 * are contiguous. Empty when the evaluation is not declared.
 *
 * @param discovered the tenant's own domains, where the document names none
 */
export function subjectsOf(
  evaluation: Evaluation,
  document: OrganizationDocument,
  discovered: readonly string[] = [],
): readonly Subject[] {
  const settings = document.evaluations[evaluation.id];
  // What a release has added to the settings is not yet in documents that were kept before: the schema has the defaults.
  return settings === undefined ? [] : evaluation.subjects(document, evaluation.settings.parse(settings), discovered);
}

/** What the document sets for the rules of an evaluation. */
export function policiesOf(document: OrganizationDocument, evaluation: string): Readonly<Record<string, RulePolicy>> {
  return document.evaluations[evaluation]?.rules ?? {};
}
