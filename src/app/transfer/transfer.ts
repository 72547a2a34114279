// An organization as NDJSON, one JSON document a line: its document, last known states, history, silences and acceptances,
// and supplied facts.
// The first line says what it is and of which version, the last one how much there was, so that a file that was cut off
// is never taken for a whole one. What is in flight (runs, undelivered notices) stays behind.
import { setImmediate as othersFirst } from 'node:timers/promises';
import pMap from 'p-map';
import { z } from 'zod';
import { auditEntry, organizationKey } from '../../domain/access.ts';
import { subjectState } from '../../domain/compare.ts';
import { parseJson, RefusedJson } from '../../domain/json.ts';
import {
  describeIssue,
  InvalidDocument,
  type OrganizationDocument,
  organizationId,
} from '../../domain/organization.ts';
import { statement } from '../../domain/statement.ts';
import { createMemoryStore } from '../../store/memory-store.ts';
import { type Page, type Store, storedFacts, type Watch } from '../../store/store.ts';
import { audited } from '../access/audit.ts';
import { listKeys } from '../access/keys.ts';
import { checkOrganization, shownOrganization, withStoredAddresses } from '../organizations/documents.ts';
import { purgeOrganization } from '../organizations/stored.ts';
import { storedOrganization } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { Problem } from '../problem.ts';

/** Rises when an older release could not read what this one writes. */
const version = 1;

/** Rows read and written at once: as many as are packed and unpacked before others have waited long for their turn. */
const batch = 200;

/** Of them, so that the storage is not waited for one after the other. */
const batchesAtOnce = 4;

/** Characters of lines that are read before others get their turn. */
const readAtOnce = 250_000;

/** Characters of one line: more than of any subject's facts, and read before others have waited long for their turn. */
const longestLine = 8_000_000;

/** Faults that are told of one file. */
const faultsTold = 20;

const counts = z.strictObject({
  states: z.number(),
  history: z.number(),
  facts: z.number(),
  /** Of silences and acceptances: exports of the release before have none. */
  statements: z.number().default(0),
});

/** How much was exported or imported. */
export type Counts = Readonly<z.infer<typeof counts>>;

export const imported = z.object({ organization: organizationId, counts });

const header = z.object({
  kind: z.literal('fieldcheck organization'),
  version: z.number(),
  organization: organizationId,
  exportedAt: z.string(),
});

const entry = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('document'), document: z.unknown() }),
  z.strictObject({ kind: z.literal('state'), state: subjectState }),
  z.strictObject({ kind: z.literal('history'), state: subjectState }),
  z.strictObject({ kind: z.literal('facts'), facts: storedFacts }),
  // For people who read the file. No key comes back from its name, and another deployment's audit is not this one's word:
  // an import takes in neither.
  z.strictObject({ kind: z.literal('key'), key: organizationKey }),
  z.strictObject({ kind: z.literal('audit'), entry: auditEntry }),
  z.strictObject({ kind: z.literal('statement'), statement }),
  z.strictObject({ kind: z.literal('end'), counts }),
]);

type Entry = z.infer<typeof entry>;

/**
 * Hands an organization over line by line. Addresses that are written into its document are not among it, only that
 * there are some.
 *
 * @throws Problem when there is no such organization
 */
export async function exportOrganization(
  ports: Pick<Ports, 'store' | 'clock' | 'evaluations'>,
  id: string,
  write: (line: string) => Promise<void>,
): Promise<Counts> {
  const { store } = ports;
  const { value: document } = await storedOrganization(ports, id);
  const put = (value: z.infer<typeof header> | Entry) => write(`${JSON.stringify(value)}\n`);
  const done = { states: 0, history: 0, facts: 0, statements: 0 };
  await put({ kind: 'fieldcheck organization', version, organization: id, exportedAt: ports.clock().toISOString() });
  await put({ kind: 'document', document: shownOrganization(document) });
  for (const said of await store.statements(id)) {
    await put({ kind: 'statement', statement: said });
    done.statements += 1;
  }
  for (const evaluation of ports.evaluations.ids) {
    const watch: Watch = { organization: id, evaluation };
    for await (const state of everyOne((from) => store.listStates(watch, batch, from))) {
      await put({ kind: 'state', state });
      done.states += 1;
    }
    for await (const state of everyOne((from) => store.listHistory(watch, batch, from))) {
      await put({ kind: 'history', state });
      done.history += 1;
    }
    for (const facts of await store.facts(watch)) {
      await put({ kind: 'facts', facts });
      done.facts += 1;
    }
  }
  for (const key of await listKeys(ports, id)) await put({ kind: 'key', key });
  for await (const one of everyOne((from) => store.audit(id, batch, from))) await put({ kind: 'audit', entry: one });
  await put({ kind: 'end', counts: done });
  return done;
}

async function* everyOne<T>(page: (continuation?: string) => Promise<Page<T>>): AsyncGenerator<T> {
  let next: Page<T> | undefined;
  do {
    next = await page(next?.continuation);
    yield* next.items;
  } while (next.continuation !== undefined);
}

