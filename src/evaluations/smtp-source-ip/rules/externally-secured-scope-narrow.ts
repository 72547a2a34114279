import type { Judgement } from '../../../domain/rule.ts';
import { connectorIdentity, connectorTarget, narrowScope, wideRanges } from '../connectors.ts';
import { rule, windowsOnly } from '../rule.ts';
import { withBalancer } from '../service.ts';

/** See externally-secured-scope-narrow.md. */
export const externallySecuredScopeNarrow = rule({
  id: 'smtp-source-ip/externally-secured-scope-narrow',
  title: 'Externally secured connectors admit a short list',
  severity: 'critical',
  blocks: ['relay-safe'],
  needs: ['node-receive-connectors'],
  optional: ['smtp-load-balancer'],
  per: 'node',
  variant: windowsOnly('Postfix has no externally secured connectors; see smtp-source-ip/relay-scope-narrow.'),
  judge(facts, place) {
    const at = withBalancer(facts, place);
    return facts['node-receive-connectors'].map((connector): Judgement => {
      const target = connectorTarget(at, connector);
      if (!connector.enabled) return { verdict: 'not_applicable', target, message: `${target} is disabled.` };
      const evidence = [
        {
          fact: 'node-receive-connectors' as const,
          observed: `${connector.name}: ${connector.authMechanism.join(', ') || 'no authentication'}; ${connector.remoteIPRanges.join(', ')}`,
        },
      ];
      if (!connector.authMechanism.includes('ExternalAuthoritative')) {
        return { verdict: 'pass', target, message: `${target} is not externally secured.`, evidence };
      }
      const wide = wideRanges(connector, at.subject);
      if (wide.length === 0) {
        return {
          verdict: 'pass',
          target,
          message: `${target} is externally secured, for a short list of addresses only.`,
          evidence,
        };
      }
      return {
        verdict: 'fail',
        target,
        owner: 'on-premises',
        message: `${target} is externally secured and admits too many: ${wide.map(({ range, why }) => `${range} ${why}`).join('; ')}. Their mail passes anti-spam and size limits as if it came from Exchange.`,
        remedy: `Narrow the scope to the real senders:\n${narrowScope(
          connector,
          wide.map(({ range }) => range),
          at,
        )}\nor drop it:\nSet-ReceiveConnector ${connectorIdentity(at, connector)} -AuthMechanism Tls -PermissionGroups AnonymousUsers`,
        evidence,
      };
    });
  },
});
