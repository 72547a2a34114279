import { z } from 'zod';
import { Problem, type ProblemStatus } from '../app/problem.ts';
import { InvalidDocument } from '../domain/organization.ts';
import { InvalidContinuation, StoreUnavailable } from '../store/store.ts';
import type { DoorAnswer } from './door.ts';

/** RFC 9457. */
export const problemDetails = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  /** One line for each fault of a refused document: where, what, how to mend it. */
  issues: z.array(z.string()).exactOptional(),
});

/** What RFC 9110 calls each status, which is the title of a problem without a type of its own, and what it means here. */
export const problems: Readonly<Record<ProblemStatus, { readonly title: string; readonly means: string }>> = {
  400: { title: 'Bad Request', means: 'The request is not what it should be; `issues` says where.' },
  401: { title: 'Unauthorized', means: 'Nobody knows who calls: send a key or an access token as a bearer.' },
  403: { title: 'Forbidden', means: 'This is not among what the caller may do.' },
  404: { title: 'Not Found', means: 'There is no such thing, or it is none of the caller’s.' },
  409: { title: 'Conflict', means: 'There is no subject to look at.' },
  412: { title: 'Precondition Failed', means: 'Somebody else changed it meanwhile: read it again.' },
  413: { title: 'Content Too Large', means: 'The body is too long, or asks for more than one request may.' },
  422: {
    title: 'Unprocessable Content',
    means: 'The facts are about nothing that this organization watches, not to be believed, or there are none.',
  },
  429: { title: 'Too Many Requests', means: 'Too many wrong keys or tokens; try again after Retry-After.' },
  503: {
    title: 'Service Unavailable',
    means: 'The storage, or Entra ID, does not answer; try again after Retry-After.',
  },
};

/** What a caller can be told of an error; undefined when it is a fault of ours. */
export function problemOf(error: unknown): DoorAnswer | undefined {
  if (error instanceof Problem) return problem(error.status, error.message);
  if (error instanceof InvalidDocument) return problem(400, error.message, error.issues);
  if (error instanceof InvalidContinuation) return problem(400, error.message);
  if (error instanceof StoreUnavailable) return problem(503, error.message);
  return undefined;
}

/** Of our own faults callers learn no more than this. */
export const fault = answer({
  type: 'about:blank',
  title: 'Internal Server Error',
  status: 500,
  detail: 'fieldcheck stopped with an error of its own; its log says more.',
});

function problem(status: ProblemStatus, detail: string, issues?: readonly string[]): DoorAnswer {
  const { title } = problems[status];
  const said = issues === undefined ? {} : { issues: [...issues] };
  return answer({ type: 'about:blank', title, status, detail, ...said }, headersOf[status] ?? {});
}

const headersOf: Readonly<Partial<Record<ProblemStatus, Readonly<Record<string, string>>>>> = {
  // RFC 6750 section 3.
  401: { 'www-authenticate': 'Bearer realm="fieldcheck"' },
  429: { 'retry-after': '60' },
  503: { 'retry-after': '5' },
};

function answer(details: z.infer<typeof problemDetails>, headers: Readonly<Record<string, string>> = {}): DoorAnswer {
  return {
    status: details.status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify(details),
  };
}
