import pMap from 'p-map';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { receiversIn } from '../../domain/route.ts';
import type { RunRecord } from '../../store/store.ts';
import { expiringKeys } from '../access/keys.ts';
import { watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { addressIn, type DeliveryPorts } from './deliver.ts';
import { digests } from './digest.ts';
import { changesOf, type Part, send } from './notice.ts';

type Watching = Pick<Ports, 'store' | 'evaluations'>;

/** Runs looked at to find the last one that is over. */
const runsLookedAt = 5;

/** Organizations looked at side by side. */
const organizationsAtOnce = 8;

/**
 * Says once a day of every organization that it is being looked after: a line in the log with its last run and what its
 * channels last took, and a card to those channels that ask for one. A card that does not come is what tells a person
 * that a channel is dead: a webhook answers 202 also when its flow then fails. Digests that are due go out first.
 */
export async function heartbeat(ports: DeliveryPorts): Promise<void> {
  for (const says of expiringKeys(await ports.store.keys(), ports.clock())) ports.log.warn('key expires', { says });
  await digests(ports);
  const documents = await ports.store.organizations();
  const ofEach = <T>(ask: (document: OrganizationDocument) => Promise<T>) =>
    pMap(documents, async (document) => ({ document, found: await ask(document) }), {
      concurrency: organizationsAtOnce,
    });
  const lastOnes = await ofEach((document) => lastRuns(ports, document));
  const runsOf = new Map(lastOnes.map(({ document, found }) => [document.id, found]));
  const cards = new Map<string, Beat[]>();
  for (const { document, found: runs } of lastOnes) {
    for (const { evaluation, run } of runs) {
      for (const channel of Object.keys(receiversIn(document, evaluation))) {
        if (document.channels[channel]?.heartbeat !== true) continue;
        const card = `${evaluation} ${addressIn(document, channel)}`;
        cards.set(card, [...(cards.get(card) ?? []), { document, channel, run }]);
      }
    }
  }
  for (const [first, ...others] of cards.values()) if (first !== undefined) await sendCard(ports, [first, ...others]);
  for (const { document, found: deliveries } of await ofEach((one) => lastDeliveries(ports, one))) {
    ports.log.info('heartbeat', {
      organization: document.id,
      lastRun: runsOf
        .get(document.id)
        ?.map(({ run }) => run.startedAt)
        .sort()
        .at(-1),
      channels: Object.fromEntries(deliveries),
    });
  }
}

/** When each channel of a document last took a notice of any evaluation (ISO 8601, UTC); undefined: never. */
export async function lastDeliveries(
  { store, evaluations }: Watching,
  document: OrganizationDocument,
): Promise<ReadonlyMap<string, string | undefined>> {
  const last = new Map<string, string | undefined>(Object.keys(document.channels).map((name) => [name, undefined]));
  const taken = await Promise.all(watchesOf(evaluations, document).map((watch) => store.lastDeliveries(watch)));
  for (const { channel, at } of taken.flat()) {
    const before = last.get(channel);
    if (last.has(channel) && (before === undefined || before < at)) last.set(channel, at);
  }
  return last;
}

async function lastRuns(
  { store, evaluations }: Watching,
  document: OrganizationDocument,
): Promise<readonly { evaluation: string; run: RunRecord }[]> {
  const found = await Promise.all(
    watchesOf(evaluations, document).map(async (watch) => {
      const run = (await store.runs(watch, runsLookedAt)).find(({ state }) => state !== 'running');
      return run === undefined ? [] : [{ evaluation: watch.evaluation, run }];
    }),
  );
  return found.flat();
}

interface Beat {
  readonly document: OrganizationDocument;
  readonly channel: string;
  readonly run: RunRecord;
}

/** One card for an evaluation and an address, however many organizations share it. */
async function sendCard(ports: DeliveryPorts, [first, ...others]: readonly [Beat, ...Beat[]]): Promise<void> {
  const partOf = ({ document, run: { runId } }: Beat): Part => ({ document, notices: [], runId });
  const { evaluation } = first.run;
  const notice = await changesOf(ports, 'heartbeat', evaluation, [partOf(first), ...others.map(partOf)]);
  const { outcome, detail } = await send(ports, first.document, first.channel, notice);
  for (const { document, channel, run } of [first, ...others]) {
    const watch = { organization: document.id, evaluation };
    if (outcome === 'delivered') {
      await ports.store.noteDelivery(watch, { channel, runId: run.runId, at: ports.clock().toISOString() });
      continue;
    }
    // Nothing waits for another try: the next day brings the next one.
    const fields = { ...watch, channel, outcome, detail };
    if (outcome === 'rejected') ports.log.error('heartbeat not delivered', fields);
    else ports.log.warn('heartbeat not delivered', fields);
  }
}
