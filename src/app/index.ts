import { fieldcheckItself, type Identity } from '../domain/access.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import type { Looked } from '../evaluations/looking.ts';
import type { Registration } from '../evaluations/registration.ts';
import { createAccess } from './access/access.ts';
import { auditOf } from './access/audit.ts';
import { deleteGrant, listGrants, putGrant } from './access/grants.ts';
import type { Credentials } from './access/identify.ts';
import { addKey, endKey, keyOf, listKeys } from './access/keys.ts';
import { finishSignIn, signOut, startSignIn } from './access/sign-in.ts';
import { type AdHoc, type AdHocResult, evaluateAdHoc } from './evaluations/ad-hoc.ts';
import { createBindings } from './evaluations/evaluate.ts';
import { type HandedIn, type LookOptions, look, lookInto } from './evaluations/look.ts';
import { adHocRequest, evaluationNamed, namesTenant } from './evaluations/requests.ts';
import { runbook } from './evaluations/runbook.ts';
import { createHealthWatch, type HealthWatch } from './health/health.ts';
import { incidentsCsv, listIncidents } from './incidents/list.ts';
import { addAcceptance, addSilence, endStatement, listStatements } from './incidents/statements.ts';
import { createLifecycle } from './lifecycle.ts';
import { type MetricsRequest, metrics } from './metrics/metrics.ts';
import { deliver, requeueRejected } from './notices/deliver.ts';
import { heartbeat } from './notices/heartbeat.ts';
import { testChannel } from './notices/sample.ts';
import { badge } from './organizations/badge.ts';
import { previewOrganization } from './organizations/documents.ts';
import { retain } from './organizations/retention.ts';
import * as states from './organizations/states.ts';
import * as documents from './organizations/stored.ts';
import type { Ports } from './ports.ts';
import { Problem } from './problem.ts';
import { ownTurn } from './reading/turns.ts';
import { report } from './reports/report.ts';
import { watchedSubjects } from './runs/discover.ts';
import { createDueRuns } from './runs/due.ts';
import { startNamedRun } from './runs/start.ts';
import { runStatus } from './runs/status.ts';
import { createSupervisor } from './runs/supervise.ts';
import { createWorker } from './runs/work.ts';
import { acceptFacts } from './supplied/accept.ts';
import { type Assumed, readAssumed } from './supplied/assumed.ts';
import { acceptBaseline } from './supplied/baseline.ts';
import { readSupplied, type SuppliedFile, type Supply } from './supplied/read.ts';
import { exportOrganization, importOrganization } from './transfer/transfer.ts';
import { healthView } from './views/health.ts';
import { organizationView } from './views/organization.ts';
import { overview } from './views/overview.ts';
import { runView } from './views/run.ts';
import { subjectView, watchView } from './views/watch.ts';
import { wordsOf } from './views/words.ts';

export { type DeliveryMessage, deliveryMessage, queuedWork } from '../queue/queue.ts';
export type { Credentials } from './access/identify.ts';
export type { HostCookie } from './access/sign-in.ts';
export type { AdHocResult } from './evaluations/ad-hoc.ts';
export { arrangedOf, runbookMarkdown, runbooksOf } from './evaluations/runbook.ts';
export type { Conditions, EntityTags } from './organizations/conditions.ts';
export { parseOrganizations } from './organizations/documents.ts';
export { policiesOf } from './organizations/subjects.ts';
export { lookPorts, type Ports, productionPorts, shellPorts } from './ports.ts';
export { Problem } from './problem.ts';
export { mediaTypes, reportAs } from './reports/formats.ts';
export { optionsOf as reportOptionsOf } from './reports/report.ts';
export type { Assumed } from './supplied/assumed.ts';
export type { SuppliedFile, Supply } from './supplied/read.ts';

/**
 * Looks whether everything that the settings name works from here. Stands beside the App, because it is asked above all
 * where the App refuses to start. Never throws for what it finds.
 *
 * @returns the worst state, every check, and both as lines of text
 */
export const examine: typeof import('./doctor/doctor.ts').examine = async (...given) =>
  (await import('./doctor/doctor.ts')).examine(...given);