/** A file that is read twice: once to check all of it, once to write. */
export interface ImportFile {
  readonly name: string;
  lines(): AsyncIterable<string>;
}

/**
 * Takes in what {@link exportOrganization} gave out, all of it or nothing. The whole file is checked, and written to a store
 * in memory, before anything is touched; the document is written last: while an import is not complete, the organization
 * does not exist. What a replaced one was is kept meanwhile, and is put back when the writing is cut short.
 *
 * @param replace what there is of the organization goes away first; its keys and who may do what stay
 * @param of the only organization that the file may be of
 * @throws InvalidDocument naming line and fault; Problem when the organization exists and is not to be replaced, or when
 *   the writing was cut short
 */
export async function importOrganization(
  ports: Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations' | 'localChannels' | 'by'>,
  given: ImportFile,
  replace: boolean,
  of?: string,
): Promise<z.infer<typeof imported>> {
  const { store, evaluations } = ports;
  const file = unhurried(given);
  const { organization, document, counts: announced } = await check(file, ports);
  if (of !== undefined && of !== organization)
    throw new Problem(400, `The file is of "${organization}", but the address says "${of}".`);
  const existing = await store.organization(organization);
  if (existing !== undefined && !replace) {
    throw new Problem(
      409,
      `The organization "${organization}" exists. Import with --replace to put the file in its place; what is stored of it now is then gone.`,
    );
  }
  const complete = withStoredAddresses(document, existing?.value);
  await rehearse(ports, organization, complete, file);
  const before = existing === undefined ? undefined : await exportedLines(ports, organization);
  const write = async (whole: OrganizationDocument, lines: ImportFile) => {
    await purgeOrganization(store, evaluations.ids, organization);
    await writeAll(store, organization, lines);
    if ((await store.putOrganization(whole, undefined, ports.clock().toISOString())) === undefined)
      throw new Error('somebody else wrote the organization meanwhile');
  };
  const instead = existing === undefined ? {} : { detail: 'in place of what there was' };
  await audited(ports, { action: 'import', organization, ...instead });
  try {
    if (existing !== undefined) await store.deleteOrganization(organization);
    await write(complete, file);
  } catch (error) {
    const cutShort = `The import of "${organization}" was cut short (${reasonOf(error)}).`;
    const again = 'The organization does not exist until it is complete: import the file again.';
    if (existing === undefined || before === undefined) throw new Problem(503, `${cutShort} ${again}`);
    const undone = await write(existing.value, unhurried(before)).then(
      () => 'What an export holds of what was there before is back.',
      (fault) => `What was there before could not be put back (${reasonOf(fault)}). ${again}`,
    );
    throw new Problem(503, `${cutShort} ${undone}`);
  }
  ports.log.info('organization imported', { organization, ...announced });
  return { organization, counts: announced };
}

