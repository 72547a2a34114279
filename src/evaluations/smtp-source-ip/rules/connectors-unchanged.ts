import type { Judgement } from '../../../domain/rule.ts';
import { connectorIdentity, connectorTarget } from '../connectors.ts';
import { rule, windowsOnly } from '../rule.ts';

/** See connectors-unchanged.md. */
export const connectorsUnchanged = rule({
  id: 'smtp-source-ip/connectors-unchanged',
  title: 'No connector was changed since the baseline',
  severity: 'medium',
  blocks: [],
  needs: ['node-receive-connectors'],
  optional: ['smtp-baseline'],
  per: 'node',
  variant: windowsOnly('Postfix keeps no time of its changes; see smtp-source-ip/baseline-kept.'),
  judge({ 'node-receive-connectors': connectors, 'smtp-baseline': baseline }, at): Judgement | Judgement[] {
    if (baseline === undefined) {
      return {
        verdict: 'not_applicable',
        message: `${at.part}: no baseline has been accepted; "fieldcheck baseline accept" records one.`,
      };
    }
    const since = baseline.collectedAt ?? baseline.acceptedAt;
    return connectors.map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      const { whenChanged } = connector;
      if (whenChanged === undefined) {
        return {
          verdict: 'not_applicable',
          target,
          message: `${target}: the fact file does not say when it was changed.`,
        };
      }
      const evidence = [
        { fact: 'node-receive-connectors' as const, observed: `${connector.name}: changed ${whenChanged}` },
      ];
      return whenChanged > since
        ? {
            verdict: 'fail',
            target,
            owner: 'on-premises',
            message: `${target} was changed on ${whenChanged}, after the baseline of ${since}.`,
            remedy: `Review it, then accept the state with: fieldcheck baseline accept\nGet-ReceiveConnector ${connectorIdentity(at, connector)} | Format-List`,
            evidence,
          }
        : { verdict: 'pass', target, message: `${target} is unchanged since ${whenChanged}.`, evidence };
    });
  },
});
