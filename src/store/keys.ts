// Partition and row keys of the tables. Nothing else builds or takes apart a key.
//
// A row key is a letter for the kind of row, then encoded names and times, joined by `_`, which no encoded name holds:
//   s_<subject>                                  last known state
//   h_<subject>_<newest first>_<run id>          superseded state
//   o_<oldest first>_<run id>_<subject>_<channel>   outbox
//   x_<newest first>_<rest of the outbox key>    rejected by its channel
//   d_<channel>                                  when the channel last took a notice
//   c_memory                                     what is remembered of the watch as a whole
//   r_<run id>_run                               run
//   r_<run id>_<slice>                           result of a slice: the slice is committed
//   r_<run id>_<slice>_<first subject>           subjects of a slice that were committed ahead of its result
//   n_<newest first>_<run id>                    runs in order of time
//   f_<subject>_<name>                           supplied facts, in their own table
// The table of organizations has keys of its own:
//   <organization>                               its document
//   ~<organization>_<newest first>_<ETag>        a document that was replaced, behind all that are current
//   ~~<organization>_<id>                        a silence or an acceptance
// and in a partition for each evaluation, so that all organizations are read at once:
//   <organization>                               what the watch came to with its last run
// and one for what is at hand, so that one request reads where there is something to do:
//   <partition of the watch>_<kind>_<run id, or newest first and random>
//   ~looked                                      when all watches were looked through for it
// That of access has two partitions:
//   grant: <organization>_<kind>_<object id>     a role that somebody has in an organization
//   key: <id>                                    a key of an organization
// That of the audit has one for each organization and one (`~`) for all of them together:
//   <newest first>_<random>                      what somebody changed
import { createHash, randomUUID } from 'node:crypto';
import { organizationId } from '../domain/organization.ts';
import type { Watch } from './store.ts';

/** So that the three names in the longest row key stay within the 1,024 characters that Table Storage allows. */
const maxEncodedLength = 300;
const digestLength = 64;

/**
 * Writes any string in the characters `a-z 0-9 . - =`, so that it can be part of a key: domain names stay as they are,
 * every other UTF-16 unit becomes `=2f` or `=u20ac`. Names that get longer than 300 characters end in `~` and their
 * SHA-256 instead.
 */
export function encodeKey(name: string): string {
  const encoded = name.replace(/[^a-z0-9.-]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 0x100 ? `=${code.toString(16).padStart(2, '0')}` : `=u${code.toString(16).padStart(4, '0')}`;
  });
  if (encoded.length <= maxEncodedLength) return encoded;
  const digest = createHash('sha256').update(name, 'utf16le').digest('hex');
  return `${encoded.slice(0, maxEncodedLength - digestLength - 1)}~${digest}`;
}

/** The name that {@link encodeKey} wrote; undefined where only its digest is left of it. */
export function decodeKey(encoded: string): string | undefined {
  if (encoded.includes('~')) return undefined;
  return encoded.replace(/=(?:u([0-9a-f]{4})|([0-9a-f]{2}))/g, (_, wide?: string, narrow?: string) =>
    String.fromCharCode(Number.parseInt(wide ?? narrow ?? '', 16)),
  );
}

/** The one partition that holds everything about a watch. No evaluation id has a dot, so the last dot parts the two. */
export function partitionKey(watch: Watch): string {
  return `${encodeKey(watch.organization)}.${watch.evaluation}`;
}

/** All organizations stand in one partition: there are hundreds, and they are listed together. */
export const organizationsPartition = 'organization';

/** How all was when somebody looked, beside them. */
export const healthPartition = 'health';
export const healthKey = 'kept';

/** Start of every row of a document that was replaced. */
export function replacedPrefix(organization: string): string {
  return `~${encodeKey(organization)}_`;
}

/** The ETag tells apart what was replaced within one millisecond. */
export function replacedKey(organization: string, at: string, etag: string): string {
  return `${replacedPrefix(organization)}${newestFirst(at)}_${encodeKey(etag)}`;
}

