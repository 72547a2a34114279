import type { Answer } from '../../domain/finding.ts';
import { answerWords } from '../../domain/words.ts';
import { badgeSvg } from '../../reports/index.ts';
import type { WatchSummary } from '../../store/store.ts';
import { missedSlots } from '../health/health.ts';
import type { Ports } from '../ports.ts';
import { Problem } from '../problem.ts';

/** In the order in which a person has to hear of them. */
const worstFirst: readonly Answer[] = ['no', 'undetermined', 'yes'];

/**
 * The worst answer of a watch as a badge, of organizations that show one. Reads the document, the summary and the last run.
 *
 * @throws Problem (404), the same whether there is no such watch or it shows no badge: who asks need not have a key
 */
export async function badge(
  { store, evaluations, clock }: Pick<Ports, 'store' | 'evaluations' | 'clock'>,
  organization: string,
  name: string,
): Promise<string> {
  const evaluation = evaluations.find(name);
  const document = (await store.organization(organization))?.value;
  const settings = document?.evaluations[name];
  if (evaluation === undefined || settings === undefined || document?.badge !== true)
    throw new Problem(404, 'There is no such badge.');
  const watch = { organization, evaluation: name };
  const [summary, [last]] = await Promise.all([store.summary(watch), store.runs(watch, 1)]);
  const isLate = missedSlots(settings.schedule, last?.startedAt, clock()) !== undefined;
  const found = worstIn(summary, evaluation.answerWords ?? answerWords);
  const { answer, words } = isLate
    ? { answer: 'undetermined' as const, words: `not looked at since ${last?.startedAt.slice(0, 10)}` }
    : found.answer === 'yes' && last?.state === 'incomplete'
      ? { answer: 'undetermined' as const, words: 'last run incomplete' }
      : found;
  return badgeSvg(evaluation.title, answer, words);
}

function worstIn(
  summary: WatchSummary | undefined,
  words: Readonly<Record<Answer, string>>,
): { readonly answer: Answer; readonly words: string } {
  if (summary === undefined) return { answer: 'undetermined', words: 'not looked at yet' };
  const { worst, subjects } = summary.counts;
  const answer = worstFirst.find((one) => (worst[one] ?? 0) > 0) ?? 'not_applicable';
  const applicable = subjects - (worst.not_applicable ?? 0);
  if (applicable <= 1) return { answer, words: words[answer] };
  return { answer, words: `${words[answer]}: ${worst[answer] ?? 0} of ${applicable}` };
}
