import type { HostedApp } from '../app/index.ts';
import { Problem } from '../app/problem.ts';
import { inTurn, ownTurn } from '../app/reading/turns.ts';
import { parseJson, RefusedJson } from '../domain/json.ts';
import { admit, nobody } from './admit.ts';
import type { Body, Door, DoorAnswer, DoorRequest } from './door.ts';
import { fault, problemOf } from './problem.ts';

/** A request as a host gives it; its router has found the door, so every parameter of the path is there. */
export interface Incoming extends Pick<DoorRequest, 'params' | 'query' | 'headers'> {
  /** In full, where the host knows it; a browser comes back to it after signing in. */
  readonly url?: string;
  readonly body: AsyncIterable<Uint8Array> | null;
}

/**
 * What a door answers. Never throws: what its handler throws becomes problem details (RFC 9457), and a fault of ours goes
 * to `logFault` and is not told.
 */
export async function answerOf(
  door: Door,
  app: () => HostedApp,
  incoming: Incoming,
  logFault: (error: unknown) => void,
): Promise<DoorAnswer> {
  const { params, query, headers } = incoming;
  const bytes = async () => {
    if (door.body === undefined) throw new Error(`The door ${door.id} declares no body, but reads one.`);
    return bytesOf(incoming, door.body);
  };
  try {
    const hosted = app();
    const { identity, refusal } = await admit(hosted, door, incoming);
    if (refusal !== undefined) return refusal;
    const request: DoorRequest = {
      params,
      query,
      headers,
      identity,
      may: async (need, organization) => (await hosted.decide(need, identity, organization)) === 'allowed',
      bytes,
      json: async () => parsed(await bytes()),
    };
    const handle = () => door.handle(hosted.as(identity ?? nobody), request);
    return withMediaType(door, await (door.body === undefined ? handle() : inTurn(lengthOf(incoming), handle)));
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) logFault(error);
    return problem ?? fault;
  }
}

function withMediaType({ answers }: Door, answer: DoorAnswer): DoorAnswer {
  const mediaType = answers[answer.status ?? 200]?.content?.mediaType;
  if (answer.body === undefined || mediaType === undefined) return answer;
  return { ...answer, headers: { 'content-type': mediaType, ...answer.headers } };
}

const megabyte = 1_000_000;

/** Up to these a body is read in no time. */
const smallBytes = 100_000;

/** Of the body, as far as its header tells. */
function lengthOf({ headers }: Incoming): number | undefined {
  const length = headers.get('content-length');
  return length === null ? undefined : Number(length);
}

async function bytesOf(incoming: Incoming, { limit, instead }: Body): Promise<Uint8Array> {
  const why = `The body is longer than ${limit / megabyte} MB`;
  const tooLong = new Problem(413, instead === undefined ? `${why}.` : `${why}; ${instead}.`);
  const announced = lengthOf(incoming);
  if (announced !== undefined && announced > limit) throw tooLong;
  // Copying and parsing it takes a while.
  if (announced === undefined || announced > smallBytes) await ownTurn();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming.body ?? []) {
    length += chunk.byteLength;
    if (length > limit) throw tooLong;
    chunks.push(chunk);
  }
  return joined(chunks, length);
}

/** The Functions library gives a body in one piece, which need not be copied once more. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first, ...more] = chunks;
  if (first !== undefined && more.length === 0) return first;
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

function parsed(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof RefusedJson) throw new Problem(400, `The body ${error.message}.`);
    throw new Problem(
      400,
      text === ''
        ? 'The body is empty; JSON is expected.'
        : `The body is no JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
