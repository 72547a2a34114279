/** The HTTP statuses of what a caller can do something about. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 412 | 413 | 422 | 429 | 503;

/** Something the caller has to know, with the HTTP status it has at that door (RFC 9457 calls it a problem). */
export class Problem extends Error {
  readonly status: ProblemStatus;
  constructor(status: ProblemStatus, detail: string) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
  }
}

export function notFound(what: string): Problem {
  return new Problem(404, `${what} does not exist.`);
}