/** Rows of access are read together: there are a few for each organization. */
export const grantsPartition = 'grant';
export const keysPartition = 'key';

export function grantsPrefix(organization: string): string {
  return `${encodeKey(organization)}_`;
}

export function grantKey({ organization, kind, id }: { organization: string; kind: string; id: string }): string {
  return `${grantsPrefix(organization)}${encodeKey(kind)}_${encodeKey(id.toLowerCase())}`;
}

/** Of one organization, or of all. */
export function auditPartition(organization: string | undefined): string {
  return organization === undefined ? '~' : encodeKey(organization);
}

/** Entries of one process within one millisecond keep their order, those of several have keys of their own. */
export function auditKey(at: string): string {
  audited += 1;
  return `${newestFirst(at)}_${String(lastInMillisecond - (audited % lastInMillisecond)).padStart(6, '0')}_${randomUUID()}`;
}

const lastInMillisecond = 999_999;
let audited = 0;

/** Start of what was said of an organization's incidents. */
export function statementPrefix(organization: string): string {
  return `~~${encodeKey(organization)}_`;
}

export function statementKey(organization: string, id: string): string {
  return `${statementPrefix(organization)}${encodeKey(id)}`;
}

/** Ids of evaluations are part of keys, as narrow as an organization's. */
const evaluationId = /^[a-z][a-z0-9-]*$/;

/** Splits `<organization>.<evaluation>.<rest>`; undefined for a run id of any other shape. */
export function watchOfRun(runId: string): Watch | undefined {
  const [organization = '', evaluation = '', ...rest] = runId.split('.');
  const isRun =
    organizationId.safeParse(organization).success && evaluationId.test(evaluation) && rest.join('.') !== '';
  return isRun ? { organization, evaluation } : undefined;
}

export const statePrefix = 's_';
export const historyPrefix = 'h_';
export const outboxPrefix = 'o_';
export const rejectedPrefix = 'x_';
export const runIndexPrefix = 'n_';

export function stateKey(subject: string): string {
  return `${statePrefix}${encodeKey(subject)}`;
}

/** Undefined where only the digest of it is left. */
export function subjectOfStateKey(rowKey: string): string | undefined {
  return decodeKey(rowKey.slice(statePrefix.length));
}

/** Start of every history row of a subject. */
export function subjectHistoryPrefix(subject: string): string {
  return `${historyPrefix}${encodeKey(subject)}_`;
}

export function historyKey(subject: string, at: string, runId: string): string {
  return `${subjectHistoryPrefix(subject)}${newestFirst(at)}_${encodeKey(runId)}`;
}

/** Time of a history row, in the newest-first form that {@link newestFirst} gives. */
export function timeOfHistoryKey(rowKey: string): string {
  return rowKey.split('_')[2] ?? '';
}

export const factsPrefix = 'f_';

/** Start of every row of supplied facts of a subject. */
export function subjectFactsPrefix(subject: string): string {
  return `${factsPrefix}${encodeKey(subject)}_`;
}

export function factsKey({ subject, name }: { subject: string; name: string }): string {
  return `${subjectFactsPrefix(subject)}${encodeKey(name)}`;
}

/** The {@link subjectFactsPrefix} that a row of supplied facts starts with. */
export function subjectFactsPrefixOf(rowKey: string): string {
  return rowKey.slice(0, rowKey.lastIndexOf('_') + 1);
}

/** The subject of a row of supplied facts; undefined when its name is too long to stand in the key. */
export function subjectOfFactsKey(rowKey: string): string | undefined {
  return decodeKey(rowKey.slice(factsPrefix.length, rowKey.lastIndexOf('_')));
}

export function outboxKey(notice: { at: string; runId: string; subject: string; channel: string }): string {
  const { at, runId, subject, channel } = notice;
  return `${outboxPrefix}${oldestFirst(at)}_${encodeKey(runId)}_${encodeKey(subject)}_${encodeKey(channel)}`;
}

