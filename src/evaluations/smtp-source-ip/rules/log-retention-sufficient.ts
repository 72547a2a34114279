import { hoursUntil } from '../../../domain/time.ts';
import { quoted } from '../node.ts';
import { rule } from '../rule.ts';

/** What a daily run needs to see. */
const windowHours = 24;

/** See log-retention-sufficient.md. */
export const logRetentionSufficient = rule({
  id: 'smtp-source-ip/log-retention-sufficient',
  title: 'The receive log reaches back a day',
  severity: 'low',
  blocks: [],
  needs: ['smtp-log'],
  optional: ['node-frontend-transport'],
  judge({ 'smtp-log': log, 'node-frontend-transport': settings }, { now, subject }) {
    const evidence = [
      { fact: 'smtp-log' as const, observed: `rows from ${log.from ?? 'never'} to ${log.to ?? 'never'}` },
      ...Object.entries(settings ?? {}).map(([part, { maxAge, maxDirectorySize }]) => ({
        fact: 'node-frontend-transport' as const,
        part,
        observed: `${part}: kept ${maxAge ?? 'for an unknown time'}, at most ${maxDirectorySize ?? 'of unknown size'}`,
      })),
    ];
    // A summary of the last 24 hours starts within its first minutes, not at its first moment.
    const back = log.from === undefined ? 0 : -hoursUntil(log.from, now);
    if (back >= windowHours - 1) {
      return { verdict: 'pass', message: `The receive log reaches back ${Math.floor(back)} h.`, evidence };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `The receive log reaches back ${Math.floor(back)} h only: what happened before is rotated away, and a daily run does not see it.`,
      remedy: subject.nodes
        .map(({ name, system }) =>
          system === 'linux'
            ? `On ${name}: keep more in /etc/logrotate.d (rotate 30), and give every file with --log or -l.`
            : `Set-FrontendTransportService ${quoted(name)} -ReceiveProtocolLogMaxDirectorySize 5GB -ReceiveProtocolLogMaxAge 30.00:00:00`,
        )
        .join('\n'),
      evidence,
    };
  },
});
