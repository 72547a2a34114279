import type { Judgement } from '../../../domain/rule.ts';
import { connectorIdentity, connectorTarget, loadBalanced } from '../connectors.ts';
import { rule, windowsOnly } from '../rule.ts';

/** See protocol-log-verbose.md. */
export const protocolLogVerbose = rule({
  id: 'smtp-source-ip/protocol-log-verbose',
  title: 'Load-balanced connectors write a protocol log',
  severity: 'medium',
  blocks: [],
  needs: ['node-receive-connectors'],
  per: 'node',
  variant: windowsOnly('Postfix always writes who connects.'),
  judge({ 'node-receive-connectors': connectors }, at): Judgement | Judgement[] {
    const looked = loadBalanced(connectors, at.subject);
    if (looked.length === 0) {
      return { verdict: 'not_applicable', message: `${at.part}: no enabled front-end connector listens on a VIP.` };
    }
    return looked.map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      const evidence = [
        {
          fact: 'node-receive-connectors' as const,
          observed: `${connector.name}: ProtocolLoggingLevel ${connector.verboseLog ? 'Verbose' : 'None'}`,
        },
      ];
      return connector.verboseLog
        ? { verdict: 'pass', target, message: `${target} writes a protocol log.`, evidence }
        : {
            verdict: 'fail',
            target,
            owner: 'on-premises',
            message: `${target} writes no protocol log, so nothing shows which addresses connect.`,
            remedy: `Set-ReceiveConnector ${connectorIdentity(at, connector)} -ProtocolLoggingLevel Verbose`,
            evidence,
          };
    });
  },
});