export const deliveryPrefix = 'd_';

export function deliveryKey(channel: string): string {
  return `${deliveryPrefix}${encodeKey(channel)}`;
}

/** The summaries of one evaluation, of all organizations together: they are read together. */
export function summariesPartition(evaluation: string): string {
  return `summary.${evaluation}`;
}

export const watchMemoryKey = 'c_memory';

/** What is at hand, of all watches together. */
export const atHandPartition = 'at-hand';
/** Behind all that is at hand. */
export const lookedThroughKey = '~looked';

/** Start of what is at hand in a watch. */
export function atHandPrefix(watch: Watch): string {
  return `${partitionKey(watch)}_`;
}

/** Of a run, so that whoever ends it knows the key. */
export function runAtHandKey(watch: Watch, runId: string): string {
  return `${atHandPrefix(watch)}run_${encodeKey(runId)}`;
}

/** Nobody else ever writes this key: whoever has found it, and nothing to do, may delete it. */
export function atHandKey(watch: Watch, kind: string, at: string): string {
  return `${atHandPrefix(watch)}${kind}_${newestFirst(at)}_${randomUUID()}`;
}

export function rejectedKey(outboxRowKey: string, at: string): string {
  return `${rejectedPrefix}${newestFirst(at)}_${outboxRowKey.slice(outboxPrefix.length)}`;
}

/** Start of the row of a run and of everything its slices wrote about their progress. */
export function runPrefix(runId: string): string {
  return `r_${encodeKey(runId)}_`;
}

export function runKey(runId: string): string {
  return `${runPrefix(runId)}run`;
}

export function sliceKey(runId: string, slice: number): string {
  return `${runPrefix(runId)}${String(slice).padStart(6, '0')}`;
}

export function committedAheadKey(runId: string, slice: number, firstSubject: string): string {
  return `${sliceKey(runId, slice)}_${encodeKey(firstSubject)}`;
}

export function runIndexKey(run: { startedAt: string; runId: string }): string {
  return `${runIndexPrefix}${newestFirst(run.startedAt)}_${encodeKey(run.runId)}`;
}

/** Bounds that hold every row key with this start: `~` never follows a prefix and is above all that does. */
export function withPrefix(prefix: string): { from: string; to: string } {
  return { from: prefix, to: `${prefix}~` };
}

/** A lower bound for the keys behind this one: `!` is below every character that keys are made of. */
export function behind(rowKey: string): string {
  return `${rowKey}!`;
}

const lastMillisecond = 9_999_999_999_999;

/** 13 digits that sort the newest time first. @throws RangeError when `iso` is no time between 1970 and 2286 */
export function newestFirst(iso: string): string {
  return String(lastMillisecond - milliseconds(iso)).padStart(13, '0');
}

function oldestFirst(iso: string): string {
  return String(milliseconds(iso)).padStart(13, '0');
}

function milliseconds(iso: string): number {
  const time = Date.parse(iso);
  if (time >= 0 && time <= lastMillisecond) return time;
  throw new RangeError(`"${iso}" is no time that can be kept; write ISO 8601 in UTC, e.g. 2026-11-24T06:00:00.000Z`);
}

/** The opaque form in which a caller gets the place where the next page starts. */
export function continuationTo(partition: string, rowKey: string): string {
  return Buffer.from(`${partition} ${rowKey}`).toString('base64url');
}

/** @returns the row key where the page starts; undefined for a continuation that this list did not give out. */
export function placeOf(continuation: string, partition: string, prefix: string): string | undefined {
  const text = Buffer.from(continuation, 'base64url').toString();
  const place = text.slice(partition.length + 1);
  const isOurs = text.startsWith(`${partition} ${prefix}`) && /^[a-z0-9.=_~-]{1,1024}$/.test(place);
  return isOurs ? place : undefined;
}
