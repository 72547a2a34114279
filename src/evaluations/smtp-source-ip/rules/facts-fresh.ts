import { hoursUntil } from '../../../domain/time.ts';
import { goodForADay } from '../../../facts/smtp-service/node.ts';
import { collectorFor, isLinuxNode } from '../../../facts/smtp-service/service.ts';
import { rule } from '../rule.ts';

/** See facts-fresh.md. */
export const factsFresh = rule({
  id: 'smtp-source-ip/facts-fresh',
  title: 'The facts of the node are of today',
  severity: 'medium',
  blocks: [],
  needs: ['node-host'],
  per: 'node',
  judge({ 'node-host': { collectedAt } }, at) {
    const age = -hoursUntil(collectedAt, at.now);
    const evidence = [{ fact: 'node-host' as const, observed: `collected ${collectedAt}` }];
    if (age < goodForADay) return { verdict: 'pass', message: `${at.part}: collected ${collectedAt}.`, evidence };
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: its facts are of ${collectedAt}, ${Math.floor(age)} h old: nothing about the node is judged by them.`,
      remedy: `Look at the ${isLinuxNode(at) ? 'timer' : 'scheduled task'} of ${collectorFor(isLinuxNode(at) ? 'linux' : 'windows')} on ${at.part}, and run it.`,
      evidence,
    };
  },
});