/** The same file, with turns for others between its lines. */
function unhurried(file: ImportFile): ImportFile {
  return {
    name: file.name,
    async *lines() {
      let read = 0;
      for await (const line of file.lines()) {
        yield line;
        read += line.length;
        if (read < readAtOnce) continue;
        read = 0;
        await othersFirst();
      }
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Finds out what no row can hold, before anything goes away for it. @throws InvalidDocument */
async function rehearse(
  { clock }: Pick<Ports, 'clock'>,
  organization: string,
  document: OrganizationDocument,
  file: ImportFile,
): Promise<void> {
  const store = createMemoryStore();
  try {
    await writeAll(store, organization, file);
    await store.putOrganization(document, undefined, clock().toISOString());
  } catch (error) {
    throw new InvalidDocument(file.name, [reasonOf(error)]);
  }
}

async function exportedLines(
  ports: Pick<Ports, 'store' | 'clock' | 'evaluations'>,
  organization: string,
): Promise<ImportFile> {
  const lines: string[] = [];
  await exportOrganization(ports, organization, async (line) => void lines.push(line));
  return {
    name: organization,
    async *lines() {
      yield* lines;
    },
  };
}

/** Reads all of a file without writing. @throws InvalidDocument */
async function check(
  file: ImportFile,
  policy: Pick<Ports, 'evaluations' | 'localChannels'>,
): Promise<{ organization: string; document: OrganizationDocument; counts: Counts }> {
  const faults: string[] = [];
  const found = { states: 0, history: 0, facts: 0, statements: 0 };
  const subjects = new Set<string>();
  const supplied = new Set<string>();
  let organization: string | undefined;
  let document: OrganizationDocument | undefined;
  let end: Counts | undefined;
  let number = 0;
  for await (const line of file.lines()) {
    number += 1;
    if (line === '') continue;
    if (faults.length >= faultsTold) break;
    const at = `line ${number}`;
    if (organization === undefined) {
      organization = headerOf(file.name, line);
      continue;
    }
    if (end !== undefined) faults.push(`${at}: stands behind the end`);
    const one =
      line.length > longestLine
        ? { faults: [`is longer than ${longestLine} characters; no line of an export is`] }
        : entryOf(line);
    if ('faults' in one) {
      faults.push(...one.faults.map((fault) => `${at}: ${fault}`));
      continue;
    }
    const about = aboutOf(one);
    if (about !== undefined && !policy.evaluations.ids.includes(about.evaluation))
      faults.push(`${at}: is about "${about.evaluation}", an evaluation that this release does not have`);
    if (about !== undefined && about.organization !== organization)
      faults.push(`${at}: is about "${about.organization}", but the file is of "${organization}"`);
    switch (one.kind) {
      case 'document':
        if (document !== undefined)
          faults.push(`${at}: is a second document of "${organization}"; keep the one that counts`);
        document = checkOrganization(one.document, policy);
        if (document.id !== organization)
          faults.push(`${at}: is the document of "${document.id}", but the file is of "${organization}"`);
        break;
      case 'state': {
        const subject = `${one.state.run.evaluation} ${one.state.run.subject}`;
        if (subjects.has(subject)) faults.push(`${at}: is a second last known state of "${one.state.run.subject}"`);
        subjects.add(subject);
        found.states += 1;
        break;
      }
      case 'history':
        found.history += 1;
        break;
      case 'facts': {
        const { evaluation, subject, name } = one.facts;
        const key = JSON.stringify([evaluation, subject, name]);
        if (supplied.has(key)) faults.push(`${at}: is a second "${name}" about "${subject}"`);
        supplied.add(key);
        found.facts += 1;
        break;
      }
      case 'statement':
        found.statements += 1;
        break;
      case 'end':
        end = one.counts;
        break;
    }
  }
  if (organization === undefined) faults.push('is empty');
  else if (faults.length === 0) {
    if (end === undefined)
      faults.push(`is cut off after line ${number}: its last line, which counts the others, is missing`);
    else if (document === undefined) faults.push('holds no organization document');
    for (const name of ['states', 'history', 'facts', 'statements'] as const) {
      if (end !== undefined && end[name] !== found[name])
        faults.push(`holds ${found[name]} lines of ${name}, but its last line says ${end[name]}`);
    }
  }
  if (faults.length > 0 || organization === undefined || document === undefined || end === undefined)
    throw new InvalidDocument(file.name, faults);
  return { organization, document, counts: end };
}

/** Whose a line is; undefined for those that are not about one evaluation. */
function aboutOf(line: Entry): Watch | undefined {
  if (line.kind === 'facts') return line.facts;
  if (line.kind !== 'state' && line.kind !== 'history') return undefined;
  const { runId, run } = line.state;
  return { organization: runId.slice(0, Math.max(0, runId.indexOf('.'))), evaluation: run.evaluation };
}

/** @throws InvalidDocument when the file is no export, or of a later version */
function headerOf(name: string, line: string): string {
  const parsed = header.safeParse(jsonOf(line));
  if (!parsed.success)
    throw new InvalidDocument(name, ['line 1: is not the start of an export; write one with "fieldcheck export"']);
  if (parsed.data.version > version) {
    throw new InvalidDocument(name, [
      `line 1: is of version ${parsed.data.version}, and this release reads up to version ${version}; import it with the release that wrote it, or a later one`,
    ]);
  }
  return parsed.data.organization;
}

function entryOf(line: string): Entry | { readonly faults: readonly string[] } {
  let value: unknown;
  try {
    value = parseJson(line);
  } catch (error) {
    return { faults: [error instanceof RefusedJson ? error.message : 'is no JSON'] };
  }
  const parsed = entry.safeParse(value);
  return parsed.success ? parsed.data : { faults: parsed.error.issues.map(describeIssue) };
}

function jsonOf(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}

async function writeAll(store: Store, organization: string, file: ImportFile): Promise<void> {
  const write = async (entries: readonly Entry[]) => {
    for (const one of entries) if (one.kind === 'statement') await store.putStatement(organization, one.statement);
    const judged = entries.filter((one) => aboutOf(one) !== undefined);
    for (const [evaluation = '', own] of Map.groupBy(judged, (one) => aboutOf(one)?.evaluation)) {
      await store.restore(
        { organization, evaluation },
        {
          states: own.flatMap((one) => (one.kind === 'state' ? [one.state] : [])),
          history: own.flatMap((one) => (one.kind === 'history' ? [one.state] : [])),
          facts: own.flatMap((one) => (one.kind === 'facts' ? [one.facts] : [])),
        },
      );
    }
  };
  const writing: Promise<void>[] = [];
  const begin = (entries: readonly Entry[]) => {
    const one = write(entries);
    writing.push(one);
    return one;
  };
  try {
    await pMap(batchesOf(file), begin, { concurrency: batchesAtOnce });
  } finally {
    // Who is told that it was cut short finds nobody still writing.
    await Promise.allSettled(writing);
  }
}

async function* batchesOf(file: ImportFile): AsyncGenerator<readonly Entry[]> {
  let entries: Entry[] = [];
  for await (const line of file.lines()) {
    if (line === '') continue;
    const { data } = entry.safeParse(jsonOf(line));
    if (data !== undefined) entries.push(data);
    if (entries.length < batch) continue;
    yield entries;
    entries = [];
  }
  yield entries;
}
