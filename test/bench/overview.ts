// The overview of many organizations: three evaluations each, on Azurite, answered as the door answers it. Subjects are
// counted in what is kept of the last runs; the overview reads no subject, which the requests show.
import { parseArgs } from 'node:util';
import { createApp } from '../../src/app/index.ts';
import { silentLog } from '../../src/app/log.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { startAzurite } from '../../src/local/azurite.ts';
import { overviewPage } from '../../src/pages/index.ts';
import { createWorld } from '../../src/sources/world.ts';
import type { Store, WatchSummary } from '../../src/store/store.ts';
import { createTableStore, type StorageRequest } from '../../src/store/table-store.ts';
import { figure, median, printGoal, printTable } from './report.ts';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      organizations: { type: 'string', default: '1000' },
      subjects: { type: 'string', default: '100000' },
      runs: { type: 'string', default: '9' },
    },
  });
  const [organizations, subjects, runs] = [values.organizations, values.subjects, values.runs].map(Number) as [
    number,
    number,
    number,
  ];
  const azurite = await startAzurite();
  const requests: Partial<Record<StorageRequest, number>> = {};
  const store = createTableStore({
    connectionString: azurite.connectionString,
    onRequest: (kind) => {
      requests[kind] = (requests[kind] ?? 0) + 1;
    },
  });
  const app = createApp({
    store,
    queue: { open: async () => {}, sendSlices: async () => {}, sendDue: async () => {}, sendDelivery: async () => {} },
    evaluations,
    world: createWorld({ resolvers: ['127.0.0.1:9'] }),
    log: silentLog,
    clock: () => new Date(),
    notifierFor: () => {
      throw new Error('Nobody is told.');
    },
    publicUrl: undefined,
    localChannels: true,
  });
  try {
    await app.organizations(); // opens the storage
    await seed(store, organizations, subjects);
    const site = { root: '/api', now: new Date(), who: 'the bench', code: undefined };
    const answered: { read: number; rendered: number; bytes: number; requests: number }[] = [];
    for (let index = 0; index < runs; index += 1) {
      const before = sum(requests);
      const startedAt = performance.now();
      const view = await app.overview();
      const readAt = performance.now();
      const page = overviewPage(site, view);
      const rendered = performance.now() - readAt;
      answered.push({
        read: readAt - startedAt,
        rendered,
        bytes: Buffer.byteLength(page),
        requests: sum(requests) - before,
      });
    }
    const of = (pick: (one: (typeof answered)[number]) => number) => median(answered.map(pick));
    const total = of(({ read, rendered }) => read + rendered);
    printTable([
      {
        organizations: figure(organizations),
        subjects: figure(subjects),
        'ms in all': figure(total),
        'of these reading': figure(of(({ read }) => read)),
        rendering: figure(of(({ rendered }) => rendered)),
        'storage requests': figure(of((one) => one.requests)),
        'page KB': figure(of(({ bytes }) => bytes) / 1024),
      },
    ]);
    printGoal(`the overview of ${figure(organizations)} organizations, ms (median of ${runs})`, total, '≤', 500);
  } finally {
    await app.stop();
    await azurite.stop();
  }
}

function sum(counts: Readonly<Partial<Record<StorageRequest, number>>>): number {
  return Object.values(counts).reduce((all, one) => all + one, 0);
}

/** Documents, and what their last runs came to: every seventh has something to mend. */
async function seed(store: Store, organizations: number, subjects: number): Promise<void> {
  const domains = Math.floor(subjects / organizations);
  const at = new Date().toISOString();
  const ids = Array.from({ length: organizations }, (_, index) => `organization-${index}`);
  const evaluationsOf = { dkim: {}, 'teams-exchange-interop': {}, 'smtp-source-ip': { services: [] } };
  for (let from = 0; from < ids.length; from += 50) {
    await Promise.all(
      ids.slice(from, from + 50).map(async (id, offset) => {
        const document = evaluations.document.parse({ id, name: `Organization ${id}`, evaluations: evaluationsOf });
        await store.putOrganization(document, undefined, at);
        for (const { id: evaluation, questions, rules } of evaluations.all) {
          const count = evaluation === 'dkim' ? domains - 2 : 1;
          const no = (from + offset) % 7 === 0 ? Math.ceil(count / 4) : 0;
          await store.putSummary(
            { organization: id, evaluation },
            summaryOf(
              `${id}.${evaluation}.20261128T060000Z`,
              at,
              count,
              no,
              questions.map((one) => one.id),
              rules[0]?.id ?? '',
            ),
          );
        }
      }),
    );
  }
}

function summaryOf(
  runId: string,
  at: string,
  subjects: number,
  no: number,
  questions: readonly string[],
  rule: string,
): WatchSummary {
  const given = { yes: subjects - no, ...(no === 0 ? {} : { no }) };
  return {
    runId,
    at,
    state: 'finished',
    counts: {
      subjects,
      answers: Object.fromEntries(questions.map((question) => [question, given])),
      worst: given,
      open: no === 0 ? {} : { critical: { microsoft: no } },
      advice: 0,
      unknown: 0,
      accepted: 0,
      silenced: 0,
    },
    since: Object.fromEntries(questions.map((question) => [question, at])),
    causes:
      no === 0
        ? []
        : [
            {
              key: `${rule} microsoft`,
              rule,
              owner: 'microsoft',
              severity: 'critical',
              what: 'The active selector … of … has no key.',
              isAdvice: false,
              subjects: no,
              since: at,
            },
          ],
  };
}
