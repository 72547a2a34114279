import { z } from 'zod';
import type { App, HostCookie } from '../app/index.ts';
import { Problem, type ProblemStatus } from '../app/problem.ts';
import type { Identity, Need } from '../domain/access.ts';

/** One HTTP door as data: what is registered, described in OpenAPI and listed in the README comes from here. */
export interface Door {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `/api`, with `{name}` for a parameter; the function's route. */
  readonly path: string;
  /** The function's name and the operation's in OpenAPI: it stays what it is. */
  readonly id: string;
  /** What it is good for, in one sentence without a full stop. */
  readonly title: string;
  /** What the caller has to be allowed, in the organization that `{organization}` or `{runId}` of the path names. */
  readonly needs: Need;
  /** Those of the query, the headers, and of the path what only this door has there. */
  readonly parameters?: readonly Parameter[];
  readonly body?: Body;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Of what a caller may be refused with, besides 503. */
  readonly problems?: readonly ProblemStatus[];
  /** Decodes, calls one method of the App, encodes. What it changes is the caller's. What it throws becomes a problem. */
  handle(app: App, request: DoorRequest): Promise<DoorAnswer>;
}

export interface Parameter {
  readonly in: 'query' | 'header' | 'path';
  readonly name: string;
  readonly description: string;
  readonly schema: z.ZodType;
}

/** A body as schema and media type; the media type says also how texts are encoded. */
export interface Content {
  readonly mediaType: string;
  readonly schema: z.ZodType;
  /** The schema in it that has a name in OpenAPI. */
  readonly named?: { readonly name: string; readonly schema: z.ZodType };
}

export interface Body {
  readonly content: Content;
  /** Most bytes. */
  readonly limit: number;
  /** What to send where it is longer. */
  readonly instead?: string;
  readonly description?: string;
}

export interface Answer {
  readonly is: string;
  readonly content: Content | undefined;
  /** Others that a caller may ask for. */
  readonly also?: readonly Content[];
  /** What each header says, by name. */
  readonly headers: Readonly<Record<string, string>> | undefined;
}

export interface DoorRequest<Name extends string = string> {
  readonly params: Readonly<Record<Name, string>>;
  readonly query: Pick<URLSearchParams, 'get'>;
  readonly headers: Pick<Headers, 'get'>;
  /** Who calls; undefined at an open door that nobody known came to. */
  readonly identity: Identity | undefined;
  /** May the caller do that there? Without an organization: anywhere. For what a handler decides beside its door's need. */
  may(need: Need, organization?: string): Promise<boolean>;
  /** The whole body. @throws Problem 413 when it is longer than the door's limit */
  bytes(): Promise<Uint8Array>;
  /** The body as JSON. @throws Problem 413, and 400 when it is none */
  json(): Promise<unknown>;
}

/** Text gets its media type from the door. */
export interface DoorAnswer {
  /** 200 when left out. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly jsonBody?: unknown;
  readonly body?: string | Uint8Array;
  readonly cookies?: readonly HostCookie[];
}

/** `a/{b}/{c}` → `'b' | 'c'` */
type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

/** Declares a door: the compiler refuses a handler that reads a parameter which the path does not have. */
export function door<const Path extends string>(
  id: string,
  method: Door['method'],
  path: Path,
  declared: Omit<Door, 'id' | 'method' | 'path' | 'handle'> & {
    handle(app: App, request: DoorRequest<NamesIn<Path>>): Promise<DoorAnswer>;
  },
): Door {
  return { id, method, path, ...declared };
}

/** All that a caller may be refused with, besides 503: what the door names, and what comes of who calls. */
export function problemsOf({ needs, problems = [] }: Pick<Door, 'needs' | 'problems'>): readonly ProblemStatus[] {
  return needs === 'open'
    ? problems
    : [...new Set([...problems, 401 as const, 403 as const, 404 as const, 429 as const])];
}

export function answer(is: string, content?: Content, headers?: Answer['headers']): Answer {
  return { is, content, headers };
}

export function json(name: string, schema: z.ZodType): Content {
  return { mediaType: 'application/json', schema, named: { name, schema } };
}

export function listOf(name: string, schema: z.ZodType): Content {
  return { ...json(name, schema), schema: z.array(schema) };
}

/** One page of a list; {@link paging} gives the parameters with which one turns it. */
export function pageOf(name: string, schema: z.ZodType): Content {
  const continuation = z.string().optional().describe('Give it back to go on; absent on the last page.');
  return { ...json(name, schema), schema: z.object({ items: z.array(schema), continuation }) };
}

export function media(mediaType: string, schema: z.ZodType = z.string()): Content {
  return { mediaType, schema };
}

export function inPath(name: string, description: string, ...examples: string[]): Parameter {
  return { in: 'path', name, description, schema: z.string().meta({ examples }) };
}

export function header(name: string, description: string): Parameter {
  return { in: 'header', name, description, schema: z.string() };
}

export function query(name: string, description: string, schema: z.ZodType): Parameter {
  return { in: 'query', name, description, schema };
}

/** `?limit=` and `?continuation=` of a list whose pages hold at most so many items. */
export function paging(most: number) {
  return {
    parameters: [
      query('limit', 'Most items of one page.', z.int().min(1).max(most).default(100)),
      query('continuation', 'Of the page before; left out, the first page.', z.string()),
    ],
    /** @throws Problem 400 */
    of({ query: given }: Pick<DoorRequest, 'query'>) {
      const limit = Number(given.get('limit') ?? 100);
      if (!Number.isInteger(limit) || limit < 1 || limit > most)
        throw new Problem(400, `limit must be a whole number from 1 to ${most}.`);
      return { limit, continuation: given.get('continuation') ?? undefined };
    },
  };
}
