import type { CloudTenant } from './cloud-endpoints.ts';

/** Gives what was asked of a tenant a moment ago, or asks now. `what` names the question. */
export type TenantMemory = <T>(tenant: CloudTenant, what: string, ask: () => Promise<T>) => Promise<T>;

/** For how long an answer serves the subjects of a run that follow. */
const keptMs = 5 * 60_000;
/** A refusal serves for less, so that a grant shows soon; but not every one of 10,000 domains asks again. */
const refusalKeptMs = 60_000;

/** One question to a tenant serves all its subjects, however many ask at once; answers are dropped after a few minutes. */
export function createTenantMemory(): TenantMemory {
  const held = new Map<string, { readonly answer: Promise<unknown>; goodUntil: number }>();
  return <T>({ cloud, id }: CloudTenant, what: string, ask: () => Promise<T>): Promise<T> => {
    const now = performance.now();
    for (const [key, { goodUntil }] of held) if (goodUntil <= now) held.delete(key);
    const key = `${cloud} ${id.toLowerCase()} ${what}`;
    const before = held.get(key);
    if (before !== undefined) return before.answer as Promise<T>;
    const answer = ask();
    const entry = { answer, goodUntil: Number.POSITIVE_INFINITY };
    held.set(key, entry);
    answer.then(
      () => {
        entry.goodUntil = performance.now() + keptMs;
      },
      () => {
        entry.goodUntil = performance.now() + refusalKeptMs;
      },
    );
    return answer;
  };
}
