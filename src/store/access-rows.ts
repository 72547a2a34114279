// Who may do what, and who did what, as rows.
import { auditEntry, type Grant, grant } from '../domain/access.ts';
import {
  auditKey,
  auditPartition,
  encodeKey,
  grantKey,
  grantsPartition,
  grantsPrefix,
  keysPartition,
  newestFirst,
  withPrefix,
} from './keys.ts';
import { pageOf, removeRange, removeRows, rowsWithPrefix, unpackAll } from './ranges.ts';
import { pack, unpack } from './rows.ts';
import { type AccessStore, storedKey } from './store.ts';
import type { Table } from './tables.ts';

/** Both tables are opened when they are first used: most instances work on slices and never ask who may do what. */
export function createAccessRows(accessTable: Table, auditTable: Table): AccessStore {
  const [access, audit] = [openedWhenUsed(accessTable), openedWhenUsed(auditTable)];
  const keys: AccessStore['keys'] = async (organization) => {
    const all = await unpackAll(storedKey, rowsWithPrefix(access, keysPartition, ''));
    return organization === undefined ? all : all.filter((key) => key.organization === organization);
  };
  return {
    grants: (organization) =>
      unpackAll(
        grant,
        rowsWithPrefix(access, grantsPartition, organization === undefined ? '' : grantsPrefix(organization)),
      ),

    async putGrant(given) {
      const cells = pack(`What ${nameOf(given)} may do`, given);
      await access.write(grantsPartition, [{ kind: 'put', rowKey: grantKey(given), cells }]);
    },

    async deleteGrant(given) {
      const written = await access.write(grantsPartition, [{ kind: 'delete', rowKey: grantKey(given) }]);
      return written.outcome === 'written';
    },

    async key(id) {
      const row = await access.get(keysPartition, encodeKey(id));
      return row && { value: unpack(storedKey, row), etag: row.etag };
    },

    keys,

    async putKey(key, etag) {
      const rowKey = encodeKey(key.id);
      const cells = pack(`The key ${key.id}`, key);
      const written = await access.write(keysPartition, [
        etag === undefined ? { kind: 'create', rowKey, cells } : { kind: 'update', rowKey, cells, etag },
      ]);
      return written.outcome === 'written';
    },

    async deleteAccess(organization) {
      const own = (await keys(organization)).map(({ id }) => encodeKey(id));
      const { from, to } = withPrefix(grantsPrefix(organization));
      return (await removeRows(access, keysPartition, own)) + (await removeRange(access, grantsPartition, from, to));
    },

    async putAudit(entry) {
      const rowKey = auditKey(entry.at);
      const cells = pack(`What was done: ${entry.action}`, entry);
      // The list of all first: what is in an organization's own is in that one, too.
      await audit.write(auditPartition(undefined), [{ kind: 'put', rowKey, cells }]);
      if (entry.organization !== undefined)
        await audit.write(auditPartition(entry.organization), [{ kind: 'put', rowKey, cells }]);
    },

    audit: (organization, limit, continuation) =>
      pageOf(audit, auditPartition(organization), '', auditEntry, limit, continuation),

    async pruneAudit(before, limit) {
      if (limit <= 0) return 0;
      const from = withPrefix(`${newestFirst(before)}_`).to;
      const { rows: old } = await audit.range(auditPartition(undefined), { from, to: withPrefix('').to, limit });
      const byOrganization = Map.groupBy(old, (row) => unpack(auditEntry, row).organization);
      for (const [organization, rows] of byOrganization) {
        const rowKeys = rows.map(({ rowKey }) => rowKey);
        if (organization !== undefined) await removeRows(audit, auditPartition(organization), rowKeys);
        // Last, so that what is left of it is found again.
        await removeRows(audit, auditPartition(undefined), rowKeys);
      }
      return old.length;
    },
  };
}

function openedWhenUsed(table: Table): Table {
  let opening: Promise<void> | undefined;
  const open = () => {
    opening ??= table.open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    open,
    get: (...row) => open().then(() => table.get(...row)),
    range: (...rows) => open().then(() => table.range(...rows)),
    write: (...writes) => open().then(() => table.write(...writes)),
  };
}

function nameOf({ kind, id, organization }: Grant): string {
  return `the ${kind} ${id} in ${organization}`;
}
