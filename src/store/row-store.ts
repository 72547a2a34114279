// The store's semantics over tables of rows: the same for the tables in Azure and those in memory.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { isOpen, watchMemory } from '../domain/blindness.ts';
import { type SubjectState, subjectState } from '../domain/compare.ts';
import { type PendingNotice, pendingNotice } from '../domain/notice.ts';
import { type OrganizationDocument, organizationDocument } from '../domain/organization.ts';
import { type Statement, statement } from '../domain/statement.ts';
import { createAccessRows } from './access-rows.ts';
import { createAtHandRows } from './at-hand.ts';
import {
  behind,
  committedAheadKey,
  decodeKey,
  deliveryKey,
  deliveryPrefix,
  encodeKey,
  factsKey,
  factsPrefix,
  healthKey,
  healthPartition,
  historyKey,
  historyPrefix,
  newestFirst,
  organizationsPartition,
  outboxKey,
  outboxPrefix,
  partitionKey,
  rejectedKey,
  rejectedPrefix,
  replacedKey,
  replacedPrefix,
  runIndexKey,
  runIndexPrefix,
  runKey,
  runPrefix,
  sliceKey,
  stateKey,
  statementKey,
  statementPrefix,
  statePrefix,
  subjectFactsPrefix,
  subjectFactsPrefixOf,
  subjectHistoryPrefix,
  subjectOfFactsKey,
  subjectOfStateKey,
  summariesPartition,
  timeOfHistoryKey,
  watchMemoryKey,
  watchOfRun,
  withPrefix,
} from './keys.ts';
import {
  keysIn,
  pageOf,
  pageSize,
  removeRange,
  removeRows,
  rowsBetween,
  rowsWithPrefix,
  unpackAll,
  wantedRows,
} from './ranges.ts';
import { createReadAhead } from './read-ahead.ts';
import { pack, RowTooLarge, unpack } from './rows.ts';
import {
  lastDelivery,
  type OutboxRow,
  type Page,
  type RunEnd,
  replacedDocument,
  runRecord,
  type Settlement,
  type SliceResult,
  type Store,
  type StoredFacts,
  StoreUnavailable,
  type SubjectChange,
  sliceResult,
  storedFacts,
  type Versioned,
  type Watch,
  type WatchSummary,
  watchSummary,
} from './store.ts';
import {
  type Cells,
  maxOperations,
  maxTransactionBytes,
  type Row,
  type Table,
  type Tables,
  type Write,
} from './tables.ts';
import { type Group, groupOf, inTransactions, writeEach } from './transactions.ts';

const outboxEntry = z.object({
  notice: pendingNotice,
  attempts: z.number(),
  notBefore: z.string().exactOptional(),
});

const rejectedEntry = outboxEntry.extend({ reason: z.string(), at: z.string() });

/** Subjects of a slice whose transaction went ahead of the one with the slice's result. */
const committedAhead = z.object({ subjects: z.array(z.string()) });

