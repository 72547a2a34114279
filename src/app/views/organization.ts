import type { OrganizationDocument } from '../../domain/organization.ts';
import { nextSlot } from '../../domain/schedule.ts';
import { holds, isToCome } from '../../domain/statement.ts';
import { compareText } from '../../domain/words.ts';
import type { ChannelView, OrganizationView } from '../../pages/index.ts';
import { lastDeliveries } from '../notices/heartbeat.ts';
import { storedOrganization, watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { watchOverview } from './overview.ts';
import { namedOf, wordsOf } from './words.ts';

/** Notices looked at of each watch. */
const noticesLookedAt = 100;
/** Replaced documents that are listed. */
const documentsListed = 20;

/** One organization with what is kept of its last runs. @throws Problem when there is no such organization */
export async function organizationView(
  ports: Pick<Ports, 'store' | 'evaluations' | 'clock'>,
  id: string,
): Promise<OrganizationView> {
  const { store, evaluations, clock } = ports;
  const now = clock();
  const { value: document } = await storedOrganization(ports, id);
  const watches = watchesOf(evaluations, document);
  const [channels, statements, replaced, summaries, facts] = await Promise.all([
    channelsOf(ports, document),
    store.statements(id),
    store.organizationHistory(id, documentsListed),
    Promise.all(watches.map((watch) => store.summary(watch))),
    Promise.all(watches.map((watch) => store.facts(watch))),
  ]);
  return {
    ...namedOf(document),
    at: now.toISOString(),
    tenant: document.tenant?.id,
    evaluations: evaluations.all.map(wordsOf),
    watches: watches.map(({ evaluation }, index) => {
      const schedule = document.evaluations[evaluation]?.schedule ?? '';
      return {
        ...watchOverview(document, evaluation, summaries[index], now),
        schedule,
        next: nextSlot(schedule, now)?.toISOString(),
      };
    }),
    channels,
    statements: statements.filter((one) => holds(one, now) || isToCome(one, now)),
    facts: facts
      .flatMap((of) => [...Map.groupBy(of, ({ evaluation, name }) => `${evaluation} ${name}`).values()])
      .flatMap((of) => {
        const [first] = of.toSorted((a, b) => compareText(a.expiresAt, b.expiresAt));
        if (first === undefined) return [];
        const { evaluation, name, observedAt, expiresAt } = first;
        return [{ evaluation, name, subjects: of.length, observedAt, expiresAt }];
      })
      .sort((a, b) => compareText(a.expiresAt, b.expiresAt)),
    replaced: replaced.items.map(({ replacedAt }) => replacedAt),
  };
}

/** The channels of a document: what each took last, and what waits for it. */
export async function channelsOf(
  ports: Pick<Ports, 'store' | 'evaluations'>,
  document: OrganizationDocument,
): Promise<readonly ChannelView[]> {
  const watches = watchesOf(ports.evaluations, document);
  const [delivered, waiting, rejected] = await Promise.all([
    lastDeliveries(ports, document),
    Promise.all(watches.map((watch) => ports.store.pending(watch, noticesLookedAt))),
    Promise.all(watches.map((watch) => ports.store.rejected(watch, noticesLookedAt))),
  ]);
  return Object.entries(document.channels).map(([channel, { kind, heartbeat = false }]) => {
    const times = waiting
      .flat()
      .flatMap(({ notice }) => (notice.channel === channel ? [notice.at] : []))
      .sort(compareText);
    return {
      organization: namedOf(document),
      channel,
      kind,
      heartbeat,
      deliveredAt: delivered.get(channel),
      waiting: times.length,
      oldestWaiting: times[0],
      rejected: rejected.flat().filter(({ notice }) => notice.channel === channel).length,
    };
  });
}
