// The store's semantics over tables of rows: the same for the tables in Azure and those in memory.
import { z } from 'zod';
import { type SubjectState, subjectState } from '../domain/compare.ts';
import { pendingNotice } from '../domain/notice.ts';
import { organizationDocument } from '../domain/organization.ts';
import { evaluationIds } from '../domain/rule.ts';
import {
  behind,
  committedAheadKey,
  continuationTo,
  encodeKey,
  historyKey,
  historyPrefix,
  newestFirst,
  organizationsPartition,
  outboxKey,
  outboxPrefix,
  partitionKey,
  placeOf,
  rejectedKey,
  rejectedPrefix,
  runIndexKey,
  runIndexPrefix,
  runKey,
  runPrefix,
  sliceKey,
  stateKey,
  statePrefix,
  subjectHistoryPrefix,
  timeOfHistoryKey,
  watchOfRun,
  withPrefix,
} from './keys.ts';
import { pack, RowTooLarge, unpack, wireBytes } from './rows.ts';
import {
  InvalidContinuation,
  type OutboxRow,
  type Page,
  type Settlement,
  type SliceResult,
  type Store,
  StoreUnavailable,
  type SubjectChange,
  type Versioned,
  type Watch,
} from './store.ts';
import {
  maxOperations,
  maxTransactionBytes,
  operationOverheadBytes,
  type Row,
  type Table,
  type Tables,
  type Write,
} from './tables.ts';

const pageSize = 1_000;

const runRecord = z.object({
  organization: z.string(),
  evaluation: z.enum(evaluationIds),
  runId: z.string(),
  trigger: z.string(),
  startedAt: z.string(),
  deadline: z.string(),
  subjects: z.number(),
  slices: z.number(),
  state: z.enum(['running', 'finished', 'incomplete']),
  finishedAt: z.string().exactOptional(),
});

const sliceResult = z.object({
  runId: z.string(),
  slice: z.number(),
  subjects: z.number(),
  answers: z.record(z.string(), z.record(z.string(), z.number())),
  verdicts: z.record(z.string(), z.number()),
});

const outboxEntry = z.object({
  notice: pendingNotice,
  attempts: z.number(),
  notBefore: z.string().exactOptional(),
});

const rejectedEntry = outboxEntry.extend({ reason: z.string(), at: z.string() });

const storedFacts = z.object({
  organization: z.string(),
  evaluation: z.enum(evaluationIds),
  name: z.string(),
  observedAt: z.string(),
  expiresAt: z.string(),
  content: z.unknown(),
});

/** Subjects of a slice whose transaction went ahead of the one with the slice's result. */
const committedAhead = z.object({ subjects: z.array(z.string()) });

