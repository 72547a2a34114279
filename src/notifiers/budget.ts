import type { Notifier } from '../domain/notice.ts';

/** Workflows takes 25 posts in 5 minutes for one connection (Teams connector reference, "Throttling limits"). */
export const workflowBudget = { posts: 25, withinMs: 5 * 60_000 } as const;

export interface Budget {
  readonly posts: number;
  readonly withinMs: number;
}

/**
 * Posts to each address at most as often as its budget allows, whichever organizations share it. What is too much is to be
 * tried again when there is room; nothing is posted then.
 *
 * It counts what this process posts. Where several run, an address that has had enough answers 429, and that is obeyed.
 */
export function createBudgets(clock: () => Date): (notifier: Notifier, address: string, budget: Budget) => Notifier {
  const postedAt = new Map<string, number[]>();
  return (notifier, address, { posts, withinMs }) => ({
    ...notifier,
    async send(notice, signal) {
      const now = clock().getTime();
      // A clock that was set back must not lock an address.
      const recent = (postedAt.get(address) ?? []).filter((at) => now - at < withinMs && at <= now);
      const oldest = recent[0];
      if (recent.length >= posts && oldest !== undefined) {
        const afterSeconds = Math.ceil((oldest + withinMs - now) / 1_000);
        return {
          outcome: 'retry',
          detail: `It has had ${posts} posts within ${withinMs / 60_000} minutes, which is all that it takes; it is tried again.`,
          afterSeconds,
        };
      }
      postedAt.set(address, [...recent, now]);
      return notifier.send(notice, signal);
    },
  });
}
