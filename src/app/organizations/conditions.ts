import { Problem } from '../problem.ts';

/** Versions that a header names, or whichever there is. */
export type EntityTags = '*' | readonly string[];

/** What has to be so that a request is done (RFC 9110 section 13.1). */
export interface Conditions {
  readonly ifMatch?: EntityTags | undefined;
  readonly ifNoneMatch?: EntityTags | undefined;
}

/**
 * Tags are compared character by character, weak ones too: the storage gives out no others, and its tag changes with every
 * write.
 *
 * @param etag of what there is now; undefined when there is nothing
 * @throws Problem (412)
 */
export function checkConditions(id: string, { ifMatch, ifNoneMatch }: Conditions, etag: string | undefined): void {
  if (ifMatch !== undefined && etag === undefined)
    throw new Problem(412, `"${id}" does not exist, and If-Match asks for a version of it; leave If-Match out.`);
  if (ifMatch !== undefined && !isAmong(ifMatch, etag)) throw changedMeanwhile(id);
  if (ifNoneMatch !== undefined && isAmong(ifNoneMatch, etag))
    throw new Problem(412, `"${id}" exists, and If-None-Match asks that it does not; leave If-None-Match out.`);
}

function isAmong(tags: EntityTags, etag: string | undefined): boolean {
  return etag !== undefined && (tags === '*' || tags.includes(etag));
}

export function changedMeanwhile(id: string): Problem {
  return new Problem(
    412,
    `"${id}" was changed by somebody else meanwhile; read it again, put your change in and send it again.`,
  );
}
