import type { CloudTenant } from '../domain/tenant.ts';

/** Gives what was asked of a tenant a moment ago, or asks now. `what` names the question. */
export type TenantMemory = <T>(tenant: CloudTenant, what: string, ask: () => Promise<T>) => Promise<T>;

/** For how long an answer serves the subjects of a run that follow. */
const keptMs = 5 * 60_000;
/** A refusal serves for less, so that a grant shows soon; but not every one of 10,000 domains asks again. */
const refusalKeptMs = 60_000;
/** An answer that nobody wants any more is dropped: the list of a large tenant takes megabytes. */
const idleMs = 60_000;

interface Held {
  readonly answer: Promise<unknown>;
  /** Undefined while it is asked. */
  goodUntil: number | undefined;
  usedAt: number;
}

/** One question to a tenant serves all its subjects, however many ask at once. */
export function createTenantMemory(): TenantMemory {
  const memory = new Map<string, Held>();

  const forgetOld = (now: number) => {
    for (const [key, { goodUntil, usedAt }] of memory) {
      if (goodUntil !== undefined && (goodUntil <= now || usedAt + idleMs <= now)) memory.delete(key);
    }
  };

  return <T>({ cloud, id }: CloudTenant, what: string, ask: () => Promise<T>): Promise<T> => {
    const now = performance.now();
    const key = `${cloud} ${id.toLowerCase()} ${what}`;
    forgetOld(now);
    const before = memory.get(key);
    if (before !== undefined) {
      before.usedAt = now;
      return before.answer as Promise<T>;
    }
    const answer = ask();
    const held: Held = { answer, goodUntil: undefined, usedAt: now };
    memory.set(key, held);
    const keep = (ms: number) => () => {
      held.usedAt = performance.now();
      held.goodUntil = held.usedAt + ms;
    };
    answer.then(keep(keptMs), keep(refusalKeptMs));
    return answer;
  };
}
