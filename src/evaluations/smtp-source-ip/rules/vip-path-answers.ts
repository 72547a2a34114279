import { enumerate } from '../../../domain/words.ts';
import { rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See vip-path-answers.md. */
export const vipPathAnswers = rule({
  id: 'smtp-source-ip/vip-path-answers',
  title: 'The way through the VIP answers',
  severity: 'high',
  confirmRuns: 2,
  blocks: ['dsr-ready'],
  needs: [],
  optional: ['smtp-vip-path'],
  scope: onlyWithDsr,
  judge({ 'smtp-vip-path': paths }) {
    if (paths === undefined) return { verdict: 'not_applicable', message: 'Nobody probed the VIP.' };
    const evidence = paths.map(({ vip, outcome }) => ({
      fact: 'smtp-vip-path' as const,
      observed: `${vip} ${outcome}`,
    }));
    const silent = paths.filter(({ outcome }) => outcome !== 'answers');
    if (silent.length === 0) {
      return { verdict: 'pass', message: `${enumerate(paths.map(({ vip }) => vip))} answers.`, evidence };
    }
    const what = silent.map(({ vip, outcome }) => `${vip} ${words[outcome]}`);
    return {
      verdict: 'fail',
      owner: 'network',
      message: `${enumerate(what)}, while the nodes answer directly: Direct Server Return is half set up (the VIP is not accepted, or replies are dropped on the way back).`,
      remedy:
        "Check in this order: VIP on the loopback adapter, weak host settings, firewall on the node, default gateway (findings above); then a stateful firewall that sees one direction only, and the monitor of the load balancer (NetScaler learns the server's hardware address from it).",
      evidence,
    };
  },
});

const words = {
  answers: 'answers',
  'answers-sometimes': 'answers some connections only',
  hangs: 'does not answer',
  refused: 'refuses the connection',
} as const;
