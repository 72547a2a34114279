// Which watches have something that somebody has to look after: one partition, read as one.
import { z } from 'zod';
import { atHandKey, atHandPartition, atHandPrefix, lookedThroughKey, runAtHandKey, withPrefix } from './keys.ts';
import { removeRange, removeRows, rowsWithPrefix } from './ranges.ts';
import { pack, unpack } from './rows.ts';
import { type AtHand, type AtHandKind, type AtHandStore, atHand, type NotedRun, type Watch } from './store.ts';
import type { Table, Write } from './tables.ts';
import { groupOf, inTransactions } from './transactions.ts';

const lookedThrough = z.object({ at: z.string() });

/** What the rest of the store does to the partition. */
interface AtHandRows extends AtHandStore {
  /** With all else that is kept about a watch. */
  forgetWatch(watch: Watch): Promise<void>;
}

export function createAtHandRows(table: Table): AtHandRows {
  const put = (
    keyOf: (at: string) => string,
    { organization, evaluation }: Watch,
    kind: AtHandKind,
    run?: AtHand['run'],
  ): Write => {
    // Of this machine, not of what it is about: by its age whoever finds no cause tells one that is still to be written.
    const at = new Date().toISOString();
    const entry: Omit<AtHand, 'id'> = { organization, evaluation, kind, at, ...(run === undefined ? {} : { run }) };
    const cells = pack(`What is at hand in ${evaluation} of ${organization}`, entry);
    return { kind: 'put', rowKey: keyOf(at), cells };
  };
  const writeAll = async (writes: readonly Write[]) => {
    for (const transaction of inTransactions(
      writes.map((write) => groupOf([write])),
      0,
    ))
      await table.write(
        atHandPartition,
        transaction.flatMap((group) => group.writes),
      );
  };
  return {
    async atHand() {
      const entries = [];
      for await (const row of rowsWithPrefix(table, atHandPartition, ''))
        entries.push({ id: row.rowKey, ...unpack(atHand, row) });
      return entries;
    },

    noteAtHand: (watch, kind) => writeAll([put((at) => atHandKey(watch, kind, at), watch, kind)]),

    async doneAtHand(ids) {
      await removeRows(table, atHandPartition, ids);
    },

    async lookedThrough() {
      const row = await table.get(atHandPartition, lookedThroughKey);
      return row && unpack(lookedThrough, row).at;
    },

    async keepLookedThrough(at) {
      const cells = pack('When all watches were looked through', { at });
      await table.write(atHandPartition, [{ kind: 'put', rowKey: lookedThroughKey, cells }]);
    },

    async noteRuns(runs) {
      await writeAll(
        runs.map((run) => {
          const { startedAt, slices } = run;
          return put(() => runAtHandKey(run, run.runId), run, 'run', { startedAt, slices });
        }),
      );
      const asNoted = ({ runId, slices }: NotedRun) => `${runId} ${slices}`;
      const noted = new Set(runs.map(asNoted));
      return { has: (run) => noted.has(asNoted(run)) };
    },

    async forgetRuns(runs) {
      await removeRows(
        table,
        atHandPartition,
        runs.map((run) => runAtHandKey(run, run.runId)),
      );
    },

    async forgetWatch(watch) {
      const { from, to } = withPrefix(atHandPrefix(watch));
      await removeRange(table, atHandPartition, from, to);
    },
  };
}
