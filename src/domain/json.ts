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
  const value: unknown = JSON.parse(text);
  // Level by level and not by recursion: it is the depth that is to be found out.
  let level: object[] = isContainer(value) ? [value] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > deepest) throw new RefusedJson(`is nested more than ${deepest} levels deep`);
    const inner: object[] = [];
    for (const one of level) {
      if (Array.isArray(one)) {
        for (const item of one) if (isContainer(item)) inner.push(item);
        continue;
      }
      for (const name in one) {
        if (isOwnedName(name)) throw new RefusedJson(ownedProperty(name));
        const property = (one as Record<string, unknown>)[name];
        if (isContainer(property)) inner.push(property);
      }
    }
    level = inner;
  }
  return value;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
