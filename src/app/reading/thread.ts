import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import { InvalidDocument } from '../../domain/organization.ts';
import type { Registry } from '../../evaluations/registry.ts';
import { Problem } from '../problem.ts';
import { createDesk, type Desk } from './desk.ts';

/** A {@link Desk} that may stand elsewhere. */
export type AskedDesk = {
  readonly [Method in keyof Desk]: (...given: Parameters<Desk[Method]>) => Promise<Awaited<ReturnType<Desk[Method]>>>;
};

/** One question to a desk in a thread, and its answer. */
export interface Question {
  readonly id: number;
  readonly method: keyof Desk;
  readonly given: readonly unknown[];
}
export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: SentError;
}

/** An error as it goes from thread to thread, which know classes by nothing but their names. */
export type SentError =
  | { readonly kind: 'invalid'; readonly what: string; readonly issues: readonly string[] }
  | { readonly kind: 'problem'; readonly status: Problem['status']; readonly detail: string }
  | { readonly kind: 'fault'; readonly error: unknown };

/** From this many bytes on reading holds a thread for longer than others should wait; up to them a thread costs more. */
const largeBytes = 250_000;

/** Threads at once: more would only share the processor, and each takes its memory. */
const threads = pLimit(2);

/**
 * What a thread may keep: reading the largest export takes half of it. A young generation of the usual size would be
 * filled before it is swept, which is 150 MB more.
 */
const threadLimits = { maxOldGenerationSizeMb: 300, maxYoungGenerationSizeMb: 8 };

/** Whatever takes longer to read is made to. */
const threadLimitMs = 60_000;

/**
 * Reads something that was handed in: what is large in a thread of its own, so that this one has time for others.
 *
 * @param program the thread's; without one all is read in this thread
 * @param content goes over to that thread, and is empty here afterwards
 */
export async function atDesk<Result>(
  { evaluations, readingThread: program }: { readonly evaluations: Registry; readonly readingThread?: URL | undefined },
  content: Uint8Array,
  use: (desk: AskedDesk) => Promise<Result>,
): Promise<Result> {
  if (program === undefined || content.byteLength < largeBytes) return use(besideUs(createDesk(evaluations)));
  return threads(async () => {
    const thread = openThread(program);
    try {
      return await use(thread.desk);
    } finally {
      await thread.close();
    }
  });
}

function besideUs(desk: Desk): AskedDesk {
  return deskAsking(async (method, given) => (desk[method] as (...args: readonly unknown[]) => unknown)(...given));
}

function openThread(program: URL): { readonly desk: AskedDesk; close(): Promise<unknown> } {
  const worker = new Worker(program, { resourceLimits: threadLimits });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  let ended: unknown;
  const end = (reason: unknown) => {
    ended ??= reason;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on('message', ({ id, value, error }: Reply) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) one?.resolve(value);
    else one?.reject(received(error));
  });
  worker.on('error', (error) => end(isOutOfMemory(error) ? tooMuch('more memory') : error));
  worker.on('exit', () => end(new Error('The thread that reads ended.')));
  const limit = setTimeout(() => {
    end(tooMuch('longer'));
    void worker.terminate();
  }, threadLimitMs);
  return {
    desk: deskAsking((method, given) => {
      if (ended !== undefined) return Promise.reject(ended);
      asked += 1;
      const answer = Promise.withResolvers<unknown>();
      waiting.set(asked, answer);
      worker.postMessage({ id: asked, method, given } satisfies Question, whole(given));
      return answer.promise;
    }),
    close() {
      clearTimeout(limit);
      return worker.terminate();
    },
  };
}

function deskAsking(ask: (method: keyof Desk, given: readonly unknown[]) => Promise<unknown>): AskedDesk {
  const asking =
    <Method extends keyof Desk>(method: Method) =>
    (...given: Parameters<Desk[Method]>) =>
      ask(method, given) as Promise<Awaited<ReturnType<Desk[Method]>>>;
  return {
    openFacts: asking('openFacts'),
    readFacts: asking('readFacts'),
    subjects: asking('subjects'),
    foreignTo: asking('foreignTo'),
    factsFor: asking('factsFor'),
    spokenOf: asking('spokenOf'),
    openLook: asking('openLook'),
    explain: asking('explain'),
  };
}

/** Bytes that are all of their memory go over; what shares it with others is copied. */
function whole(given: readonly unknown[]): ArrayBuffer[] {
  return given.flatMap((one) => {
    const bytes = one instanceof Uint8Array ? one : (one as { readonly content?: unknown }).content;
    const goes = bytes instanceof Uint8Array && bytes.byteLength === bytes.buffer.byteLength;
    return goes && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
  });
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function tooMuch(what: string): Problem {
  return new Problem(413, `Reading what was sent takes ${what} than one request may; send it in parts.`);
}

/** For the other thread. */
export function sent(error: unknown): SentError {
  if (error instanceof InvalidDocument) return { kind: 'invalid', what: error.what, issues: error.issues };
  if (error instanceof Problem) return { kind: 'problem', status: error.status, detail: error.message };
  return { kind: 'fault', error };
}

function received(error: SentError): unknown {
  switch (error.kind) {
    case 'invalid':
      return new InvalidDocument(error.what, error.issues);
    case 'problem':
      return new Problem(error.status, error.detail);
    case 'fault':
      return error.error;
  }
}
