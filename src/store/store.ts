import { z } from 'zod';
import { type AuditEntry, type Grant, organizationKey } from '../domain/access.ts';
import type { WatchMemory } from '../domain/blindness.ts';
import type { SubjectState } from '../domain/compare.ts';
import type { PendingNotice } from '../domain/notice.ts';
import { type OrganizationDocument, organizationDocument } from '../domain/organization.ts';
import { owners, severities } from '../domain/rule.ts';
import type { Statement } from '../domain/statement.ts';
import { watchCounts } from '../domain/watch-counts.ts';

/** One evaluation of one organization: everything known about it stands in one partition, so that a commit is one transaction. */
export interface Watch {
  readonly organization: string;
  readonly evaluation: string;
}

export interface Versioned<T> {
  readonly value: T;
  readonly etag: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; give it back to go on. Absent on the last page. */
  readonly continuation?: string;
}

const watch = { organization: z.string(), evaluation: z.string() };

/** A run over all subjects of a watch. `runId` names its watch: `<organization>.<evaluation>.<slot or key>`. */
export const runRecord = z.object({
  ...watch,
  runId: z.string(),
  /** `schedule`, `request`, `facts` or `start`: what set it off. */
  trigger: z.string(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  /** After this it is finished with what there is, and reported as incomplete. */
  deadline: z.string(),
  subjects: z.number(),
  slices: z.number(),
  state: z.enum(['running', 'finished', 'incomplete']),
  finishedAt: z.string().exactOptional(),
});

export type RunRecord = Readonly<z.infer<typeof runRecord>>;

/** How many subjects have each answer, by question. */
export const answerCounts = z.record(z.string(), z.record(z.string(), z.number()));

/** What one slice found, written in the slice's own transaction: progress is counted from these, without a hot row. */
export const sliceResult = z.object({
  runId: z.string(),
  slice: z.number(),
  subjects: z.number(),
  answers: answerCounts,
  /** Findings by verdict. */
  verdicts: z.record(z.string(), z.number()),
  /** Changes worth telling that went to no channel, because no route of the document takes them. */
  unrouted: z.number().exactOptional(),
});

export type SliceResult = Readonly<z.infer<typeof sliceResult>>;

/** A cause without its subjects (`domain/causes.ts`). */
const keptCause = z.object({
  key: z.string(),
  rule: z.string(),
  owner: z.enum(owners).exactOptional(),
  severity: z.enum(severities),
  what: z.string(),
  isAdvice: z.boolean(),
  /** How many subjects. */
  subjects: z.number(),
  since: z.string().exactOptional(),
});

/** What a watch came to when a run of it was over. */
export const watchSummary = z.object({
  runId: z.string(),
  /** When the run started (ISO 8601, UTC); of summaries of a release before it is not known. */
  startedAt: z.string().exactOptional(),
  /** When it was counted, and when the oldest and the newest of the supplied facts were observed (ISO 8601, UTC). */
  at: z.string(),
  factsFrom: z.string().exactOptional(),
  factsTo: z.string().exactOptional(),
  counts: watchCounts,
  /** Whether all subjects of the run were looked at. */
  state: z.enum(['finished', 'incomplete']).exactOptional(),
  /** By question: since when its worst answer is what it is (ISO 8601, UTC), of the subject that has it longest. */
  since: z.record(z.string(), z.string()).exactOptional(),
  /** What is to be mended, the most serious first. */
  causes: z.array(keptCause).readonly().exactOptional(),
  /** The last run that changed how many answers are no or undetermined. */
  changed: z
    .object({ kind: z.enum(['broke', 'could not look', 'mended']), count: z.number(), at: z.string() })
    .exactOptional(),
});

export type WatchSummary = Readonly<z.infer<typeof watchSummary>>;

/** When a channel last took a notice of a watch, and of which run. */
export const lastDelivery = z.object({ channel: z.string(), runId: z.string(), at: z.string() });

export type LastDelivery = Readonly<z.infer<typeof lastDelivery>>;

export interface RunProgress {
  readonly run: RunRecord;
  /** Of the run, without its slices. */
  readonly etag: string;
  readonly slices: readonly SliceResult[];
}

/** One subject's part of a commit. */
export interface SubjectChange {
  readonly subject: string;
  readonly state: SubjectState;
  /** ETag of the state that was compared with; undefined when there was none. */
  readonly expected?: string | undefined;
  /** Goes into the history when the findings changed. */
  readonly superseded?: SubjectState | undefined;
  /** For the outbox, one for each channel. */
  readonly pending: readonly PendingNotice[];
}

export interface SubjectComparison {
  /** Subjects without a state: never looked at, or taken out of the watch since. */
  readonly missing: readonly string[];
  /** Those with a state that are not among those to be watched. */
  readonly others: readonly string[];
}

/** Reads about the subjects of one run, slice after slice. What it gives may be older than what a writer has written since. */
export interface SliceReader {
  /** States of the named subjects that have one. */
  states(subjects: readonly string[]): Promise<ReadonlyMap<string, Versioned<SubjectState>>>;
  /** Facts that are kept about these subjects, expired ones included. */
  facts(subjects: readonly string[]): Promise<readonly StoredFacts[]>;
}

/**
 * `conflict`: somebody else wrote one of these subjects since; nothing of the conflicting transaction is written. Read and
 * compare again. `ended`: committed, and the run has ended with it.
 */
export type CommitResult = 'committed' | 'ended' | 'conflict';

/** A run that ends with its only slice. */
export interface RunEnd {
  /** As it is to be. */
  readonly run: RunRecord;
  /** As {@link Store.createRun} gave it: who ended the run meanwhile is not overruled. */
  readonly etag: string;
}

/** All that is kept about the subjects of a watch. */
export interface WholeWatch {
  readonly states: readonly Versioned<SubjectState>[];
  /** Expired ones included. */
  readonly facts: readonly StoredFacts[];
}

/** A row of the outbox with the handle that claims and settles it. */
export interface OutboxRow {
  readonly id: string;
  readonly etag: string;
  readonly notice: PendingNotice;
  /** How often it was tried before. */
  readonly attempts: number;
  /** Not to be tried before (ISO 8601, UTC). */
  readonly notBefore?: string;
}

/** Supplied facts about one subject as kept: when they were observed and until when they count. */
export const storedFacts = z.object({
  ...watch,
  subject: z.string(),
  /** Names the supplied thing: `export/signing-configuration`, `node/EX1`. Of one subject and name the newest is kept. */
  name: z.string(),
  /** ISO 8601, UTC. */
  observedAt: z.string(),
  expiresAt: z.string(),
  /** Who sent it; of rows written before that was known it is not. */
  by: z.string().exactOptional(),
  /** The document as it came in, after validation. */
  content: z.unknown(),
});

export type StoredFacts = Readonly<z.infer<typeof storedFacts>>;

/** A document that is no longer the current one. Who replaced it stands in the audit. */
export const replacedDocument = z.object({
  /** ISO 8601, UTC. */
  replacedAt: z.string(),
  document: organizationDocument,
});

export type ReplacedDocument = Readonly<z.infer<typeof replacedDocument>>;

/** A key as it is kept, with what tells whether a caller has it. */
export const storedKey = organizationKey.extend({
  /** SHA-256 of the whole key, in hexadecimal: it is random enough for a fast hash. */
  hash: z.string(),
});

export type StoredKey = Readonly<z.infer<typeof storedKey>>;

/**
 * `run`: a run is under way. `notice`: something waits to be told. `open`: somebody cannot look, or a channel takes nothing.
 */
export const atHandKinds = ['run', 'notice', 'open'] as const;

export type AtHandKind = (typeof atHandKinds)[number];

/** That a watch has something to look after. */
export const atHand = z.object({
  ...watch,
  kind: z.enum(atHandKinds),
  /** When this was written (ISO 8601, UTC). */
  at: z.string(),
  /** Of a run, where it is known. */
  run: runRecord.pick({ startedAt: true, slices: true }).exactOptional(),
});

export type AtHand = Readonly<z.infer<typeof atHand>> & { readonly id: string };

/** What the entry of a run says. */
export type NotedRun = Pick<RunRecord, 'organization' | 'evaluation' | 'runId' | 'startedAt' | 'slices'>;

/** Runs whose entries were written. */
export interface NotedRuns {
  has(run: NotedRun): boolean;
}

/**
 * Which watches have something to look after, so that nobody has to ask all of them. The store writes an entry before it
 * writes what it is about, and deletes that of a run that it has finished: there may be one without a cause, and never a
 * cause without one, but for what a release before this one has written.
 */
export interface AtHandStore {
  /** In order of watch. */
  atHand(): Promise<readonly AtHand[]>;
  /**
   * Of several runs that are about to begin, so that one request writes the entries of all. Of one that never begins the entry
   * is without a cause.
   */
  noteRuns(runs: readonly NotedRun[]): Promise<NotedRuns>;
  /** For what was found without an entry. */
  noteAtHand(watch: Watch, kind: AtHandKind): Promise<void>;
  /** Of runs that ended with their only slice: {@link Store.finishRun} does so itself. */
  forgetRuns(runs: readonly Pick<RunRecord, 'organization' | 'evaluation' | 'runId'>[]): Promise<void>;
  /** Of these there is nothing left to do. */
  doneAtHand(ids: readonly string[]): Promise<void>;
  /** When all watches were last looked through for what has no entry (ISO 8601, UTC). */
  lookedThrough(): Promise<string | undefined>;
  keepLookedThrough(at: string): Promise<void>;
}

/** Who may do what, and who did what. */
export interface AccessStore {
  /** Of one organization, or of all, in order of organization. */
  grants(organization?: string): Promise<readonly Grant[]>;
  /** In the place of what the same grantee had there. */
  putGrant(grant: Grant): Promise<void>;
  /** @returns false when there was none */
  deleteGrant(grant: Pick<Grant, 'organization' | 'kind' | 'id'>): Promise<boolean>;

  key(id: string): Promise<Versioned<StoredKey> | undefined>;
  /** Of one organization, or of all; those that count no more included. */
  keys(organization?: string): Promise<readonly StoredKey[]>;
  /** @param etag undefined: must not exist yet. @returns false on conflict */
  putKey(key: StoredKey, etag: string | undefined): Promise<boolean>;

  /** Deletes what gives access to an organization: grants and keys. @returns rows deleted */
  deleteAccess(organization: string): Promise<number>;

  /** Writes down what is about to be changed; stays when its organization is deleted. */
  putAudit(entry: AuditEntry): Promise<void>;
  /** Of one organization, or of all, newest first. */
  audit(organization: string | undefined, limit: number, continuation?: string): Promise<Page<AuditEntry>>;
  /** Deletes what was done before `before`, also in organizations that are deleted; at most `limit`. @returns entries deleted */
  pruneAudit(before: string, limit: number): Promise<number>;
}

/** Last known state, history, outbox, organizations and supplied facts. Throws {@link StoreUnavailable} when the storage does not answer. */
export interface Store extends AccessStore, AtHandStore {
  /** Creates what is missing. Called once before anything else. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** Does the storage answer? Has a short time limit of its own. */
  ping(): Promise<void>;

  organization(id: string): Promise<Versioned<OrganizationDocument> | undefined>;
  /** All, or those of these that there are, best of neighbours: a page of them costs what one costs. */
  organizations(ids?: readonly string[]): Promise<readonly OrganizationDocument[]>;
  /**
   * Writes a document; the one before it goes into the organization's history in the same transaction, unless it is equal.
   *
   * @param etag undefined: must not exist yet; `*`: whatever there is
   * @param at when that is (ISO 8601, UTC)
   * @returns the new ETag, or undefined on conflict
   */
  putOrganization(document: OrganizationDocument, etag: string | undefined, at: string): Promise<string | undefined>;
  /** Documents that were replaced, newest first; the current one is not among them. */
  organizationHistory(id: string, limit: number, continuation?: string): Promise<Page<ReplacedDocument>>;
  /** What people said of incidents of an organization, what has ended included, in order of id. */
  statements(id: string): Promise<readonly Statement[]>;
  /** The same of several organizations, best of neighbours: those between them are read along. */
  statementsOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly Statement[]>>;
  /** Writes it over what is there under its id. */
  putStatement(id: string, statement: Statement): Promise<void>;
  /** Deletes the document, its history and what was said of it. @returns false when there was neither document nor history */
  deleteOrganization(id: string): Promise<boolean>;
  /** Deletes documents that were replaced, and what was said that ended, before `before`; at most `limit`. @returns rows deleted */
  pruneOrganization(id: string, before: string, limit: number): Promise<number>;

  /** Keeps how all was when somebody looked; of it the last one written. */
  keepHealth(kept: object): Promise<void>;
  /** As it was kept, whoever wrote it; undefined while nobody has. */
  keptHealth(): Promise<unknown>;

  /**
   * @param noted runs that have their entry among what is at hand already
   * @returns its ETag; undefined when the run exists already: somebody else started it
   */
  createRun(run: RunRecord, noted?: NotedRuns): Promise<string | undefined>;
  run(runId: string): Promise<RunProgress | undefined>;
  /** Newest first. */
  runs(watch: Watch, limit: number): Promise<readonly RunRecord[]>;
  /** Sets the final state once. @returns false when it was final already, or became so since it was read. */
  finishRun(read: RunProgress, state: 'finished' | 'incomplete', finishedAt: string): Promise<boolean>;

  /** States of the named subjects that have one. */
  states(watch: Watch, subjects: readonly string[]): Promise<ReadonlyMap<string, Versioned<SubjectState>>>;
  /**
   * For the slices of one run, in the order of their subjects: reads on beyond what is asked for, so that 1,000 subjects
   * cost one storage transaction and not one for each slice.
   */
  sliceReader(watch: Watch): SliceReader;
  /** A small watch, in two requests; undefined when there is more than a page of states or of facts. */
  wholeWatch(watch: Watch): Promise<WholeWatch | undefined>;
  /** All states of a watch in order of subject. */
  listStates(watch: Watch, limit: number, continuation?: string): Promise<Page<SubjectState>>;
  /** Compares the subjects that are to be watched with those that have a state, of which none is read. */
  compareSubjects(watch: Watch, subjects: readonly string[]): Promise<SubjectComparison>;
  /** Takes a subject out of the watch: its state goes into the history, the notices into the outbox. Once is enough. */
  removeSubject(watch: Watch, state: SubjectState, pending: readonly PendingNotice[]): Promise<void>;
  /** States that were superseded, newest first; the current one is not among them. */
  history(watch: Watch, subject: string, limit: number, continuation?: string): Promise<Page<SubjectState>>;
  /** The same of all subjects, in order of subject. */
  listHistory(watch: Watch, limit: number, continuation?: string): Promise<Page<SubjectState>>;

  /**
   * Writes the states, history and outbox rows of a slice, and last its result, in entity-group transactions; all of one
   * subject goes into one of them. A slice that was committed before stays as it is.
   *
   * @param end of the run, in the transaction of the result
   */
  commit(
    watch: Watch,
    changes: readonly SubjectChange[],
    result: SliceResult | undefined,
    end?: RunEnd,
  ): Promise<CommitResult>;

  /**
   * Outbox rows of a watch that wait, oldest first. With `dueAt` (ISO 8601, UTC) those that are put off beyond it are
   * passed over, so that a channel that does not answer never hides the notices of another.
   */
  pending(watch: Watch, limit: number, dueAt?: string): Promise<readonly OutboxRow[]>;
  /**
   * Takes rows before they are sent: puts them off until `until` (ISO 8601, UTC), when somebody else may try, and counts
   * the attempt. @returns those that nobody else has taken or settled since they were read: the caller's to send and settle
   */
  claim(watch: Watch, rows: readonly OutboxRow[], until: string): Promise<readonly OutboxRow[]>;
  /** `delivered` and `rejected` remove the rows from the outbox (rejected ones are kept apart for a person); `retry` puts them off. */
  settle(watch: Watch, rows: readonly OutboxRow[], outcome: Settlement): Promise<void>;
  /** Rows that a channel refused for good, newest first. */
  rejected(
    watch: Watch,
    limit: number,
  ): Promise<readonly (OutboxRow & { readonly reason: string; readonly at: string })[]>;
  /** Puts all that channels refused back into the outbox, as if it had never been tried. @returns how many notices */
  requeueRejected(watch: Watch): Promise<number>;

  /** Remembers that a channel took a notice; of each channel the newest is kept. */
  noteDelivery(watch: Watch, delivery: LastDelivery): Promise<void>;
  /** What is remembered of the channels of a watch, in order of channel. */
  lastDeliveries(watch: Watch): Promise<readonly LastDelivery[]>;

  /** Keeps what a watch came to; of each watch the last one written. */
  putSummary(watch: Watch, summary: WatchSummary): Promise<void>;
  /** Undefined while no run of the watch is over. */
  summary(watch: Watch): Promise<WatchSummary | undefined>;
  /** The summaries of one evaluation by organization: a few requests, however many organizations there are. */
  summaries(evaluation: string): Promise<ReadonlyMap<string, WatchSummary>>;
  /** The same of these organizations, best of neighbours, to be replaced with {@link putSummaries}. */
  summariesOf(
    evaluation: string,
    organizations: readonly string[],
  ): Promise<ReadonlyMap<string, Versioned<WatchSummary>>>;
  /**
   * Keeps what several watches came to, together where nobody else has written one of them since.
   *
   * @param kept `expected`: of the summary that was read; undefined: there was none
   * @returns the organizations whose summary was kept
   */
  putSummaries(
    evaluation: string,
    kept: readonly {
      readonly organization: string;
      readonly summary: WatchSummary;
      readonly expected: string | undefined;
    }[],
  ): Promise<ReadonlySet<string>>;

  /** What is remembered of a watch as a whole; undefined while nothing is. */
  watchMemory(watch: Watch): Promise<Versioned<WatchMemory> | undefined>;
  /**
   * Keeps what is remembered of a watch, and puts what it tells into the outbox, in one transaction.
   *
   * @param etag of the memory that was read; undefined: there was none
   * @returns false when somebody else wrote it since: nothing is written
   */
  putWatchMemory(
    watch: Watch,
    memory: WatchMemory,
    etag: string | undefined,
    pending: readonly PendingNotice[],
  ): Promise<boolean>;

  /**
   * Keeps facts, of any number of subjects; what is older than what is there already is left out.
   *
   * @param areNew most likely nothing is there: it is written first, and looked only where that fails
   */
  putFacts(facts: readonly StoredFacts[], areNew?: boolean): Promise<void>;
  /** Ids of the subjects that facts are kept about. */
  subjectsWithFacts(watch: Watch): Promise<readonly string[]>;
  /** What is kept about these subjects (about all of the watch, when left out), expired facts included. */
  facts(watch: Watch, subjects?: readonly string[]): Promise<readonly StoredFacts[]>;

  /** Deletes history, settled outbox rows, finished runs and expired facts older than `before`; at most `limit` rows. @returns rows deleted */
  prune(watch: Watch, before: string, limit: number): Promise<number>;
  /** Deletes everything that is kept about a watch, supplied facts included. @returns rows deleted */
  purge(watch: Watch): Promise<number>;
  /** Writes what was read from a store, this one or another, over what is there; tells nobody. No row is in it twice. */
  restore(watch: Watch, kept: Kept): Promise<void>;
}

/** What an export holds of a watch. */
export interface Kept {
  readonly states: readonly SubjectState[];
  readonly history: readonly SubjectState[];
  readonly facts?: readonly StoredFacts[];
}

export type Settlement =
  | { readonly outcome: 'delivered'; readonly at: string }
  | { readonly outcome: 'rejected'; readonly at: string; readonly reason: string }
  | { readonly outcome: 'retry'; readonly notBefore: string };

/** A continuation that this list did not give out: another subject's, another watch's, or made up. */
export class InvalidContinuation extends Error {
  constructor() {
    super('The continuation does not belong to this list. Leave it out to start with the first page.');
    this.name = 'InvalidContinuation';
  }
}

/**
 * The storage did not answer or refused. A transaction is written whole or not at all; whether it is, is not known when
 * the answer was lost, so do the work again: a commit that is there already stays as it is.
 */
export class StoreUnavailable extends Error {
  constructor(detail: string, options?: ErrorOptions) {
    super(`The storage is not available: ${detail}`, options);
    this.name = 'StoreUnavailable';
  }
}