export function createRowStore({ organizations, evaluations, facts, access, audit, ping }: Tables): Store {
  const { forgetWatch, ...atHand } = createAtHandRows(organizations);
  return {
    ...createAccessRows(access, audit),
    ...atHand,

    async open() {
      await Promise.all([organizations.open(), evaluations.open(), facts.open()]);
    },
    async close() {},
    ping,

    async organization(id) {
      const row = await organizations.get(organizationsPartition, encodeKey(id));
      return row && { value: unpack(organizationDocument, row), etag: row.etag };
    },

    organizations: (ids) =>
      unpackAll(
        organizationDocument,
        ids === undefined
          ? rowsWithPrefix(organizations, organizationsPartition, '')
          : wantedRows(organizations, organizationsPartition, ids.map(encodeKey)),
      ),

    async putOrganization(document, etag, at) {
      const rowKey = encodeKey(document.id);
      const cells = pack(`The organization document of ${document.id}`, document);
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        const before = etag === undefined ? undefined : await organizations.get(organizationsPartition, rowKey);
        const expected = etag === '*' ? before?.etag : etag;
        const write: Write =
          expected === undefined
            ? { kind: 'create', rowKey, cells }
            : { kind: 'update', rowKey, cells, etag: expected };
        const replaced = before === undefined ? [] : replacedWrites(before, document, at);
        const written = await organizations.write(organizationsPartition, [write, ...replaced]);
        if (written.outcome === 'written') return written.etags[0];
        if (etag !== '*') return undefined;
      }
      throw new StoreUnavailable(`the document of ${document.id} is being written by others again and again`);
    },

    organizationHistory: (id, limit, continuation) =>
      pageOf(organizations, organizationsPartition, replacedPrefix(id), replacedDocument, limit, continuation),

    statements: (id) =>
      unpackAll(statement, rowsWithPrefix(organizations, organizationsPartition, statementPrefix(id))),

    async statementsOf(ids) {
      const found = new Map<string, Statement[]>(ids.map((id) => [id, []]));
      const byPrefix = new Map(ids.map((id) => [statementPrefix(id), found.get(id)]));
      const prefixes = [...byPrefix.keys()].sort();
      const [from, last] = [prefixes[0], prefixes.at(-1)];
      if (from === undefined || last === undefined) return found;
      const { to } = withPrefix(last);
      for await (const row of rowsBetween(organizations, organizationsPartition, from, to, pageSize)) {
        const prefix = row.rowKey.slice(0, row.rowKey.indexOf('_') + 1);
        byPrefix.get(prefix)?.push(unpack(statement, row));
      }
      return found;
    },

    async putStatement(id, said) {
      const cells = pack(`What ${said.by} said as ${said.id}`, said);
      await organizations.write(organizationsPartition, [{ kind: 'put', rowKey: statementKey(id, said.id), cells }]);
    },

    async deleteOrganization(id) {
      // The document first: what is written from then on is a new one without a past.
      const written = await organizations.write(organizationsPartition, [{ kind: 'delete', rowKey: encodeKey(id) }]);
      const { from, to } = withPrefix(replacedPrefix(id));
      const replaced = await removeRange(organizations, organizationsPartition, from, to);
      const said = withPrefix(statementPrefix(id));
      await removeRange(organizations, organizationsPartition, said.from, said.to);
      return written.outcome === 'written' || replaced > 0;
    },

    async pruneOrganization(id, before, limit) {
      const prefix = replacedPrefix(id);
      const from = withPrefix(`${prefix}${newestFirst(before)}_`).to;
      const old = await keysIn(organizations, organizationsPartition, from, withPrefix(prefix).to, limit);
      const replaced = await removeRows(organizations, organizationsPartition, old);
      const over: string[] = [];
      for await (const row of rowsWithPrefix(organizations, organizationsPartition, statementPrefix(id)))
        if (over.length < limit - replaced && isLater(before, unpack(statement, row).until)) over.push(row.rowKey);
      return replaced + (await removeRows(organizations, organizationsPartition, over));
    },

    async keepHealth(kept) {
      const cells = pack('How all is', kept);
      await organizations.write(healthPartition, [{ kind: 'put', rowKey: healthKey, cells }]);
    },

    async keptHealth() {
      const row = await organizations.get(healthPartition, healthKey);
      return row && unpack(z.unknown(), row);
    },

    async createRun(run, noted) {
      const watch = watchOfRun(run.runId);
      if (watch === undefined || partitionKey(watch) !== partitionKey(run)) {
        throw new Error(
          `"${run.runId}" is no id for a run of ${run.evaluation} of ${run.organization}; ` +
            `it has to start with "${run.organization}.${run.evaluation}."`,
        );
      }
      const cells = pack(`The run ${run.runId}`, run);
      if (noted?.has(run) !== true) await atHand.noteRuns([run]);
      const written = await evaluations.write(partitionKey(run), [
        { kind: 'create', rowKey: runKey(run.runId), cells },
        { kind: 'put', rowKey: runIndexKey(run), cells },
      ]);
      return written.outcome === 'written' ? written.etags[0] : undefined;
    },

    async run(runId) {
      const watch = watchOfRun(runId);
      if (watch === undefined) return undefined;
      const prefix = runPrefix(runId);
      const slices: SliceResult[] = [];
      let run: Row | undefined;
      for await (const row of rowsWithPrefix(evaluations, partitionKey(watch), prefix)) {
        const rest = row.rowKey.slice(prefix.length);
        if (rest === 'run') run = row;
        else if (!rest.includes('_')) slices.push(unpack(sliceResult, row));
      }
      return run && { run: unpack(runRecord, run), etag: run.etag, slices };
    },

    async runs(watch, limit) {
      const { rows } = await evaluations.range(partitionKey(watch), { ...withPrefix(runIndexPrefix), limit });
      return rows.map((row) => unpack(runRecord, row));
    },

    async finishRun({ run, etag }, state, finishedAt) {
      if (run.state !== 'running') return false;
      const written = await evaluations.write(
        partitionKey(run),
        endWrites({ run: { ...run, state, finishedAt }, etag }),
      );
      if (written.outcome !== 'written') return false;
      await atHand.forgetRuns([run]);
      return true;
    },

    states: (watch, subjects) =>
      statesOf(subjects, (keys) => Array.fromAsync(wantedRows(evaluations, partitionKey(watch), keys))),

    sliceReader(watch) {
      const partition = partitionKey(watch);
      const stateRows = createReadAhead(evaluations, partition, withPrefix(statePrefix).to, (rowKey) => rowKey);
      const factsRows = createReadAhead(facts, partition, withPrefix(factsPrefix).to, subjectFactsPrefixOf);
      return {
        states: (subjects) => statesOf(subjects, stateRows),
        facts: async (subjects) =>
          (await factsRows(subjects.map(subjectFactsPrefix))).map((row) => unpack(storedFacts, row)),
      };
    },

    async wholeWatch(watch) {
      const partition = partitionKey(watch);
      const [ofStates, ofFacts] = await Promise.all([
        evaluations.range(partition, { ...withPrefix(statePrefix), limit: pageSize }),
        facts.range(partition, { ...withPrefix(factsPrefix), limit: pageSize }),
      ]);
      if (ofStates.more || ofFacts.more) return undefined;
      return {
        states: ofStates.rows.map((row) => ({ value: unpack(subjectState, row), etag: row.etag })),
        facts: ofFacts.rows.map((row) => unpack(storedFacts, row)),
      };
    },

    listStates: (watch, limit, continuation) => statePage(watch, statePrefix, limit, continuation),

    async compareSubjects(watch, subjects) {
      const partition = partitionKey(watch);
      const wanted = new Map(subjects.map((subject) => [stateKey(subject), subject]));
      const others: string[] = [];
      const { from, to } = withPrefix(statePrefix);
      for await (const { rowKey } of rowsBetween(evaluations, partition, from, to, pageSize, true)) {
        if (wanted.delete(rowKey)) continue;
        const subject = subjectOfStateKey(rowKey) ?? (await longSubject(partition, rowKey));
        if (subject !== undefined) others.push(subject);
      }
      return { missing: [...wanted.values()], others };
    },

    async removeSubject(watch, state, pending) {
      await noteNotices(watch, pending);
      // Somebody who was faster has deleted the state: then this transaction fails as a whole, and all is done.
      await evaluations.write(partitionKey(watch), [
        { kind: 'delete', rowKey: stateKey(state.run.subject) },
        historyWrite(state),
        ...pending.map(outboxWrite),
      ]);
    },

    history: (watch, subject, limit, continuation) =>
      statePage(watch, subjectHistoryPrefix(subject), limit, continuation),

    listHistory: (watch, limit, continuation) => statePage(watch, historyPrefix, limit, continuation),

    async commit(watch, changes, result, end) {
      const partition = partitionKey(watch);
      let groups = changes.map(changeGroup);
      const ends = end === undefined ? [] : endWrites(end);
      const transactionsOf = () => inTransactions(groups, 1 + ends.length);
      const mayTellTwice = changes.some(({ pending }) => pending.length > 0);
      // The result row makes a slice happen once, and the states of one that was cut short between transactions are of its
      // run. One whose notices may be delivered and gone by now is known by what it left behind.
      if (result !== undefined && mayTellTwice) {
        const earlier = await committedOf(partition, result);
        if (earlier === 'all') return 'committed';
        groups = groups.filter(({ subject }) => !earlier.has(subject));
      }
      const transactions = transactionsOf();
      await noteNotices(
        watch,
        changes.flatMap(({ pending }) => pending),
      );
      // Without a change there is the result alone to write.
      const last = transactions.at(-1) ?? [];
      for (const transaction of transactions.slice(0, -1)) {
        const writes = transaction.flatMap((group) => group.writes);
        if (result !== undefined)
          writes.push(
            aheadRow(
              result,
              transaction.map(({ subject }) => subject),
            ),
          );
        if ((await evaluations.write(partition, writes)).outcome !== 'written') return refused(partition, result);
      }
      const writes = last.flatMap((group) => group.writes);
      if (result !== undefined) writes.push(resultRow(result));
      if (writes.length === 0) return 'committed';
      const fits = writes.length + ends.length <= maxOperations;
      if (ends.length > 0 && fits && (await evaluations.write(partition, [...writes, ...ends])).outcome === 'written')
        return 'ended';
      // Somebody else has ended the run, past its deadline: what was found counts all the same.
      return (await evaluations.write(partition, writes)).outcome === 'written'
        ? 'committed'
        : refused(partition, result);
    },

    async pending(watch, limit, dueAt) {
      const waiting: OutboxRow[] = [];
      if (limit <= 0) return waiting;
      for await (const row of rowsWithPrefix(evaluations, partitionKey(watch), outboxPrefix, limit)) {
        const entry = unpack(outboxEntry, row);
        if (dueAt !== undefined && entry.notBefore !== undefined && isLater(entry.notBefore, dueAt)) continue;
        waiting.push({ id: row.rowKey, etag: row.etag, ...entry });
        if (waiting.length === limit) break;
      }
      return waiting;
    },

    async claim(watch, rows, until) {
      const groups = rows.map((row) => ({ row, ...groupOf([putOff(row, row.etag, until)]) }));
      return (await writeEach(evaluations, partitionKey(watch), groups)).map(({ row }) => row);
    },

    async settle(watch, rows, settlement) {
      if (settlement.outcome === 'rejected') await atHand.noteAtHand(watch, 'open');
      // Those that are not written were settled by somebody else meanwhile.
      const groups = rows.map((row) => groupOf(settlementWrites(row, settlement)));
      await writeEach(evaluations, partitionKey(watch), groups);
    },

    async rejected(watch, limit) {
      const { rows } = await evaluations.range(partitionKey(watch), { ...withPrefix(rejectedPrefix), limit });
      return rows.map((row) => ({ id: row.rowKey, etag: row.etag, ...unpack(rejectedEntry, row) }));
    },

    async requeueRejected(watch) {
      const partition = partitionKey(watch);
      let requeued = 0;
      let groups: Group[] = [];
      const flush = async () => {
        requeued += (await writeEach(evaluations, partition, groups)).length;
        groups = [];
      };
      for await (const row of rowsWithPrefix(evaluations, partition, rejectedPrefix)) {
        const { notice } = unpack(rejectedEntry, row);
        if (requeued + groups.length === 0) await atHand.noteAtHand(watch, 'notice');
        groups.push(groupOf([{ kind: 'delete', rowKey: row.rowKey }, outboxWrite(notice)]));
        if (groups.length === pageSize) await flush();
      }
      await flush();
      return requeued;
    },

    async noteDelivery(watch, delivery) {
      const { channel } = delivery;
      const cells = pack(`The last delivery to channel ${channel}`, delivery);
      await evaluations.write(partitionKey(watch), [{ kind: 'put', rowKey: deliveryKey(channel), cells }]);
    },

    lastDeliveries: (watch) =>
      unpackAll(lastDelivery, rowsWithPrefix(evaluations, partitionKey(watch), deliveryPrefix, 100)),

    async putSummary(watch, summary) {
      const { organization, evaluation } = watch;
      const cells = pack(`The summary of ${evaluation} in ${organization}`, summary);
      await organizations.write(summariesPartition(evaluation), [
        { kind: 'put', rowKey: encodeKey(organization), cells },
      ]);
    },

    async summary({ organization, evaluation }) {
      const row = await organizations.get(summariesPartition(evaluation), encodeKey(organization));
      return row && unpack(watchSummary, row);
    },

    async watchMemory(watch) {
      const row = await evaluations.get(partitionKey(watch), watchMemoryKey);
      return row && { value: unpack(watchMemory, row), etag: row.etag };
    },

    async putWatchMemory(watch, memory, etag, pending) {
      const cells = pack(`What is remembered of ${watch.evaluation} in ${watch.organization}`, memory);
      const rowKey = watchMemoryKey;
      const write: Write =
        etag === undefined ? { kind: 'create', rowKey, cells } : { kind: 'update', rowKey, cells, etag };
      await noteNotices(watch, pending);
      if (isOpen(memory, new Date(0))) await atHand.noteAtHand(watch, 'open');
      const written = await evaluations.write(partitionKey(watch), [write, ...pending.map(outboxWrite)]);
      return written.outcome === 'written';
    },

    async summaries(evaluation) {
      const found = new Map<string, WatchSummary>();
      for await (const row of rowsWithPrefix(organizations, summariesPartition(evaluation), ''))
        found.set(decodeKey(row.rowKey) ?? row.rowKey, unpack(watchSummary, row));
      return found;
    },

    async summariesOf(evaluation, wanted) {
      const found = new Map<string, Versioned<WatchSummary>>();
      for await (const row of wantedRows(organizations, summariesPartition(evaluation), wanted.map(encodeKey)))
        found.set(decodeKey(row.rowKey) ?? row.rowKey, { value: unpack(watchSummary, row), etag: row.etag });
      return found;
    },

    async putSummaries(evaluation, kept) {
      const groups = kept.map(({ organization, summary, expected }) => {
        const rowKey = encodeKey(organization);
        const cells = pack(`The summary of ${evaluation} in ${organization}`, summary);
        const write: Write =
          expected === undefined
            ? { kind: 'create', rowKey, cells }
            : { kind: 'update', rowKey, cells, etag: expected };
        return { organization, ...groupOf([write]) };
      });
      const written = await writeEach(organizations, summariesPartition(evaluation), groups);
      return new Set(written.map(({ organization }) => organization));
    },

    async putFacts(supplied, areNew = false) {
      for (const [partition, all] of Map.groupBy(supplied, partitionKey)) {
        const oldestFirst = all.toSorted((one, other) => Date.parse(one.observedAt) - Date.parse(other.observedAt));
        const newest = new Map(oldestFirst.map((document) => [factsKey(document), document]));
        const groups = [...newest].map(factsGroup).sort((one, other) => (one.rowKey < other.rowKey ? -1 : 1));
        for (const transaction of inTransactions(groups)) await putNewer(partition, transaction, areNew);
      }
    },

    async subjectsWithFacts(watch) {
      const partition = partitionKey(watch);
      const { from, to } = withPrefix(factsPrefix);
      const subjects = new Set<string>();
      for await (const { rowKey } of rowsBetween(facts, partition, from, to, pageSize, true)) {
        const subject = subjectOfFactsKey(rowKey);
        if (subject !== undefined) {
          subjects.add(subject);
          continue;
        }
        const row = await facts.get(partition, rowKey);
        if (row !== undefined) subjects.add(unpack(storedFacts, row).subject);
      }
      return [...subjects];
    },

    async facts(watch, subjects) {
      if (subjects === undefined)
        return unpackAll(storedFacts, rowsWithPrefix(facts, partitionKey(watch), factsPrefix));
      const starts = subjects.map(subjectFactsPrefix);
      return unpackAll(storedFacts, wantedRows(facts, partitionKey(watch), starts, subjectFactsPrefixOf));
    },

    async prune(watch, before, limit) {
      const partition = partitionKey(watch);
      let left = limit;
      const remove = async (table: Table, rowKeys: readonly string[]) => {
        left -= await removeRows(table, partition, rowKeys);
      };
      await remove(evaluations, await oldHistory(partition, before, left));
      const oldRejected = behind(`${rejectedPrefix}${newestFirst(before)}`);
      await remove(evaluations, await keysIn(evaluations, partition, oldRejected, withPrefix(rejectedPrefix).to, left));
      const oldRuns = behind(`${runIndexPrefix}${newestFirst(before)}`);
      for await (const index of rowsBetween(evaluations, partition, oldRuns, withPrefix(runIndexPrefix).to, pageSize)) {
        const run = unpack(runRecord, index);
        if (run.state === 'running') continue;
        if (left <= 0) break;
        const { from, to } = withPrefix(runPrefix(run.runId));
        await remove(evaluations, await keysIn(evaluations, partition, from, to, left));
        // The index goes last, so that what is left of a run is found again.
        if (left > 0) await remove(evaluations, [index.rowKey]);
      }
      const expired: string[] = [];
      for await (const row of rowsWithPrefix(facts, partition, factsPrefix)) {
        if (expired.length < left && isLater(before, unpack(storedFacts, row).expiresAt)) expired.push(row.rowKey);
      }
      await remove(facts, expired);
      return limit - left;
    },

    async purge(watch) {
      const partition = partitionKey(watch);
      const { from, to } = withPrefix('');
      let deleted = 0;
      for (const table of [evaluations, facts]) deleted += await removeRange(table, partition, from, to);
      await forgetWatch(watch);
      const { organization, evaluation } = watch;
      const summary = await organizations.write(summariesPartition(evaluation), [
        { kind: 'delete', rowKey: encodeKey(organization) },
      ]);
      return deleted + (summary.outcome === 'written' ? 1 : 0);
    },

    async restore(watch, { states, history, facts: supplied = [] }) {
      const partition = partitionKey(watch);
      const judged = [
        ...states.map((state) => {
          const { subject } = state.run;
          return groupOf([{ kind: 'put', rowKey: stateKey(subject), cells: pack(`The state of ${subject}`, state) }]);
        }),
        ...history.map((state) => groupOf([historyWrite(state)])),
      ];
      const write = async (table: Table, groups: readonly Group[]) => {
        for (const transaction of inTransactions(groups)) {
          await table.write(
            partition,
            transaction.flatMap(({ writes }) => writes),
          );
        }
      };
      await write(evaluations, judged);
      await write(
        facts,
        supplied.map((one) => factsGroup([factsKey(one), one])),
      );
    },
  };

  async function noteNotices(watch: Watch, pending: readonly PendingNotice[]): Promise<void> {
    if (pending.length > 0) await atHand.noteAtHand(watch, 'notice');
  }

  /** Whose state it is, where the key does not say it; undefined when somebody has deleted it meanwhile. */
  async function longSubject(partition: string, rowKey: string): Promise<string | undefined> {
    const row = await evaluations.get(partition, rowKey);
    return row && unpack(subjectState, row).run.subject;
  }

  function statePage(
    watch: Watch,
    prefix: string,
    limit: number,
    continuation: string | undefined,
  ): Promise<Page<SubjectState>> {
    return pageOf(evaluations, partitionKey(watch), prefix, subjectState, limit, continuation);
  }

  /** Why a transaction of a slice was not written: it is there already, or somebody else wrote one of its subjects. */
  async function refused(partition: string, result: SliceResult | undefined): Promise<'committed' | 'conflict'> {
    const isDone = result !== undefined && (await committedOf(partition, result)) === 'all';
    return isDone ? 'committed' : 'conflict';
  }

  /** What is there of a slice already: all of it, or these subjects. */
  async function committedOf(partition: string, { runId, slice }: SliceResult): Promise<'all' | ReadonlySet<string>> {
    const key = sliceKey(runId, slice);
    const subjects = new Set<string>();
    for await (const row of rowsBetween(evaluations, partition, key, `${key}_~`, pageSize)) {
      if (row.rowKey === key) return 'all';
      for (const subject of unpack(committedAhead, row).subjects) subjects.add(subject);
    }
    return subjects;
  }

  /** Writes those that are not older than what is there, again until nobody else wrote one of them in between. */
  async function putNewer(partition: string, groups: readonly FactsGroup[], areNew: boolean): Promise<void> {
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const there = new Map<string, Row>();
      const keys = areNew && attempt === 1 ? [] : groups.map(({ rowKey }) => rowKey);
      for await (const row of wantedRows(facts, partition, keys)) there.set(row.rowKey, row);
      const writes = groups.flatMap(({ rowKey, document, cells }): Write[] => {
        const row = there.get(rowKey);
        if (row === undefined) return [{ kind: 'create', rowKey, cells }];
        const isOlder = isLater(unpack(storedFacts, row).observedAt, document.observedAt);
        return isOlder ? [] : [{ kind: 'update', rowKey, cells, etag: row.etag }];
      });
      if (writes.length === 0 || (await facts.write(partition, writes)).outcome === 'written') return;
    }
    throw new StoreUnavailable('the same facts are being written by others again and again');
  }

  async function oldHistory(partition: string, before: string, limit: number): Promise<readonly string[]> {
    const cutoff = newestFirst(before);
    const old: string[] = [];
    const { from, to } = withPrefix(historyPrefix);
    for await (const { rowKey } of rowsBetween(evaluations, partition, from, to, pageSize, true)) {
      if (old.length === limit) break;
      if (timeOfHistoryKey(rowKey) > cutoff) old.push(rowKey);
    }
    return old;
  }
}

