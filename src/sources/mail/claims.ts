// Authentication-Results and ARC-Authentication-Results (RFC 8601 section 2.2, RFC 8617 section 4.1.1): what servers on the way
// say of DKIM. Servers write them as they like, so what cannot be read is left out, and nothing here throws.
import type { MailClaim } from '../../facts/mail-domain/message.ts';
import { type Field, valuesOf } from './fields.ts';
import { said, withoutAddresses } from './said.ts';

/** More are nobody's. */
const most = 50;

export function claimsIn(fields: readonly Field[]): readonly MailClaim[] {
  return [
    ...valuesOf(fields, 'authentication-results'),
    // Behind the number of the hop the same follows.
    ...valuesOf(fields, 'arc-authentication-results').map((value) => value.replace(/^\s*i\s*=\s*\d+\s*;/, '')),
  ]
    .flatMap(claimsOf)
    .slice(0, most);
}

function claimsOf(value: string): readonly MailClaim[] {
  const parts = partsOf(value);
  const [first = ''] = parts;
  // Exchange Online leaves its name out in the field that it adds last.
  const isNamed = !first.replaceAll(/\([^)]*\)/g, '').includes('=');
  const by = isNamed ? said(first.trim().split(/\s/)[0] ?? '', 120) : '';
  return parts.slice(isNamed ? 1 : 0).flatMap((part): readonly MailClaim[] => {
    const [whole, result] = /^\s*DKIM\s*=\s*([a-z]+)/i.exec(part) ?? [];
    if (whole === undefined || result === undefined) return [];
    const detail = part.slice(whole.length);
    const domain = /\bheader\.d\s*=\s*"?([^\s;"()]+)/i.exec(detail)?.[1]?.toLowerCase();
    const selector = /\bheader\.s\s*=\s*"?([^\s;"()]+)/i.exec(detail)?.[1]?.toLowerCase();
    return [
      {
        by,
        result: result.toLowerCase(),
        detail: said(withoutAddresses(reasonIn(detail)), 200),
        ...(domain === undefined || domain === 'none' ? {} : { domain: said(domain, 253) }),
        ...(selector === undefined ? {} : { selector: said(selector, 63) }),
      },
    ];
  });
}

/** The comment, or `reason=`; without either, what else stands there. */
function reasonIn(detail: string): string {
  const comment = /^\s*\(([^)]*)\)/.exec(detail)?.[1];
  const reason = /\breason\s*=\s*(?:"([^"]*)"|(\S+))/i.exec(detail);
  return comment ?? reason?.[1] ?? reason?.[2] ?? detail.trim();
}

/** Split at semicolons, but not within comments and quoted strings. */
function partsOf(value: string): readonly string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  let isQuoted = false;
  for (const character of value) {
    if (character === '"' && depth === 0) isQuoted = !isQuoted;
    else if (!isQuoted && character === '(') depth++;
    else if (!isQuoted && character === ')') depth = Math.max(0, depth - 1);
    if (character === ';' && depth === 0 && !isQuoted) {
      parts.push(part);
      part = '';
    } else part += character;
  }
  return [...parts, part];
}
