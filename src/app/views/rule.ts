import { ruleName } from '../../domain/words.ts';
import type { RuleView } from '../../pages/index.ts';
import { evaluationNamed } from '../evaluations/requests.ts';
import type { Ports } from '../ports.ts';
import { notFound } from '../problem.ts';
import { rulePage } from '../rule-page.ts';
import { namedOf, wordsOf } from './words.ts';

/** A rule with its page, and the organizations, of those that the caller may see, where it fails. @throws Problem when there is no such rule */
export async function ruleView(
  { store, evaluations }: Pick<Ports, 'store' | 'evaluations'>,
  visible: 'all' | ReadonlySet<string>,
  name: string,
  rule: string,
): Promise<RuleView> {
  const evaluation = evaluationNamed(evaluations, name);
  const found = evaluation.rules.find(({ id }) => ruleName(id) === rule);
  if (found === undefined) throw notFound(`The rule "${rule}" of ${name}`);
  const [page, documents, summaries] = await Promise.all([
    rulePage(name, rule),
    store.organizations(),
    store.summaries(name),
  ]);
  return {
    evaluation: wordsOf(evaluation),
    rule: { id: found.id, title: found.title, severity: found.severity, blocks: found.blocks },
    page,
    failing: documents.flatMap((document) => {
      if (visible !== 'all' && !visible.has(document.id)) return [];
      const causes = summaries.get(document.id)?.causes?.filter((cause) => cause.rule === found.id) ?? [];
      const subjects = causes.reduce((sum, cause) => sum + cause.subjects, 0);
      return subjects === 0 ? [] : [{ ...namedOf(document), subjects }];
    }),
  };
}
