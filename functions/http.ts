import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { Problem, problemOf } from '../src/app.ts';

type Handler = (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>;

/** Turns what a handler throws into problem details (RFC 9457); faults of ours are logged and not told. */
export function door(handler: Handler): Handler {
  return async (request, context) => {
    try {
      return await handler(request, context);
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined) context.error(error);
      return problemResponse(
        problem ?? { status: 500, detail: 'fieldcheck stopped with an error of its own; its log says more.' },
      );
    }
  };
}

/** What RFC 9110 calls them: the title of a problem that has no type of its own. */
const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

function problemResponse({
  status,
  detail,
  issues,
}: {
  status: number;
  detail: string;
  issues?: readonly string[];
}): HttpResponseInit {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...(status === 503 ? { 'retry-after': '5' } : {}) },
    body: JSON.stringify({
      type: 'about:blank',
      title: titles[status],
      status,
      detail,
      ...(issues === undefined ? {} : { issues }),
    }),
  };
}

const megabyte = 1_000_000;

/** The whole body. @throws Problem 413 when it is longer than `limit` bytes */
export async function bytesOf(request: HttpRequest, limit = megabyte): Promise<Uint8Array> {
  const tooLong = new Problem(413, `The body is longer than ${limit / megabyte} MB.`);
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLong;
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > limit) throw tooLong;
  return body;
}

/** The body as JSON. @throws Problem 400 when it is none */
export async function jsonOf(request: HttpRequest): Promise<unknown> {
  const text = new TextDecoder().decode(await bytesOf(request));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(
      400,
      text === ''
        ? 'The body is empty; JSON is expected.'
        : `The body is no JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** A route parameter; the router has made sure that it is there. */
export function parameter(request: HttpRequest, name: string): string {
  return request.params[name] ?? '';
}

/** `?limit=` and `?continuation=` of a list. @throws Problem 400 */
export function pageOf(request: HttpRequest, most: number): { limit: number; continuation: string | undefined } {
  const text = request.query.get('limit');
  const limit = text === null ? Math.min(most, 100) : Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > most)
    throw new Problem(400, `limit must be a whole number from 1 to ${most}.`);
  return { limit, continuation: request.query.get('continuation') ?? undefined };
}
