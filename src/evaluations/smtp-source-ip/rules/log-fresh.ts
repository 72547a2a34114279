import { hoursUntil } from '../../../domain/time.ts';
import { rule } from '../rule.ts';

const freshHours = 24;

/** See log-fresh.md. */
export const logFresh = rule({
  id: 'smtp-source-ip/log-fresh',
  title: 'The receive log is of today',
  severity: 'medium',
  blocks: [],
  needs: ['smtp-log'],
  judge({ 'smtp-log': log }, { now }) {
    const { newestLoadBalanced: newest } = log;
    const evidence = [{ fact: 'smtp-log' as const, observed: `newest load-balanced row: ${newest ?? 'none'}` }];
    const age = newest === undefined ? Number.POSITIVE_INFINITY : -hoursUntil(newest, now);
    if (age < freshHours) {
      return { verdict: 'pass', message: `The newest load-balanced row of the receive log is of ${newest}.`, evidence };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message:
        newest === undefined
          ? 'The receive log holds no session on a load-balanced port: it proves nothing.'
          : `The newest load-balanced row of the receive log is of ${newest}, ${Math.floor(age)} h ago: it proves nothing about today.`,
      remedy:
        'Run the collector again, or pass the newest RECV*.LOG; when it stays old, check that the connectors write a protocol log and that the pool sends traffic.',
      evidence,
    };
  },
});