function endWrites({ run, etag }: RunEnd): readonly Write[] {
  const cells = pack(`The run ${run.runId}`, run);
  return [
    { kind: 'update', rowKey: runKey(run.runId), cells, etag },
    { kind: 'put', rowKey: runIndexKey(run), cells },
  ];
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

interface FactsGroup extends Group {
  readonly rowKey: string;
  readonly document: StoredFacts;
  readonly cells: Cells;
}

function factsGroup([rowKey, document]: [string, StoredFacts]): FactsGroup {
  const cells = pack(`What was supplied as ${document.name} about ${document.subject}`, document);
  return { rowKey, document, cells, ...groupOf([{ kind: 'put', rowKey, cells }]) };
}

/** @throws RowTooLarge when no transaction can hold what is to be written about the subject. */
function outboxWrite(notice: PendingNotice): Write {
  const what = `The notice about ${notice.subject} for channel ${notice.channel}`;
  return { kind: 'put', rowKey: outboxKey(notice), cells: pack(what, { notice, attempts: 0 }) };
}

function changeGroup({ subject, state, expected, superseded, pending }: SubjectChange): Group & { subject: string } {
  const cells = pack(`The state of ${subject}`, state);
  const rowKey = stateKey(subject);
  const writes: Write[] = [
    expected === undefined ? { kind: 'create', rowKey, cells } : { kind: 'update', rowKey, cells, etag: expected },
  ];
  if (superseded !== undefined) {
    writes.push(historyWrite(superseded));
  }
  writes.push(...pending.map(outboxWrite));
  const what = `What changed about ${subject}`;
  if (writes.length >= maxOperations) {
    const most = `a transaction holds ${maxOperations - 1}`;
    throw new RowTooLarge(what, `it is ${writes.length} rows, and ${most}. Give the evaluation fewer channels.`);
  }
  const { bytes } = groupOf(writes);
  if (bytes > maxTransactionBytes) {
    throw new RowTooLarge(what, `it takes ${bytes} bytes, and a transaction holds ${maxTransactionBytes}`);
  }
  return { subject, writes, bytes };
}

function replacedWrites(before: Row, next: OrganizationDocument, at: string): readonly Write[] {
  const document = unpack(organizationDocument, before);
  if (isDeepStrictEqual(document, next)) return [];
  const cells = pack(`The former document of ${next.id}`, { replacedAt: at, document });
  return [{ kind: 'put', rowKey: replacedKey(next.id, at, before.etag), cells }];
}

function historyWrite(superseded: SubjectState): Write {
  const { run, runId } = superseded;
  return {
    kind: 'put',
    rowKey: historyKey(run.subject, run.at, runId),
    cells: pack(`The history of ${run.subject}`, superseded),
  };
}

function settlementWrites(row: OutboxRow, settlement: Settlement): readonly Write[] {
  const { id, notice, attempts } = row;
  switch (settlement.outcome) {
    case 'delivered':
      return [{ kind: 'delete', rowKey: id }];
    case 'rejected': {
      const { reason, at } = settlement;
      const cells = pack(nameOf(row), { notice, attempts: attempts + 1, reason, at });
      return [
        { kind: 'delete', rowKey: id },
        { kind: 'put', rowKey: rejectedKey(id, at), cells },
      ];
    }
    case 'retry':
      return [putOff(row, '*', settlement.notBefore)];
  }
}

function putOff(row: OutboxRow, etag: string, notBefore: string): Write {
  const cells = pack(nameOf(row), { notice: row.notice, attempts: row.attempts + 1, notBefore });
  return { kind: 'update', rowKey: row.id, cells, etag };
}

function nameOf({ notice }: Pick<OutboxRow, 'notice'>): string {
  return `The notice about ${notice.subject} for channel ${notice.channel}`;
}

async function statesOf(
  subjects: readonly string[],
  rowsOf: (keys: readonly string[]) => Promise<readonly Row[]>,
): Promise<ReadonlyMap<string, Versioned<SubjectState>>> {
  const subjectOf = new Map(subjects.map((subject) => [stateKey(subject), subject]));
  const found = new Map<string, Versioned<SubjectState>>();
  for (const row of await rowsOf([...subjectOf.keys()])) {
    const subject = subjectOf.get(row.rowKey) ?? '';
    found.set(subject, { value: unpack(subjectState, row), etag: row.etag });
  }
  return found;
}

function isLater(a: string, b: string): boolean {
  return Date.parse(a) > Date.parse(b);
}
