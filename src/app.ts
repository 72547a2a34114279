import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import { type AdHoc, type AdHocResult, evaluateAdHoc } from './app/ad-hoc.ts';
import { acceptBaseline } from './app/baseline.ts';
import type { Examination } from './app/check.ts';
import { type Delivered, deliver, requeueRejected } from './app/delivery.ts';
import type { ExamineOptions } from './app/doctor.ts';
import { acceptFacts } from './app/facts.ts';
import { healthOf } from './app/health.ts';
import { heartbeat } from './app/heartbeat.ts';
import {
  checkOrganization,
  lastSlot,
  organizationsAtOnce,
  shownOrganization,
  watchesOf,
  withStoredAddresses,
} from './app/organizations.ts';
import { notFound, Problem } from './app/problem.ts';
import type { Ports } from './app/production.ts';
import type { AcceptedFacts, Health, RunStatus } from './app/responses.ts';
import { type Retained, retain } from './app/retention.ts';
import {
  createReaders,
  type Discovered,
  type RunsPorts,
  slotKey,
  startRun,
  sumAnswers,
  sumVerdicts,
  watchRun,
  workSlice,
} from './app/runs.ts';
import { subjectId } from './app/subjects.ts';
import { evaluationOfFile } from './app/supplied.ts';
import {
  type Counts,
  exportOrganization,
  type ImportFile,
  importOrganization,
  purgeOrganization,
} from './app/transfer.ts';
import type { SubjectState } from './domain/compare.ts';
import { Unobtainable } from './domain/fact-set.ts';
import type { Run } from './domain/finding.ts';
import type { OrganizationDocument } from './domain/organization.ts';
import type { EvaluationId } from './domain/rule.ts';
import { evaluationOf, questionTitles } from './evaluations/index.ts';
import type { AcceptedBaseline } from './evaluations/smtp-source-ip/doors.ts';
import type { DeliveryMessage, SliceMessage } from './queue/queue.ts';
import { failedSelectorsCsv, htmlReport } from './reports/index.ts';
import type { Page, ReplacedDocument, RunProgress, RunRecord, SliceResult, Versioned, Watch } from './store/store.ts';

export { parseOrganizations, parseService } from './app/organizations.ts';
export { Problem } from './app/problem.ts';
export { type Ports, productionPorts, shellPorts } from './app/production.ts';
export { evaluationName } from './app/requests.ts';
export { analyseSmtpLogs, describeSmtpLogs } from './app/smtp-logs.ts';
export { policiesOf, subjectsOf as organizationSubjects } from './app/subjects.ts';
export { readSupplied, type SuppliedFile, type Supply } from './app/supplied.ts';
export type { EvaluationId } from './domain/rule.ts';
export { questionTitles } from './evaluations/index.ts';
export { deliveryMessage, sliceMessage } from './queue/queue.ts';
export { terminalReport } from './reports/index.ts';
export { findLogFiles } from './sources/smtp-log/files.ts';

/** States read at once for a whole watch; the store pages anyway. */
const statesAtOnce = 1_000;

/** How far back a slot may lie and still be started: a longer outage is not made up for, the next slot comes. */
const slotGraceMs = 24 * 3_600_000;

/** A run that was there a moment ago is not looked for every minute again; it can only go with its organization. */
const slotSeenForMs = 10 * 60_000;

/** How long work in flight may go on when the app is told to stop; Azure ends the process after five seconds. */
const drainLimitMs = 4_500;

/**
 * Looks whether everything that the settings name works from here. Stands beside the App, because it is asked above all
 * where the App refuses to start.
 */
export async function examine(
  environment: Readonly<Record<string, string | undefined>>,
  options?: ExamineOptions,
): Promise<Examination & { readonly text: string }> {
  const doctor = await import('./app/doctor.ts');
  const found = await doctor.examine(environment, options);
  return { ...found, text: doctor.examinationText(found) };
}