export function createRowStore({ organizations, evaluations, facts, ping }: Tables): Store {
  return {
    async open() {
      await Promise.all([organizations.open(), evaluations.open(), facts.open()]);
    },
    async close() {},
    ping,

    async organization(id) {
      const row = await organizations.get(organizationsPartition, encodeKey(id));
      return row && { value: unpack(organizationDocument, row), etag: row.etag };
    },

    async organizations() {
      return unpackAll(organizationDocument, rowsWithPrefix(organizations, organizationsPartition, ''));
    },

    async putOrganization(document, etag) {
      const rowKey = encodeKey(document.id);
      const cells = pack(`The organization document of ${document.id}`, document);
      const write: Write =
        etag === undefined
          ? { kind: 'create', rowKey, cells }
          : etag === '*'
            ? { kind: 'put', rowKey, cells }
            : { kind: 'replace', rowKey, cells, etag };
      const written = await organizations.write(organizationsPartition, [write]);
      return written.outcome === 'written' ? written.etags[0] : undefined;
    },

    async deleteOrganization(id) {
      const written = await organizations.write(organizationsPartition, [{ kind: 'delete', rowKey: encodeKey(id) }]);
      return written.outcome === 'written';
    },

    async createRun(run) {
      const watch = watchOfRun(run.runId);
      if (watch === undefined || partitionKey(watch) !== partitionKey(run)) {
        throw new Error(
          `"${run.runId}" is no id for a run of ${run.evaluation} of ${run.organization}; ` +
            `it has to start with "${run.organization}.${run.evaluation}."`,
        );
      }
      const cells = pack(`The run ${run.runId}`, run);
      const written = await evaluations.write(partitionKey(run), [
        { kind: 'create', rowKey: runKey(run.runId), cells },
        { kind: 'put', rowKey: runIndexKey(run), cells },
      ]);
      return written.outcome === 'written';
    },

    async run(runId) {
      const watch = watchOfRun(runId);
      if (watch === undefined) return undefined;
      const prefix = runPrefix(runId);
      const slices: SliceResult[] = [];
      let run: z.infer<typeof runRecord> | undefined;
      for await (const row of rowsWithPrefix(evaluations, partitionKey(watch), prefix)) {
        const rest = row.rowKey.slice(prefix.length);
        if (rest === 'run') run = unpack(runRecord, row);
        else if (!rest.includes('_')) slices.push(unpack(sliceResult, row));
      }
      return run && { run, slices };
    },

    async runs(watch, limit) {
      const rows = await evaluations.range(partitionKey(watch), { ...withPrefix(runIndexPrefix), limit });
      return rows.map((row) => unpack(runRecord, row));
    },

    async finishRun(runId, state, finishedAt) {
      const watch = watchOfRun(runId);
      const row = watch && (await evaluations.get(partitionKey(watch), runKey(runId)));
      if (watch === undefined || row === undefined) return false;
      const run = unpack(runRecord, row);
      if (run.state !== 'running') return false;
      const cells = pack(`The run ${runId}`, { ...run, state, finishedAt });
      const written = await evaluations.write(partitionKey(watch), [
        { kind: 'replace', rowKey: row.rowKey, cells, etag: row.etag },
        { kind: 'put', rowKey: runIndexKey(run), cells },
      ]);
      return written.outcome === 'written';
    },

    async states(watch, subjects) {
      const subjectOf = new Map(subjects.map((subject) => [stateKey(subject), subject]));
      const keys = [...subjectOf.keys()].sort();
      const found = new Map<string, Versioned<SubjectState>>();
      // One range over neighbours is one storage transaction. Where others stand in between, the next range starts
      // behind them, at the next subject that is wanted.
      for (let next = 0; next < keys.length; ) {
        const from = keys[next] ?? '';
        const limit = Math.min(keys.length - next + 4, pageSize);
        const rows = await evaluations.range(partitionKey(watch), { from, to: keys.at(-1) ?? from, limit });
        for (const row of rows) {
          const subject = subjectOf.get(row.rowKey);
          if (subject !== undefined) found.set(subject, { value: unpack(subjectState, row), etag: row.etag });
        }
        const reached = rows.at(-1)?.rowKey;
        if (reached === undefined || rows.length < limit) break;
        while (next < keys.length && (keys[next] ?? '') <= reached) next += 1;
      }
      return found;
    },

    listStates: (watch, limit, continuation) => statePage(watch, statePrefix, limit, continuation),

    async removeState(watch, subject) {
      await evaluations.write(partitionKey(watch), [{ kind: 'delete', rowKey: stateKey(subject) }]);
    },

    history: (watch, subject, limit, continuation) =>
      statePage(watch, subjectHistoryPrefix(subject), limit, continuation),

    async commit(watch, changes, result) {
      const partition = partitionKey(watch);
      let groups = changes.map(groupOf);
      const mayTellTwice = changes.some(({ pending }) => pending.length > 0);
      // The result row makes a slice of one transaction happen once. One that was cut short between transactions, or
      // whose notices may be delivered and gone by now, is known by what it left behind.
      if (result !== undefined && (mayTellTwice || inTransactions(groups).length > 1)) {
        const earlier = await committedOf(partition, result);
        if (earlier === 'all') return 'committed';
        groups = groups.filter(({ subject }) => !earlier.has(subject));
      }
      const transactions = inTransactions(groups);
      for (const [index, transaction] of transactions.entries()) {
        const writes = transaction.flatMap((group) => group.writes);
        if (result !== undefined) {
          const isLast = index === transactions.length - 1;
          writes.push(
            isLast
              ? resultRow(result)
              : aheadRow(
                  result,
                  transaction.map(({ subject }) => subject),
                ),
          );
        }
        if ((await evaluations.write(partition, writes)).outcome === 'written') continue;
        const isDone = result !== undefined && (await committedOf(partition, result)) === 'all';
        return isDone ? 'committed' : 'conflict';
      }
      if (transactions.length === 0 && result !== undefined) await evaluations.write(partition, [resultRow(result)]);
      return 'committed';
    },

    async pending(watch, limit, dueAt) {
      const waiting: OutboxRow[] = [];
      if (limit <= 0) return waiting;
      for await (const row of rowsWithPrefix(evaluations, partitionKey(watch), outboxPrefix, limit)) {
        const entry = unpack(outboxEntry, row);
        if (dueAt !== undefined && entry.notBefore !== undefined && isLater(entry.notBefore, dueAt)) continue;
        waiting.push({ id: row.rowKey, ...entry });
        if (waiting.length === limit) break;
      }
      return waiting;
    },

    async settle(watch, rows, settlement) {
      const partition = partitionKey(watch);
      const groups = rows.map((row): Group => {
        const writes = settlementWrites(row, settlement);
        return { writes, bytes: sizeOf(writes) };
      });
      for (const transaction of inTransactions(groups)) {
        const writes = transaction.flatMap((group) => group.writes);
        if ((await evaluations.write(partition, writes)).outcome === 'written') continue;
        // Somebody else settled one of them meanwhile: that one is done, the others are still to do.
        for (const group of transaction) await evaluations.write(partition, group.writes);
      }
    },

    async rejected(watch, limit) {
      const rows = await evaluations.range(partitionKey(watch), { ...withPrefix(rejectedPrefix), limit });
      return rows.map((row) => ({ id: row.rowKey, ...unpack(rejectedEntry, row) }));
    },

    async putFacts(supplied) {
      const partition = partitionKey(supplied);
      const rowKey = encodeKey(supplied.name);
      const cells = pack(`The facts ${supplied.name} of ${supplied.organization}`, supplied);
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        const row = await facts.get(partition, rowKey);
        if (row && isLater(unpack(storedFacts, row).observedAt, supplied.observedAt)) return;
        const write: Write = row
          ? { kind: 'replace', rowKey, cells, etag: row.etag }
          : { kind: 'create', rowKey, cells };
        if ((await facts.write(partition, [write])).outcome === 'written') return;
      }
      throw new StoreUnavailable(`the facts ${supplied.name} of ${supplied.organization} are being written by others`);
    },

    async facts(organization, evaluation, now) {
      const all = await unpackAll(storedFacts, rowsWithPrefix(facts, partitionKey({ organization, evaluation }), ''));
      return all.filter(({ expiresAt }) => isLater(expiresAt, now));
    },

    async prune(watch, before, limit) {
      const partition = partitionKey(watch);
      let left = limit;
      const remove = async (table: Table, rowKeys: readonly string[]) => {
        left -= await deleteRows(table, partition, rowKeys);
      };
      await remove(evaluations, await oldHistory(partition, before, left));
      const rejected = { ...withPrefix(rejectedPrefix), from: `${rejectedPrefix}${newestFirst(before)}` };
      await remove(evaluations, await keysIn(partition, behind(rejected.from), rejected.to, left));
      for (const index of await evaluations.range(partition, {
        from: behind(`${runIndexPrefix}${newestFirst(before)}`),
        to: withPrefix(runIndexPrefix).to,
        limit: left,
      })) {
        const run = unpack(runRecord, index);
        if (run.state === 'running' || left <= 0) continue;
        const { from, to } = withPrefix(runPrefix(run.runId));
        const parts = await keysIn(partition, from, to, left);
        await remove(evaluations, parts);
        // The index goes last, so that what is left of a run is found again.
        if (left > 0) await remove(evaluations, [index.rowKey]);
      }
      const expired: string[] = [];
      for await (const row of rowsWithPrefix(facts, partition, '')) {
        if (expired.length < left && isLater(before, unpack(storedFacts, row).expiresAt)) expired.push(row.rowKey);
      }
      await remove(facts, expired);
      return limit - left;
    },
  };

  async function statePage(
    watch: Watch,
    prefix: string,
    limit: number,
    continuation: string | undefined,
  ): Promise<Page<SubjectState>> {
    const partition = partitionKey(watch);
    const bounds = withPrefix(prefix);
    const from = continuation === undefined ? bounds.from : placeOf(continuation, partition, prefix);
    if (from === undefined) throw new InvalidContinuation();
    // One more than asked for: it says whether there is a next page, and where that starts.
    const rows = await evaluations.range(partition, { from, to: bounds.to, limit: limit + 1 });
    const items = rows.slice(0, limit).map((row) => unpack(subjectState, row));
    const next = rows[limit];
    return next === undefined ? { items } : { items, continuation: continuationTo(partition, next.rowKey) };
  }

  /** What is there of a slice already: all of it, or these subjects. */
  async function committedOf(partition: string, { runId, slice }: SliceResult): Promise<'all' | ReadonlySet<string>> {
    const key = sliceKey(runId, slice);
    const subjects = new Set<string>();
    for await (const row of rows(evaluations, partition, key, `${key}_~`, pageSize)) {
      if (row.rowKey === key) return 'all';
      for (const subject of unpack(committedAhead, row).subjects) subjects.add(subject);
    }
    return subjects;
  }

  async function oldHistory(partition: string, before: string, limit: number): Promise<readonly string[]> {
    const cutoff = newestFirst(before);
    const old: string[] = [];
    const { from, to } = withPrefix(historyPrefix);
    for await (const { rowKey } of rows(evaluations, partition, from, to, pageSize, true)) {
      if (old.length === limit) break;
      if (timeOfHistoryKey(rowKey) > cutoff) old.push(rowKey);
    }
    return old;
  }

  async function keysIn(partition: string, from: string, to: string, limit: number): Promise<readonly string[]> {
    if (limit <= 0) return [];
    return (await evaluations.range(partition, { from, to, limit, keysOnly: true })).map(({ rowKey }) => rowKey);
  }
}

