import { z } from 'zod';

/**
 * The one spelling of a domain name everything else works with: lower case, IDN as A-labels, no trailing dot.
 *
 * @returns the name, or a sentence that says why `text` is none (RFC 1035 section 2.3.4 lengths; two labels at least;
 *   no address).
 */
export function normaliseDomainName(text: string): { name: string } | { problem: string } {
  const trimmed = text.trim().replace(/\.$/, '');
  if (trimmed === '') return { problem: 'a domain name is empty' };
  const shown = trimmed.length > 80 ? `${trimmed.slice(0, 80)}…` : trimmed;
  if (/[\s/:@?#\\%]/.test(trimmed)) {
    return { problem: `"${shown}" is no domain name; write the part after the @ of an address, e.g. contoso.com` };
  }
  // Plain names are by far the most; the URL parser is only needed for Unicode and for odd spellings of addresses.
  const ascii = /^[a-zA-Z0-9.-]+$/.test(trimmed) ? trimmed.toLowerCase() : toAscii(trimmed);
  if (ascii === undefined) return { problem: `"${shown}" is no domain name` };
  if (/^[0-9.]+$/.test(ascii)) return { problem: `"${shown}" is an address, not a domain name` };
  const labels = ascii.split('.');
  if (labels.length < 2)
    return { problem: `"${shown}" has one label only; a mail domain has two at least, e.g. contoso.com` };
  if (ascii.length > 253) return { problem: `"${shown}" is longer than 253 characters` };
  const bad = labels.find((label) => !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (bad !== undefined)
    return { problem: `"${shown}" is no domain name: the label "${bad.slice(0, 80)}" is not legal` };
  return { name: ascii };
}

function toAscii(text: string): string | undefined {
  try {
    return new URL(`http://${text}`).hostname;
  } catch {
    return undefined;
  }
}

/** zod form of {@link normaliseDomainName}: parses to the one spelling. */
export const domainName = z.string().transform((text, context) => {
  const result = normaliseDomainName(text);
  if ('name' in result) return result.name;
  context.issues.push({ code: 'custom', message: result.problem, input: text });
  return z.NEVER;
});

/** Does `pattern` (a name, or `*.` and a name) cover `name`? Compared without case; `*.contoso.com` covers sub-domains only. */
export function matchesDomainPattern(pattern: string, name: string): boolean {
  const wanted = pattern.toLowerCase().replace(/\.$/, '');
  return wanted.startsWith('*.') ? name.endsWith(wanted.slice(1)) : name === wanted;
}

/** DNS names are equal without regard to case and to one trailing dot (RFC 1034 section 3.1, RFC 4343). */
export function sameName(a: string, b: string): boolean {
  return a === b || (Math.abs(a.length - b.length) < 2 && canonicalName(a) === canonicalName(b));
}

/** Lower case, without the trailing dot. A dot behind a backslash belongs to its label (RFC 1035 section 5.1). */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') && !lower.endsWith('\\.') ? lower.slice(0, -1) : lower;
}
