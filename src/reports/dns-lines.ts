import type { DnsChange } from '../domain/finding.ts';
import { oneLine } from './text.ts';

/** Seconds: the least that Microsoft recommends for its CNAMEs, and what most zones have. */
export const recordTtl = 3600;

/** A change as a line of a zone file (RFC 1035 section 5.1): what has to go stands in a comment. */
export function dnsLine({ action, name, type, data }: DnsChange): string {
  const value = data === undefined ? '' : ` ${data}.`;
  return oneLine(
    action === 'publish' ? `${name}. ${recordTtl} IN ${type}${value}` : `; delete: ${name}. IN ${type}${value}`,
  );
}