function resultRow(result: SliceResult): Write {
  const { runId, slice } = result;
  return {
    kind: 'create',
    rowKey: sliceKey(runId, slice),
    cells: pack(`The result of slice ${slice} of ${runId}`, result),
  };
}

function aheadRow({ runId, slice }: SliceResult, subjects: readonly string[]): Write {
  return {
    kind: 'put',
    rowKey: committedAheadKey(runId, slice, subjects[0] ?? ''),
    cells: pack(`The progress of slice ${slice} of ${runId}`, { subjects }),
  };
}

/** Writes that stand in one transaction or in none. */
interface Group {
  readonly writes: readonly Write[];
  readonly bytes: number;
}

/** @throws RowTooLarge when no transaction can hold what is to be written about the subject. */
function groupOf({ subject, state, expected, superseded, pending }: SubjectChange): Group & { subject: string } {
  const cells = pack(`The state of ${subject}`, state);
  const rowKey = stateKey(subject);
  const writes: Write[] = [
    expected === undefined ? { kind: 'create', rowKey, cells } : { kind: 'replace', rowKey, cells, etag: expected },
  ];
  if (superseded !== undefined) {
    writes.push({
      kind: 'put',
      rowKey: historyKey(subject, superseded.run.at, superseded.runId),
      cells: pack(`The history of ${subject}`, superseded),
    });
  }
  for (const notice of pending) {
    const what = `The notice about ${subject} for channel ${notice.channel}`;
    writes.push({ kind: 'put', rowKey: outboxKey(notice), cells: pack(what, { notice, attempts: 0 }) });
  }
  const what = `What changed about ${subject}`;
  if (writes.length >= maxOperations) {
    const most = `a transaction holds ${maxOperations - 1}`;
    throw new RowTooLarge(what, `it is ${writes.length} rows, and ${most}. Give the evaluation fewer channels.`);
  }
  const bytes = sizeOf(writes);
  if (bytes > maxTransactionBytes) {
    throw new RowTooLarge(what, `it takes ${bytes} bytes, and a transaction holds ${maxTransactionBytes}`);
  }
  return { subject, writes, bytes };
}

