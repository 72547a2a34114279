import pMap from 'p-map';
import type { HealthView } from '../../pages/index.ts';
import { watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import type { ShownHealth } from '../responses.ts';
import { channelsOf } from './organization.ts';
import { namedOf, wordsOf } from './words.ts';

/** Organizations asked about side by side, and runs listed of each watch and of all. */
const organizationsAtOnce = 8;
const runsOfEach = 3;
const runsListed = 50;

/** Whether fieldcheck itself is well: its channels and its latest runs. Never throws for a storage that is away: that is in it. */
export async function healthView(
  { store, evaluations, clock }: Pick<Ports, 'store' | 'evaluations' | 'clock'>,
  health: ShownHealth,
  visible: 'all' | ReadonlySet<string>,
): Promise<HealthView> {
  const known = {
    at: clock().toISOString(),
    evaluations: evaluations.all.map(wordsOf),
    status: health.status,
    storage: health.storage ?? 'ok',
    faults: health.faults ?? [],
    unrouted: health.unrouted ?? [],
  };
  if (known.storage !== 'ok') return { ...known, channels: [], runs: [] };
  const found = await pMap(
    (await store.organizations()).filter(({ id }) => visible === 'all' || visible.has(id)),
    async (document) => {
      const channels = await channelsOf({ store, evaluations }, document);
      const runs = await Promise.all(watchesOf(evaluations, document).map((watch) => store.runs(watch, runsOfEach)));
      return { channels, runs: runs.flat().map((run) => ({ ...run, organization: namedOf(document) })) };
    },
    { concurrency: organizationsAtOnce },
  );
  return {
    ...known,
    channels: found.flatMap(({ channels }) => channels),
    runs: found
      .flatMap(({ runs }) => runs)
      .sort((a, b) => (a.startedAt > b.startedAt ? -1 : 1))
      .slice(0, runsListed),
  };
}
