import { type AuditEntry, fieldcheckItself } from '../../domain/access.ts';
import type { Page } from '../../store/store.ts';
import type { Ports } from '../ports.ts';

/** What is about to be changed; never with a secret. */
export type Change = Pick<AuditEntry, 'action' | 'organization' | 'target' | 'detail'>;

/**
 * Writes down who is about to change what: called before the change, so that nothing changes which is not written down.
 * What happens by itself is in the log alone.
 *
 * @throws StoreUnavailable when it cannot be written; then nothing may be changed
 */
export async function audited(
  { store, log, clock, by = fieldcheckItself }: Pick<Ports, 'store' | 'log' | 'clock' | 'by'>,
  change: Change,
): Promise<void> {
  if (by.kind === 'system') return;
  const { kind, id, name, via } = by;
  const entry: AuditEntry = { at: clock().toISOString(), by: { kind, id, name }, via, ...change };
  await store.putAudit(entry);
  // The same in the log, which the app cannot change afterwards.
  log.info('audit', { ...entry });
}

/** Who changed what, newest first: in one organization, or in all of them. @throws InvalidContinuation */
export function auditOf(
  { store }: Pick<Ports, 'store'>,
  organization: string | undefined,
  limit: number,
  continuation?: string,
): Promise<Page<AuditEntry>> {
  return store.audit(organization, limit, continuation);
}