/** As few transactions as hold the groups, in the order given; in each, one operation stays free for a closing row. */
function inTransactions<G extends Group>(groups: readonly G[]): readonly (readonly G[])[] {
  const transactions: G[][] = [];
  let operations = 0;
  let bytes = 0;
  for (const group of groups) {
    let transaction = transactions.at(-1);
    const isFull = operations + group.writes.length >= maxOperations || bytes + group.bytes > maxTransactionBytes;
    if (transaction === undefined || isFull) {
      transaction = [];
      transactions.push(transaction);
      operations = 0;
      bytes = 0;
    }
    transaction.push(group);
    operations += group.writes.length;
    bytes += group.bytes;
  }
  return transactions;
}

function sizeOf(writes: readonly Write[]): number {
  return writes.reduce(
    (sum, write) => sum + operationOverheadBytes + (write.kind === 'delete' ? 0 : wireBytes(write.cells)),
    0,
  );
}

function settlementWrites({ id, notice, attempts }: OutboxRow, settlement: Settlement): readonly Write[] {
  const what = `The notice about ${notice.subject} for channel ${notice.channel}`;
  switch (settlement.outcome) {
    case 'delivered':
      return [{ kind: 'delete', rowKey: id }];
    case 'rejected': {
      const { reason, at } = settlement;
      const cells = pack(what, { notice, attempts: attempts + 1, reason, at });
      return [
        { kind: 'delete', rowKey: id },
        { kind: 'put', rowKey: rejectedKey(id, at), cells },
      ];
    }
    case 'retry': {
      const cells = pack(what, { notice, attempts: attempts + 1, notBefore: settlement.notBefore });
      return [{ kind: 'replace', rowKey: id, cells, etag: '*' }];
    }
  }
}