/**
 * Every use of the product, one method each. Doors (functions, CLI) decode, call one of these and encode. Times are ISO
 * 8601, UTC. What uses the storage throws StoreUnavailable when that does not answer, and, as evaluating does, Problem (503)
 * once the App is stopping. What names an organization, an evaluation, a subject or a run throws Problem (404) when there
 * is none.
 */
export type App = ReturnType<typeof usesOf>;

/** The App of a host: by itself, and as somebody who asks it for something. */
export type HostedApp = ReturnType<typeof createApp>;

/** The only composition root: the same App behind every door. */
export function createApp(ports: Ports) {
  const lifecycle = createLifecycle(ports);
  const sourcesOf = createBindings(ports);
  const shared: Shared = {
    ...lifecycle,
    sourcesOf,
    worker: createWorker(sourcesOf),
    access: createAccess(ports, lifecycle.openStorage),
    startDueRuns: createDueRuns(),
    superviseRuns: createSupervisor(),
    health: createHealthWatch(ports, lifecycle.openStorage, process.env),
  };
  const { identify, decide } = shared.access;
  return {
    ...usesOf(ports, shared),

    /**
     * Finds out who calls, from the headers of a request.
     *
     * @returns undefined when nothing says who; @throws Problem 401, 403, 429, 503 when it is not believed or not to be found out
     */
    identify: (credentials: Credentials) => lifecycle.counted(() => identify(credentials)),

    /** May this be done there by them? As {@link decide} of the domain. @throws StoreUnavailable */
    decide: (...asked: Parameters<typeof decide>) => lifecycle.counted(() => decide(...asked)),

    /** The same App, whose changes are this identity's: what it may and what it did go by it. */
    as: (by: Identity): App => usesOf({ ...ports, by }, shared),
  };
}

/** What all uses of one App have in common, whoever asks. */
interface Shared extends ReturnType<typeof createLifecycle> {
  readonly sourcesOf: ReturnType<typeof createBindings>;
  readonly worker: ReturnType<typeof createWorker>;
  readonly access: ReturnType<typeof createAccess>;
  readonly startDueRuns: ReturnType<typeof createDueRuns>;
  readonly superviseRuns: ReturnType<typeof createSupervisor>;
  readonly health: HealthWatch;
}

