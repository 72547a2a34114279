// JSON that others wrote: documents, files of facts, bodies of requests.

/** `ConvertTo-Json` of PowerShell goes 100 levels deep at most; an envelope and lists of one stand around it. */
const deepest = 128;

const ownedByObjects: ReadonlySet<string> = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

const ownedName = 'is a name that programs keep for themselves; choose another';

/** `__proto__`, `constructor`, `toString` …: what is filed under such a name would be lost, or taken for something else. */
export function isOwnedName(name: string): boolean {
  return ownedByObjects.has(name);
}

/** For `refine` of a zod schema: names of things that are filed by them. */
export const notOwned = [(name: string) => !isOwnedName(name), { error: ownedName }] as const;

/** Why something that has such a property is refused. */
export function ownedProperty(name: string): string {
  return `has a property "${name}", which ${ownedName}`;
}

/** JSON that is refused whatever it means. The message goes on from what it is called: `is nested …`. */
export class RefusedJson extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'RefusedJson';
  }
}

/**
 * Parses JSON that somebody else wrote.
 *
 * @throws SyntaxError; RefusedJson when it is nested too deeply, or has a property that {@link isOwnedName}
 */
export function parseJson(text: string): unknown {
  // Before anything is made of it: millions of levels take a gigabyte.
  if (measureJson(text).depth > deepest) throw new RefusedJson(`is nested more than ${deepest} levels deep`);
  const value: unknown = JSON.parse(text);
  refuseOwnedNames(value);
  return value;
}

function refuseOwnedNames(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) refuseOwnedNames(item);
    return;
  }
  for (const name in value) {
    if (isOwnedName(name)) throw new RefusedJson(ownedProperty(name));
    refuseOwnedNames((value as Record<string, unknown>)[name]);
  }
}

/**
 * How deep a text nests, and about how many values it holds: as many as it has brackets and commas. Looks at characters
 * and makes nothing; what is no JSON has figures, too. Ends where it nests too deeply to be parsed.
 *
 * @param most the number of values after which nobody counts on
 */
export function measureJson(text: string, most = Number.POSITIVE_INFINITY): { depth: number; values: number } {
  let depth = 0;
  let deepestSoFar = 0;
  let values = 1;
  for (let at = 0; at < text.length && values <= most && depth <= deepest; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case openBrace:
      case openBracket:
        depth += 1;
        values += 1;
        if (depth > deepestSoFar) deepestSoFar = depth;
        break;
      case closeBrace:
      case closeBracket:
        depth -= 1;
        break;
      case comma:
        values += 1;
        break;
    }
  }
  return { depth: deepestSoFar, values };
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** The place of the quote that ends a string, or behind the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    // A quote is one of the string's characters behind an odd number of backslashes.
    let from = end;
    while (from - 1 > start && text.charCodeAt(from - 1) === backslash) from -= 1;
    if ((end - from) % 2 === 0) return end;
  }
  return text.length;
}