/** @returns how many of the rows were there. */
async function deleteRows(table: Table, partition: string, rowKeys: readonly string[]): Promise<number> {
  let deleted = 0;
  for (let start = 0; start < rowKeys.length; start += maxOperations) {
    const writes = rowKeys.slice(start, start + maxOperations).map((rowKey): Write => ({ kind: 'delete', rowKey }));
    if ((await table.write(partition, writes)).outcome === 'written') {
      deleted += writes.length;
      continue;
    }
    for (const write of writes) {
      if ((await table.write(partition, [write])).outcome === 'written') deleted += 1;
    }
  }
  return deleted;
}

function rowsWithPrefix(table: Table, partition: string, prefix: string, first = pageSize): AsyncGenerator<Row> {
  const { from, to } = withPrefix(prefix);
  return rows(table, partition, from, to, Math.min(first, pageSize));
}

async function* rows(
  table: Table,
  partition: string,
  from: string,
  to: string,
  limit: number,
  keysOnly = false,
): AsyncGenerator<Row> {
  for (let start = from; ; ) {
    const page = await table.range(partition, { from: start, to, limit, keysOnly });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    start = behind(last.rowKey);
  }
}

async function unpackAll<T extends z.ZodType>(schema: T, rows: AsyncIterable<Row>): Promise<z.infer<T>[]> {
  const documents: z.infer<T>[] = [];
  for await (const row of rows) documents.push(unpack(schema, row));
  return documents;
}

function isLater(a: string, b: string): boolean {
  return Date.parse(a) > Date.parse(b);
}