function usesOf(ports: Ports, { counted, working, openStorage, stop, sourcesOf, worker, access, ...shared }: Shared) {
  const { log, clock, evaluations } = ports;
  const overStorage =
    <Given extends unknown[], Result>(use: (ports: Ports, ...given: Given) => Promise<Result>) =>
    (...given: Given): Promise<Result> =>
      working(() => use(ports, ...given));
  /** The organizations that the caller may see. */
  const visible = () => access.organizationsWith('read', ports.by ?? fieldcheckItself);

  return {
    /**
     * Judges now, ad hoc; nothing is stored, nobody is told.
     *
     * @param request `now`: the time to judge at, this moment when left out
     * @returns runs and facts in the order of the subjects
     */
    evaluate: (request: Omit<AdHoc, 'now'> & { readonly now?: Date | undefined }): Promise<AdHocResult> =>
      counted(() =>
        evaluateAdHoc(
          { sources: sourcesOf(request.evaluation.id), log, world: ports.world },
          { ...request, now: request.now ?? clock() },
        ),
      ),

    /**
     * As `evaluate`, of the parsed body of a request: `{subject}`, `{facts}` or what the evaluation takes besides; with what
     * people should know of how the facts were read.
     *
     * @throws Problem when it is for another evaluation (400), too much (413) or names a tenant that may not be the caller's
     *   (403); InvalidDocument naming what is wrong and where
     */
    evaluateRequest: (evaluation: string, body: unknown): Promise<AdHocResult & Pick<Supply, 'notes'>> =>
      counted(async () => {
        const request = adHocRequest(evaluations, evaluation, body, clock());
        if (
          namesTenant(request) &&
          (await access.organizationsWith('operate', ports.by ?? fieldcheckItself)) !== 'all'
        ) {
          throw new Problem(
            403,
            'A tenant is read for the organization whose document names it; only who operates all organizations names one here. Leave tenantId out.',
          );
        }
        // Judging a hundred subjects of which everything was supplied waits for nobody.
        if (request.supply !== undefined) await ownTurn();
        const result = await evaluateAdHoc({ sources: sourcesOf(evaluation), log, world: ports.world }, request);
        return { ...result, notes: request.supply?.notes ?? [] };
      }),

    /**
     * Explains what somebody hands in; nothing of it is kept, nobody is told. With a document its tenant is asked, and what is
     * kept about its subjects counts, as far as the storage answers.
     *
     * @throws Problem when the evaluation explains nothing (400) or it is too long (413); InvalidDocument when it cannot be read
     */
    look: (evaluation: string, handedIn: HandedIn, options: LookOptions = {}): Promise<Looked> =>
      counted(() => {
        const found = evaluationNamed(evaluations, evaluation);
        return look({ ...ports, openStorage, sources: sourcesOf(evaluation) }, found, handedIn, options);
      }),

    /** As `look`, for an organization whose document is stored. @throws Problem (404) besides */
    lookInto: (organization: string, evaluation: string, handedIn: HandedIn): Promise<Looked> =>
      working(() => lookInto(ports, sourcesOf, organization, evaluation, handedIn)),

    /** The evaluation of that name. @throws Problem (404) */
    evaluation: (name: string): Registration => evaluationNamed(evaluations, name),

    /** What supplied files say, subject by subject. @throws Problem (404); InvalidDocument naming file, place and fault */
    readSupplied: (evaluation: string, files: readonly SuppliedFile[]): Supply =>
      readSupplied(evaluationNamed(evaluations, evaluation), files),

    /** What files say is to be assumed by {@link evaluate}. @throws Problem (404); InvalidDocument naming file, place and fault */
    readAssumed: (evaluation: string, files: readonly SuppliedFile[]): Assumed =>
      readAssumed(evaluationNamed(evaluations, evaluation), files),

    /**
     * What a document watches with an evaluation: its tenant's domains where it names none and `supplied`, the ids of the
     * subjects that supplied files speak of, names none either.
     *
     * @throws Problem (404); Unobtainable when the tenant does not list its domains
     */
    subjectsOf: (document: OrganizationDocument, evaluation: string, supplied: readonly string[]) =>
      watchedSubjects(ports, document, evaluation, supplied),

    /** What a document would look like when read back; nothing is written. @throws InvalidDocument when it would be refused */
    previewOrganization: (value: unknown) => previewOrganization(ports, value),

    /**
     * Writes an organization's document over the one that is stored, under the conditions given.
     *
     * @returns the document as it is shown, without addresses, and its ETag
     * @throws InvalidDocument when it is refused; Problem when its id is another (400), or a condition does not hold (412)
     */
    putOrganization: overStorage(documents.putOrganization),

    /** The document as it is shown, without addresses, and its ETag. @throws Problem (404) */
    organization: overStorage(documents.readOrganization),

    /** Documents that were replaced, newest first, with the time at which each was. @throws Problem (404); InvalidContinuation */
    organizationHistory: overStorage(documents.organizationHistory),

    /** Id and name of every organization that whoever asks may see; the id stands for a name that is missing. */
    organizations: overStorage(async () => documents.listOrganizations(ports, await visible())),

    /** Deletes an organization and everything that is kept about it. @throws Problem when there is nothing (404), or as above (412) */
    deleteOrganization: overStorage((...given: Parameters<typeof documents.deleteOrganization>) =>
      documents.deleteOrganization(...given).finally(access.forget),
    ),

    /** Hands an organization over as NDJSON, line by line. @returns how many rows of each kind. @throws Problem (404) */
    exportOrganization: overStorage(exportOrganization),

    /**
     * Takes in what `exportOrganization` gave out, all of it or nothing; with `replace` in place of what there is.
     *
     * @throws InvalidDocument naming line and fault; Problem when the organization exists (409) or the writing was cut short (503)
     */
    importOrganization: overStorage(importOrganization),

    /**
     * Starts a run over all subjects of a watch. `trigger` says what set it off: `request`, `start` …; the same key is the
     * same run, and without one the run is one of its own.
     *
     * @throws Problem (404); Problem (409) when there is nothing to look at
     */
    startRun: overStorage(startNamedRun),

    /**
     * Starts every run whose schedule has come due, or hands it over to `workDue`; called again for the same slot it starts
     * nothing.
     *
     * @returns the runs that were started or handed over
     * @throws AggregateError of the watches whose run could not be started, when all had their turn
     */
    startDueRuns: overStorage(shared.startDueRuns),

    /** Does one slice of a run, once however often it comes. Throws when it could not, so that the queue gives it again. */
    workSlice: overStorage(worker.work),

    /** As `workSlice`, for all that one message holds. Throws when one of them could not be done, once all had their turn. */
    workSlices: overStorage(worker.workAll),

    /** Starts the runs of a message that are still due, together, and does those of one slice. Throws as `workSlices`. */
    workDue: overStorage(worker.workDue),

    /**
     * Looks after the runs of one watch, or of all: closes those that have all their results and those past their deadline,
     * sends slices without a result again.
     *
     * @throws AggregateError of the watches whose runs could not be looked after, when all had their turn
     */
    superviseRuns: overStorage(shared.superviseRuns),

    /**
     * Delivers what waits, of one watch or of all; what a run has found that still runs waits for the rest of it.
     *
     * @returns what became of each notice that was tried
     * @throws AggregateError of the watches that could not be looked at, when all had their turn
     */
    deliver: overStorage(deliver),

    /** Puts back what channels refused for good; `deliver` sends it then. @returns how many notices */
    requeueRejected: overStorage(requeueRejected),

    /** Incidents of an organization, silenced and accepted ones included; with `resolved` also those that are over. @throws Problem (404) */
    incidents: overStorage(listIncidents),

    /** The same as CSV. @throws Problem (404) */
    incidentsCsv: overStorage(incidentsCsv),

    /** Silences what fits, until a time. @throws InvalidDocument; Problem (404) */
    addSilence: overStorage(addSilence),

    /** Accepts an incident, until a time or until it gets worse. @throws InvalidDocument; Problem (404, or 409 when it is not open) */
    addAcceptance: overStorage(addAcceptance),

    /** Silences or acceptances that hold or are to come; with `all` also what has ended. @throws Problem (404) */
    statements: overStorage(listStatements),

    /** Ends a silence or an acceptance before its time. @throws Problem (404) */
    endStatement: overStorage(endStatement),

    /**
     * Sends a made-up incident to one channel, whatever its routes, and says what became of it and what to do.
     *
     * @throws Problem (404)
     */
    testChannel: overStorage(testChannel),

    /** Deletes what is older than its organization wants it kept. @returns rows deleted, by watch */
    retain: overStorage(retain),

    /** Tells the log, and the channels that ask for it, that all is running. */
    heartbeat: overStorage(heartbeat),

    /** How far a run is, and what it found so far. Writes nothing. @throws Problem (404) */
    runStatus: overStorage(runStatus),

    /** Last known state of every subject, in order. @throws Problem (404); InvalidContinuation */
    subjects: overStorage(states.listSubjects),

    /** Last known state of one subject, by the name that people call it. @throws Problem (404) */
    subject: overStorage(states.subject),

    /** What was found over time, newest first; equal runs are counted, not repeated. @throws Problem (404); InvalidContinuation */
    history: overStorage(states.subjectHistory),

    /** What was known of a subject at a time (ISO 8601, UTC), and how long it was so. @throws Problem (404) */
    stateAt: overStorage(states.stateAt),

    /** Last known state of every subject of a watch, in order of subject. @throws Problem (404) */
    lastStates: overStorage(states.lastStates),

    /** All that is known of an organization, or of one evaluation of it, to read or to hand on. @throws Problem (404) */
    report: overStorage(report),

    /** Every organization with what is kept of its last runs, for the overview. */
    overview: overStorage(async (given) => overview(given, await visible())),

    /** One organization with what is kept of its last runs, its channels and facts. @throws Problem (404) */
    organizationView: overStorage(organizationView),

    /** One evaluation of one organization: every subject, and what is to mend, by cause. @throws Problem (404) */
    watchView: overStorage(watchView),

    /** One subject with a year of its history. @throws Problem (404) */
    subjectView: overStorage(subjectView),

    /** A rule with its page, and where it fails now. @throws Problem (404) */
    ruleView: overStorage(async (given: Ports, evaluation: string, rule: string) =>
      (await import('./views/rule.ts')).ruleView(given, await visible(), evaluation, rule),
    ),

    /** A run with the names of what it looks at. @throws Problem (404) */
    runView: overStorage(runView),

    /** Whether fieldcheck itself is well: channels and runs. Never throws for a storage that is away: that is in it. */
    healthView: () =>
      counted(async () => {
        const seen = await visible().catch(() => new Set<string>());
        return healthView(ports, await shared.health.health(seen), seen);
      }),

    /** The moment by the App's clock: a page says when it was made, and counts days from then. */
    now: () => clock(),

    /** The evaluations there are, as pages speak of them. */
    evaluationWords: () => evaluations.all.map(wordsOf),

    /**
     * The worst answer of a watch as an SVG badge, of organizations whose document says `badge`.
     *
     * @throws Problem (404), the same whether there is no such watch or it shows no badge
     */
    badge: overStorage(badge),

    /**
     * Keeps supplied facts (a collector's file, a raw export), for whichever evaluation they are, and, unless `run` is false,
     * looks again at what it watches.
     *
     * @throws InvalidDocument when it cannot be read; Problem (404); Problem (422) when it is not to be believed, speaks of
     *   nothing that is watched, or changes the watch a lot and `confirm` is not set
     */
    acceptFacts: overStorage(acceptFacts),

    /**
     * Accepts what is supplied about a subject, so that a change is a finding from the next run on. `by` says who does.
     *
     * @throws Problem when there is no such subject (404), the evaluation knows no baseline or `by` is no name (400), or
     *   nothing is known that could be accepted (422)
     */
    acceptBaseline: overStorage(acceptBaseline),

    /**
     * From what was found last about a subject to a change that can be taken back. Nothing is executed.
     *
     * @throws Problem when there is no such subject or it was not looked at yet (404), or there is no runbook for it (422)
     */
    runbook: overStorage(runbook),
    /** Sends a browser to sign in. @throws Problem (503) when nobody can */
    startSignIn: (to: string | undefined) => startSignIn(ports, to),

    /** Takes a browser back that has signed in. @throws Problem 400, 503 */
    finishSignIn: (came: Parameters<typeof finishSignIn>[1]) => counted(() => finishSignIn(ports, came)),

    /** Takes the session from a browser. */
    signOut,

    /** Keys of an organization, without what they are. @throws Problem (404) */
    keys: overStorage(listKeys),

    /** One of them. @throws Problem (404) */
    key: overStorage(keyOf),

    /**
     * Makes a key of an organization; it is shown this once.
     *
     * @throws Problem when there is no such organization (404), or too many keys count already (409); InvalidDocument
     */
    addKey: overStorage(addKey),

    /** Ends a key. @throws Problem (404) */
    endKey: overStorage((...given: Parameters<typeof endKey>) => endKey(...given).finally(access.forget)),

    /** Who has which role in an organization. @throws Problem (404) */
    grants: overStorage(listGrants),

    /** Gives somebody a role in one organization. @throws Problem (404); InvalidDocument */
    putGrant: overStorage((...given: Parameters<typeof putGrant>) => putGrant(...given).finally(access.forget)),

    /** Takes it back. @throws Problem (404); InvalidDocument */
    deleteGrant: overStorage((...given: Parameters<typeof deleteGrant>) =>
      deleteGrant(...given).finally(access.forget),
    ),

    /** Who changed what, newest first: in an organization, also one that is deleted, or in all. @throws InvalidContinuation */
    audit: overStorage(auditOf),

    /** Does everything work from where the app runs? As {@link examine}. */
    examine: () => examine(evaluations, process.env),

    /** Storage, timers, last run of each watch, last delivery to each channel, what waits. Never throws: what is wrong is in it. */
    async health() {
      // Whoever cannot be told what is his is told what everybody is.
      return shared.health.health(await visible().catch(() => new Set<string>()));
    },

    /** Looks how all is, where nobody has lately, so that {@link health} has something to tell. @throws StoreUnavailable */
    keepHealth: () => counted(shared.health.keep),

    /** Numbers for monitors, in OpenMetrics. @throws Problem when the organization is none (404), or named subjects of all (400) */
    metrics: overStorage(async (_, request: MetricsRequest) => metrics(ports, request, await visible())),

    /** Lets work in flight finish, within the time that Azure allows, puts slices that did not back, and lets go of everything. */
    async stop() {
      await stop(() => worker.putBack(ports));
      await ports.telemetry?.close();
      ports.signIn?.close();
    },
  };
}
