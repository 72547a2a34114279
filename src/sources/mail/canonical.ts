// Canonicalization (RFC 6376 section 3.4). Whatever ends the lines of what was saved, they end in CRLF here.

export type Canonicalization = 'simple' | 'relaxed';

const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

/** One header field, folded as it stands there, without the line end behind it. @param field with CRLF where it is folded */
export function canonicalField(field: string, how: Canonicalization): string {
  if (how === 'simple') return field;
  const colon = field.indexOf(':');
  const name = field.slice(0, colon).toLowerCase().replaceAll(/[ \t]/g, '');
  return `${name}:${collapsed(field.slice(colon + 1).replaceAll('\r\n', ''))}`;
}

/** Each run of spaces and tabs is one space, none at either end. */
function collapsed(text: string): string {
  const one = text.replaceAll(/[ \t]+/g, ' ');
  return one.slice(one.startsWith(' ') ? 1 : 0, one.endsWith(' ') && one.length > 1 ? -1 : undefined);
}

/** The body as it is hashed. In one pass, because bodies are long and their lines are anybody's. */
export function canonicalBody(body: Uint8Array, how: Canonicalization): Uint8Array {
  const relaxed = how === 'relaxed';
  const out = new Uint8Array(body.length + lineEndsIn(body) + 2);
  let size = 0;
  // Behind the last line that is not empty: what follows is left out.
  let end = 0;
  let isEmpty = true;
  let gap = false;
  const endLine = () => {
    out[size++] = carriageReturn;
    out[size++] = lineFeed;
    if (!isEmpty) end = size;
    isEmpty = true;
    gap = false;
  };
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte === lineFeed) endLine();
    else if (byte === carriageReturn && body[at + 1] === lineFeed) continue;
    else if (relaxed && (byte === space || byte === tab)) gap = true;
    else {
      if (gap) out[size++] = space;
      gap = false;
      out[size++] = byte;
      isEmpty = false;
    }
  }
  if (!isEmpty) endLine();
  if (end > 0) return out.subarray(0, end);
  return relaxed ? new Uint8Array() : Uint8Array.of(carriageReturn, lineFeed);
}

function lineEndsIn(body: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < body.length; at++) if (body[at] === lineFeed) count++;
  return count;
}
