import type { OrganizationDocument } from '../../domain/organization.ts';
import type { OverviewView, WatchOverview } from '../../pages/index.ts';
import type { WatchSummary } from '../../store/store.ts';
import { missedSlots } from '../health/health.ts';
import { watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { namedOf, wordsOf } from './words.ts';

/** Every organization that the caller may see, with what is kept of its last runs; no subject is read. */
export async function overview(
  { store, evaluations, clock }: Pick<Ports, 'store' | 'evaluations' | 'clock'>,
  visible: 'all' | ReadonlySet<string>,
): Promise<OverviewView> {
  const now = clock();
  const [documents, ...kept] = await Promise.all([
    store.organizations(),
    ...evaluations.ids.map((evaluation) => store.summaries(evaluation)),
  ]);
  const summaries = new Map(evaluations.ids.map((evaluation, index) => [evaluation, kept[index]]));
  return {
    at: now.toISOString(),
    evaluations: evaluations.all.map(wordsOf),
    organizations: documents
      .filter(({ id }) => visible === 'all' || visible.has(id))
      .map((document) => ({
        ...namedOf(document),
        watches: watchesOf(evaluations, document).map(({ evaluation }) =>
          watchOverview(document, evaluation, summaries.get(evaluation)?.get(document.id), now),
        ),
      })),
  };
}

/** A watch with what is kept of it, and whether it should have been looked at since. */
export function watchOverview(
  { evaluations }: OrganizationDocument,
  evaluation: string,
  summary: WatchSummary | undefined,
  now: Date,
): WatchOverview {
  return { evaluation, summary, late: missedSlots(evaluations[evaluation]?.schedule, summary?.at, now) };
}
