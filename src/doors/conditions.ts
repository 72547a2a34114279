import type { Conditions, EntityTags } from '../app/index.ts';
import { Problem } from '../app/problem.ts';
import type { DoorRequest } from './door.ts';

/** Conditions in the headers of a request. @throws Problem (400) when a tag is none (RFC 9110 section 8.8.3) */
export function conditionsOf({ headers }: Pick<DoorRequest, 'headers'>): Conditions {
  return {
    ifMatch: tagsIn('If-Match', headers.get('if-match')),
    ifNoneMatch: tagsIn('If-None-Match', headers.get('if-none-match')),
  };
}

const entityTag = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

function tagsIn(name: string, text: string | null): EntityTags | undefined {
  if (text === null) return undefined;
  if (text.trim() === '*') return '*';
  // A tag may hold a comma, but no quote.
  const tags = text.match(/(?:[^",]|"[^"]*"?)+/g)?.map((tag) => tag.trim()) ?? [];
  const filled = tags.filter((tag) => tag !== '');
  if (filled.length > 0 && filled.every((tag) => entityTag.test(tag))) return filled;
  throw new Problem(
    400,
    `${name} is neither * nor a list of entity tags; write the ETag as it was given, with its quotes, e.g. "1".`,
  );
}
