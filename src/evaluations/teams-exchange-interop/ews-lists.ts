// EWS allow and block lists hold user agents with `*` for any characters.

/** Is that access policy in force? Exchange spells it with and without its enumeration's name. */
export function isEnforced(policy: { readonly applicationAccessPolicy?: string | undefined }, which: string): boolean {
  return policy.applicationAccessPolicy?.toLowerCase().endsWith(which.toLowerCase()) === true;
}

/** The first entry that covers the user agent, compared without case. */
export function coveringEntry(entries: readonly string[], agent: string): string | undefined {
  return entries.find((entry) => covers(entry.toLowerCase(), agent.toLowerCase()));
}

/** Wildcard match without a regular expression, so that a hostile list costs no more than its length. */
function covers(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  const last = rest[rest.length - 1] ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  let from = first.length;
  for (const piece of rest.slice(0, -1)) {
    const at = text.indexOf(piece, from);
    if (at < 0 || at + piece.length > text.length - last.length) return false;
    from = at + piece.length;
  }
  return true;
}