/** The key of a run that nobody else is to share: it sorts by time and is made once. */
function ownKey(now: Date): string {
  return `${slotKey(now)}-${randomUUID().slice(0, 8)}`;
}

/** Every use of the product, one method each. Doors (functions, CLI) decode, call one of these and encode. */
export type App = ReturnType<typeof createApp>;

/** The only composition root: the same App behind every door. */
export function createApp(ports: Ports) {
  const { store, queue, log, clock } = ports;
  let stopping = false;
  const inFlight = new Set<Promise<unknown>>();
  let opened: Promise<void> | undefined;

  /** The slot for which a watch was found to have its run, and when that was looked at. */
  const slotsSeen = new Map<string, { readonly key: string; readonly at: number }>();

  const runs: RunsPorts = {
    store,
    queue,
    log,
    clock,
    resentAt: new Map(),
    sources: ports.sources.all,
    readerOf: createReaders(store),
    discover,
  };
  const delivery = { ...runs, notifierFor: ports.notifierFor, publicUrl: ports.publicUrl };

  async function startIfDue(document: OrganizationDocument, watch: Watch, now: Date): Promise<RunRecord | undefined> {
    const { evaluation } = watch;
    const schedule = document.evaluations[evaluation]?.schedule;
    const slot = schedule === undefined ? undefined : lastSlot(schedule, now);
    if (slot === undefined || now.getTime() - slot.getTime() > slotGraceMs) return undefined;
    const key = slotKey(slot);
    const name = `${document.id}.${evaluation}`;
    const seen = slotsSeen.get(name);
    if (seen?.key === key && now.getTime() - seen.at < slotSeenForMs) return undefined;
    const [last] = await store.runs(watch, 1);
    // Whoever runs already since the slot, by hand say, leaves nothing due.
    const isDue = last === undefined || last.startedAt < slot.toISOString();
    const started = isDue ? await startRun(runs, { document, evaluation, trigger: 'schedule', key }) : undefined;
    // A watch without subjects stays due: they may come any minute.
    if (!isDue || started !== undefined) slotsSeen.set(name, { key, at: now.getTime() });
    return started?.created === true ? started.run : undefined;
  }

  /** The domains of a document that names none: what the tenant lists, else what supplied exports speak of. */
  async function discover(document: OrganizationDocument, evaluation: EvaluationId): Promise<Discovered> {
    const watch: Watch = { organization: document.id, evaluation };
    try {
      const listed = await listedDomains(document);
      if (listed?.complete === true) return listed;
      // What a list that was cut short leaves out stays watched: it has not been proven to be gone.
      if (listed !== undefined) return withWatched(watch, listed.domains);
    } catch (error) {
      if (!(error instanceof Unobtainable)) throw error;
      // What was watched stays watched: its facts are unknown now, and that is told in time.
      log.error('domains of the tenant not listed', { ...watch, reason: error.reason, detail: error.message });
      return withWatched(watch, []);
    }
    // Only exports of accepted domains and signing configurations speak of a tenant's domains.
    return { domains: evaluation === 'dkim' ? await store.subjectsWithFacts(watch) : [], complete: true };
  }

  async function withWatched(watch: Watch, domains: readonly string[]): Promise<Discovered> {
    const { others } = await store.rollCall(watch, domains);
    return { domains: [...domains, ...others.map(({ run }) => run.subject)], complete: false };
  }

  /** The domains that the document's tenant lists; undefined when nobody may sign in to it. @throws Unobtainable */
  async function listedDomains({ id, tenant }: OrganizationDocument): Promise<Discovered | undefined> {
    if (tenant?.id === undefined) return undefined;
    const listed = await ports.sources.discover({ id: tenant.id, cloud: tenant.cloud });
    for (const note of listed?.notes ?? []) log.warn('domains of the tenant', { organization: id, note });
    return listed;
  }

  /** Opens storage once, on first use. */
  function openStorage(): Promise<void> {
    opened ??= Promise.all([store.open(), queue.open()]).then(
      () => undefined,
      (error: unknown) => {
        opened = undefined;
        throw error;
      },
    );
    return opened;
  }

  /** Keeps count of what is in flight, so that stopping can wait for it. */
  async function counted<T>(work: () => Promise<T>): Promise<T> {
    if (stopping) throw new Problem(503, 'fieldcheck is stopping; try again in a moment.');
    const running = work();
    inFlight.add(running);
    try {
      return await running;
    } finally {
      inFlight.delete(running);
    }
  }

  function working<T>(work: () => Promise<T>): Promise<T> {
    return counted(() => openStorage().then(work));
  }

  async function organizationOf(id: string): Promise<Versioned<OrganizationDocument>> {
    const found = await store.organization(id);
    if (found === undefined) throw notFound(`The organization "${id}"`);
    return found;
  }

  async function watchOf(
    organization: string,
    evaluation: EvaluationId,
  ): Promise<{ document: OrganizationDocument; watch: Watch }> {
    const { value: document } = await organizationOf(organization);
    if (document.evaluations[evaluation] === undefined)
      throw notFound(`The evaluation ${evaluation} of "${organization}"`);
    return { document, watch: { organization, evaluation } };
  }

  async function allStates(watch: Watch): Promise<SubjectState[]> {
    const states: SubjectState[] = [];
    let page: Page<SubjectState> | undefined;
    do {
      page = await store.listStates(watch, statesAtOnce, page?.continuation);
      states.push(...page.items);
    } while (page.continuation !== undefined);
    return states;
  }

  return {
    /** Judges now, ad hoc; nothing is stored, nobody is told. */
    evaluate(request: Omit<AdHoc, 'now'> & { readonly now?: Date | undefined }): Promise<AdHocResult> {
      return counted(() =>
        evaluateAdHoc({ sources: ports.sources.all, log }, { ...request, now: request.now ?? clock() }),
      );
    },

    /** The mail domains of a document's tenant, for a document that names none; none when nobody may sign in to it. */
    tenantDomains: async (document: OrganizationDocument): Promise<readonly string[]> =>
      (await listedDomains(document))?.domains ?? [],

    /** What a document would look like when read back; nothing is written. @throws InvalidDocument when it would be refused */
    previewOrganization: (value: unknown): OrganizationDocument => shownOrganization(checkOrganization(value, ports)),

    putOrganization: (id: string, value: unknown, ifMatch: string | undefined) =>
      working(async () => {
        const document = checkOrganization(value, ports);
        if (document.id !== id)
          throw new Problem(400, `The document's id is "${document.id}", but the address says "${id}".`);
        const stored = await store.organization(id);
        const complete = withStoredAddresses(document, stored?.value);
        const etag = await store.putOrganization(complete, ifMatch ?? stored?.etag, clock().toISOString());
        if (etag === undefined)
          throw new Problem(
            412,
            `"${id}" was changed by somebody else meanwhile; read it again, put your change in and send it again.`,
          );
        log.info('organization written', { organization: id });
        return { document: shownOrganization(document), etag };
      }),

    organization: (id: string) =>
      working(async () => {
        const { value, etag } = await organizationOf(id);
        return { document: shownOrganization(value), etag };
      }),

    /** Documents that were replaced, newest first, with the time at which each was. */
    organizationHistory: (id: string, limit: number, continuation?: string): Promise<Page<ReplacedDocument>> =>
      working(async () => {
        await organizationOf(id);
        const { items, ...rest } = await store.organizationHistory(id, limit, continuation);
        return { items: items.map((one) => ({ ...one, document: shownOrganization(one.document) })), ...rest };
      }),

    organizations: () =>
      working(async () => (await store.organizations()).map(({ id, name }) => ({ id, name: name ?? id }))),

    deleteOrganization: (id: string) =>
      working(async () => {
        // What is kept goes first: should that be cut short, the organization is still there to be deleted again.
        const rows = await purgeOrganization(store, id);
        if (!(await store.deleteOrganization(id)) && rows === 0) throw notFound(`The organization "${id}"`);
        log.info('organization deleted', { organization: id, rows });
      }),

    /** Hands an organization over as NDJSON, line by line. */
    exportOrganization: (id: string, write: (line: string) => Promise<void>): Promise<Counts> =>
      working(() => exportOrganization(store, id, clock(), write)),

    /** Takes in what {@link exportOrganization} gave out, all of it or nothing. */
    importOrganization: (file: ImportFile, replace: boolean): Promise<{ organization: string; counts: Counts }> =>
      working(async () => {
        const imported = await importOrganization(store, file, { replace, policy: ports, now: clock() });
        log.info('organization imported', { organization: imported.organization, ...imported.counts });
        return imported;
      }),

    /** Starts a run over all subjects. The same `idempotencyKey` is the same run. */
    startRun: (
      organization: string,
      evaluation: EvaluationId,
      trigger: string,
      idempotencyKey?: string,
    ): Promise<RunRecord> =>
      working(async () => {
        const { document } = await watchOf(organization, evaluation);
        const key = idempotencyKey ?? ownKey(clock());
        const started = await startRun(runs, { document, evaluation, trigger, key });
        if (started === undefined) {
          throw new Problem(
            409,
            `${organization} has no subject for ${evaluation}: name domains in its document, or supply facts that do.`,
          );
        }
        return started.run;
      }),

    /** Starts every run whose schedule has come due; called again for the same slot it starts nothing. */
    startDueRuns: (): Promise<readonly RunRecord[]> =>
      working(async () => {
        const now = clock();
        const started: RunRecord[] = [];
        const faults: unknown[] = [];
        const startAll = async (document: OrganizationDocument) => {
          for (const watch of watchesOf(document)) {
            try {
              const run = await startIfDue(document, watch, now);
              if (run !== undefined) started.push(run);
            } catch (error) {
              // One organization's fault must not keep the others from their runs.
              log.error('run not started', { ...watch, detail: String(error) });
              faults.push(error);
            }
          }
        };
        await pMap(await store.organizations(), startAll, { concurrency: organizationsAtOnce });
        if (faults.length > 0) throw new AggregateError(faults, `${faults.length} run(s) could not be started`);
        return started;
      }),

    /** Does one slice of a run. Throws when it could not, so that the queue gives it again. */
    workSlice: (message: SliceMessage): Promise<SliceResult> => working(() => workSlice(runs, message)),

    /** Delivers what waits: of one watch when nudged, of all by the timer. */
    deliver: (only?: DeliveryMessage): Promise<readonly Delivered[]> => working(() => deliver(delivery, only)),

    /** Puts back what channels refused for good; {@link deliver} sends it then. */
    requeueRejected: (): Promise<number> => working(() => requeueRejected(ports)),

    /** Deletes what is older than its organization wants it kept. */
    retain: (): Promise<readonly Retained[]> => working(() => retain(ports)),

    /** Tells the log, and the channels that ask for it, that all is running. */
    heartbeat: (): Promise<void> => working(() => heartbeat(delivery)),

    runStatus: (runId: string): Promise<RunStatus> =>
      working(async () => {
        let progress = await store.run(runId);
        if (progress === undefined) throw notFound(`The run "${runId}"`);
        // Whoever looks at a run that has all its results sees it finished, without waiting for the timer.
        if (progress.run.state === 'running' && (await watchRun(runs, undefined, progress)) !== 'running')
          progress = (await store.run(runId)) ?? progress;
        return statusOf(progress);
      }),

    /** Last known state of every subject, in order. */
    subjects: (
      organization: string,
      evaluation: EvaluationId,
      limit: number,
      continuation?: string,
    ): Promise<Page<SubjectState>> =>
      working(async () => store.listStates((await watchOf(organization, evaluation)).watch, limit, continuation)),

    subject: (organization: string, evaluation: EvaluationId, name: string): Promise<SubjectState> =>
      working(async () => {
        const { watch } = await watchOf(organization, evaluation);
        const subject = subjectId(evaluation, name);
        const state = (await store.states(watch, [subject])).get(subject);
        if (state === undefined) throw notFound(`The subject "${subject}" of ${evaluation} in "${organization}"`);
        return state.value;
      }),

    /** What was found over time, newest first; runs that found the same are counted, not repeated. */
    history: (
      organization: string,
      evaluation: EvaluationId,
      name: string,
      limit: number,
      continuation?: string,
    ): Promise<Page<SubjectState>> =>
      working(async () => {
        const { watch } = await watchOf(organization, evaluation);
        const subject = subjectId(evaluation, name);
        const current = (await store.states(watch, [subject])).get(subject);
        if (current === undefined) throw notFound(`The subject "${subject}" of ${evaluation} in "${organization}"`);
        if (continuation !== undefined) return store.history(watch, subject, limit, continuation);
        const earlier = await store.history(watch, subject, limit - 1);
        return { ...earlier, items: [current.value, ...earlier.items] };
      }),

    /** The field note's log for ticketing. */
    failedSelectors: (organization: string): Promise<string> =>
      working(async () =>
        failedSelectorsCsv((await allStates((await watchOf(organization, 'dkim')).watch)).map(({ run }) => run)),
      ),

    /** All that is known of a watch as a page that a person reads or hands on. */
    report: (organization: string, evaluation: EvaluationId): Promise<string> =>
      working(async () => {
        const { document, watch } = await watchOf(organization, evaluation);
        const found: Run[] = (await allStates(watch)).map(({ run }) => run);
        const { title } = evaluationOf(evaluation);
        return htmlReport(found, {
          title: `${document.name ?? document.id}: ${title}`,
          questions: questionTitles(evaluation),
          evaluations: { [evaluation]: title },
        });
      }),

    /** Keeps supplied facts and, unless told not to, looks again at what they speak of. */
    acceptFacts: (organization: string, content: Uint8Array, run = true): Promise<AcceptedFacts> =>
      working(async () => {
        const { value: document } = await organizationOf(organization);
        const now = clock();
        const file = { name: 'supplied facts', content, writtenAt: now.toISOString() };
        const known = await store.subjectsWithFacts({ organization, evaluation: evaluationOfFile(file) });
        const accepted = await acceptFacts(store, document, file, now, known);
        if (!run) return accepted;
        const key = ownKey(now);
        const started = await startRun(runs, { document, evaluation: accepted.evaluation, trigger: 'facts', key });
        return started === undefined ? accepted : { ...accepted, runId: started.run.runId };
      }),

    /** Accepts what the nodes of an SMTP service are now, so that a change is a finding from the next run on. */
    acceptBaseline: (organization: string, service: string, by?: string): Promise<AcceptedBaseline> =>
      working(async () => {
        const { document } = await watchOf(organization, 'smtp-source-ip');
        const accepted = await acceptBaseline(store, document, service, clock(), by);
        log.info('baseline accepted', { organization, service, nodes: accepted.nodes });
        return accepted;
      }),

    health: (): Promise<Health> => healthOf(store, openStorage),

    /** Lets work in flight finish, within the time that Azure allows, and lets go of everything. */
    async stop(): Promise<void> {
      if (stopping) return;
      stopping = true;
      // What does not finish in time is not committed: its message comes again.
      const limit = new Promise<void>((resolve) => setTimeout(resolve, drainLimitMs).unref());
      await Promise.race([Promise.allSettled([...inFlight]), limit]);
      ports.sources.close();
      await store.close();
    },
  };
}

function statusOf({ run, slices }: RunProgress): RunStatus {
  return {
    ...run,
    done: slices.reduce((sum, { subjects }) => sum + subjects, 0),
    answers: sumAnswers(slices),
    verdicts: sumVerdicts(slices),
  };
}
