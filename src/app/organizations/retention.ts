import { dayMs } from '../../domain/time.ts';
import type { Ports } from '../ports.ts';

/** Rows deleted in one go over all organizations: some 200 transactions, well within the time limit of a function. */
const rowsAtOnce = 20_000;

/** Who changed what names people: two years answer what an auditor asks of the last year. */
const auditDays = 730;

export interface Retained {
  readonly organization: string;
  readonly evaluation: string;
  readonly rows: number;
}

/**
 * Deletes what is older than each organization wants it kept: history, refused notices, finished runs, expired facts,
 * replaced documents.
 * Also of evaluations that its document no longer has. What is left when the limit is reached goes the next time.
 *
 * @returns what was deleted, without the watches of which nothing was
 */
export async function retain({
  store,
  log,
  clock,
  evaluations,
}: Pick<Ports, 'store' | 'log' | 'clock' | 'evaluations'>): Promise<readonly Retained[]> {
  const done: Retained[] = [];
  let left = rowsAtOnce;
  const auditBefore = new Date(clock().getTime() - auditDays * dayMs).toISOString();
  const entries = await store.pruneAudit(auditBefore, left);
  left -= entries;
  if (entries > 0) log.info('old audit deleted', { rows: entries, before: auditBefore });
  for (const { id: organization, retentionDays } of await store.organizations()) {
    const before = new Date(clock().getTime() - retentionDays * dayMs).toISOString();
    const replaced = await store.pruneOrganization(organization, before, left);
    left -= replaced;
    if (replaced > 0) log.info('old documents deleted', { organization, rows: replaced, before });
    for (const evaluation of evaluations.ids) {
      if (left <= 0) {
        log.warn('retention limit reached', { organization, evaluation, limit: rowsAtOnce });
        return done;
      }
      const rows = await store.prune({ organization, evaluation }, before, left);
      if (rows === 0) continue;
      left -= rows;
      done.push({ organization, evaluation, rows });
      log.info('old rows deleted', { organization, evaluation, rows, before });
    }
  }
  return done;
}
