import type { LogLevel } from './core.ts';

/** One line of the host's log. `category` is the Functions category (`Host.…`, `Function.<name>[.User]`). */
export interface LogEntry {
  level: LogLevel;
  category: string;
  message: string;
  functionName?: string;
  invocationId?: string;
}

export type Log = (entry: LogEntry) => void;

const levels: readonly LogLevel[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'];

/**
 * Lets through what host.json's `logging.logLevel` lets through: the longest category prefix decides, then `default`.
 *
 * @param thresholds category prefix → lowest level shown, as in host.json (any case)
 */
export function filterLog(thresholds: Readonly<Record<string, string>>, log: Log): Log {
  const byLongestPrefix = Object.entries(thresholds)
    .filter(([prefix]) => prefix !== 'default')
    .sort(([a], [b]) => b.length - a.length);
  return (entry) => {
    const [, threshold] = byLongestPrefix.find(([prefix]) => isWithin(entry.category, prefix)) ?? [];
    if (rank(entry.level) >= rank(threshold ?? thresholds.default ?? 'information')) log(entry);
  };
}

function isWithin(category: string, prefix: string): boolean {
  return category === prefix || category.startsWith(`${prefix}.`);
}

function rank(level: string): number {
  const index = levels.indexOf(level.toLowerCase() as LogLevel);
  return index === -1 ? levels.indexOf('information') : index;
}

/** An error as text for the log: stack and causes. Never its other properties, which may hold requests and secrets. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\n  caused by: ${describeError(error.cause)}`;
}
