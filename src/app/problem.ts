import { InvalidDocument } from '../domain/organization.ts';
import { InvalidContinuation, StoreUnavailable } from '../store/store.ts';

/** Something the caller has to know, with the HTTP status it has at that door (RFC 9457 calls it a problem). */
export class Problem extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
  }
}

export function notFound(what: string): Problem {
  return new Problem(404, `${what} does not exist.`);
}

/** What to tell the caller about an error; undefined when it is a fault of ours, of which callers learn nothing more. */
export function problemOf(error: unknown): { status: number; detail: string; issues?: readonly string[] } | undefined {
  if (error instanceof Problem) return { status: error.status, detail: error.message };
  if (error instanceof InvalidDocument) return { status: 400, detail: error.message, issues: error.issues };
  if (error instanceof InvalidContinuation) return { status: 400, detail: error.message };
  if (error instanceof StoreUnavailable) return { status: 503, detail: error.message };
  return undefined;
}
