import pMap from 'p-map';
import type { Gauge, OpenMetricsContentType } from 'prom-client';
import { noWatchMemory, unroutedLately } from '../../domain/blindness.ts';
import { answers } from '../../domain/finding.ts';
import type { Watch } from '../../store/store.ts';
import { lastStates } from '../organizations/states.ts';
import { storedOrganization, watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { notFound, Problem } from '../problem.ts';

type MetricPorts = Pick<Ports, 'store' | 'evaluations' | 'clock'>;

export interface MetricsRequest {
  /** Of this organization alone. */
  readonly organization?: string | undefined;
  /** With each answer of each subject; only of one organization. */
  readonly subjects: boolean;
}

/** Organizations read side by side. */
const organizationsAtOnce = 8;

/** Runs looked at to find the last one that is over. */
const runsLookedAt = 5;

/** Notices counted of one watch; so many stand for as many or more. */
const mostNotices = 1_000;

/**
 * What monitors count, in OpenMetrics. Labels are bounded: names of organizations, evaluations, questions, answers,
 * severities and owners; subjects only of one organization, and when asked for.
 *
 * Reads the documents, and of each watch its summary, its memory, its last runs and what waits in its outbox: five small reads
 * whatever the number of subjects. Only `subjects` reads those.
 *
 * @param visible organizations that the caller may see; the others are as if they were not there
 * @throws Problem when there is no such organization (404), or subjects of all are asked for (400)
 */
export async function metrics(
  ports: MetricPorts,
  { organization, subjects }: MetricsRequest,
  visible: 'all' | ReadonlySet<string> = 'all',
): Promise<string> {
  const { store, evaluations } = ports;
  if (subjects && organization === undefined)
    throw new Problem(400, 'subjects=true wants organization=ID: each subject is a series of its own.');
  const isVisible = (id: string) => visible === 'all' || visible.has(id);
  if (organization !== undefined && !isVisible(organization)) throw notFound(`The organization "${organization}"`);
  const documents =
    organization === undefined
      ? (await store.organizations()).filter(({ id }) => isVisible(id))
      : [(await storedOrganization(ports, organization)).value];
  // Loaded when asked for: most instances never are.
  const { Gauge, Registry } = await import('prom-client');
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const gauges = gaugesIn((name, help, labelNames) => new Gauge({ name, help, labelNames, registers: [registry] }));
  gauges.organizations.set(documents.length);
  await pMap(
    documents,
    async (document) => {
      for (const watch of watchesOf(evaluations, document)) {
        await measure(ports, watch, gauges);
        if (subjects) await measureSubjects(ports, watch, gauges);
      }
    },
    { concurrency: organizationsAtOnce },
  );
  return registry.metrics();
}

type Gauges = ReturnType<typeof gaugesIn>;

function gaugesIn(gauge: <L extends string>(name: string, help: string, labelNames: readonly L[]) => Gauge<L>) {
  const watch = ['organization', 'evaluation'] as const;
  return {
    organizations: gauge('fieldcheck_organizations', 'Organizations that are watched.', []),
    subjects: gauge('fieldcheck_subjects', 'Subjects with this answer to this question, as of the last run.', [
      ...watch,
      'question',
      'answer',
    ]),
    open: gauge(
      'fieldcheck_open_findings',
      'Rules that fail, by severity and by who has to mend it; low and info are advice.',
      [...watch, 'severity', 'owner'],
    ),
    hushed: gauge('fieldcheck_hushed_incidents', 'Open incidents that are accepted or silenced, as of the last look.', [
      ...watch,
      'by',
    ]),
    unknown: gauge('fieldcheck_unknown_findings', 'Rules that could not be judged because nobody could look.', [
      ...watch,
    ]),
    runAge: gauge('fieldcheck_last_run_age_seconds', 'Time since the last run started.', [...watch]),
    runDuration: gauge('fieldcheck_last_run_duration_seconds', 'How long the last run took that is over.', [...watch]),
    runIncomplete: gauge(
      'fieldcheck_last_run_incomplete',
      '1 when the last run that is over did not look at every subject before its deadline.',
      [...watch],
    ),
    factsAge: gauge('fieldcheck_supplied_facts_age_seconds', 'Time since supplied facts were observed.', [
      ...watch,
      'which',
    ]),
    undelivered: gauge(
      'fieldcheck_undelivered_notices',
      'Notices that wait for delivery, one for each subject and channel; 1000 stands for 1000 or more.',
      [...watch],
    ),
    rejected: gauge(
      'fieldcheck_rejected_notices',
      'Notices that a channel refused for good; 1000 stands for 1000 or more.',
      [...watch],
    ),
    unrouted: gauge(
      'fieldcheck_unrouted_changes',
      'Changes worth telling that no route of the document took, until there were none for 30 days.',
      [...watch],
    ),
    subjectAnswer: gauge('fieldcheck_subject_answer', '1 for the answer of a subject to a question.', [
      ...watch,
      'subject',
      'question',
      'answer',
    ]),
  };
}

async function measure({ store, clock }: MetricPorts, watch: Watch, gauges: Gauges): Promise<void> {
  const [summary, runs, waiting, rejected, memory] = await Promise.all([
    store.summary(watch),
    store.runs(watch, runsLookedAt),
    store.pending(watch, mostNotices),
    store.rejected(watch, mostNotices),
    store.watchMemory(watch),
  ]);
  const now = clock().getTime();
  const age = (iso: string) => Math.max(0, (now - Date.parse(iso)) / 1_000);
  const labels = { ...watch };
  gauges.undelivered.set(labels, waiting.length);
  gauges.rejected.set(labels, rejected.length);
  gauges.unrouted.set(labels, unroutedLately(memory?.value ?? noWatchMemory, clock())?.changes ?? 0);
  const [last] = runs;
  if (last !== undefined) gauges.runAge.set(labels, age(last.startedAt));
  const over = runs.find(({ state }) => state !== 'running');
  if (over?.finishedAt !== undefined) {
    gauges.runDuration.set(labels, (Date.parse(over.finishedAt) - Date.parse(over.startedAt)) / 1_000);
    gauges.runIncomplete.set(labels, over.state === 'incomplete' ? 1 : 0);
  }
  if (summary === undefined) return;
  const { counts, factsFrom, factsTo } = summary;
  for (const [question, byAnswer] of Object.entries(counts.answers)) {
    for (const answer of answers) gauges.subjects.set({ ...labels, question, answer }, byAnswer[answer] ?? 0);
  }
  for (const [severity, byOwner] of Object.entries(counts.open)) {
    for (const [owner, findings] of Object.entries(byOwner)) gauges.open.set({ ...labels, severity, owner }, findings);
  }
  gauges.hushed.set({ ...labels, by: 'acceptance' }, counts.accepted);
  gauges.hushed.set({ ...labels, by: 'silence' }, counts.silenced);
  gauges.unknown.set(labels, counts.unknown);
  if (factsFrom !== undefined) gauges.factsAge.set({ ...labels, which: 'oldest' }, age(factsFrom));
  if (factsTo !== undefined) gauges.factsAge.set({ ...labels, which: 'newest' }, age(factsTo));
}

async function measureSubjects(ports: MetricPorts, watch: Watch, { subjectAnswer }: Gauges): Promise<void> {
  for (const { run } of await lastStates(ports, watch.organization, watch.evaluation)) {
    for (const [question, answer] of Object.entries(run.answers))
      subjectAnswer.set({ ...watch, subject: run.subject, question, answer }, 1);
  }
}
