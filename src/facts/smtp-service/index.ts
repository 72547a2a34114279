import { factKinds } from '../../domain/fact.ts';
import { smtpBaseline, smtpEvidence, smtpSourceNat } from './evidence.ts';
import { nodeKernelSettings, nodeListeners, nodePacketFilter, nodePostfix, nodeRoutingRules } from './linux-node.ts';
import { smtpLoadBalancer } from './load-balancer.ts';
import { nodeLog, nodeLogProof, smtpLog, smtpLogLocalAddress } from './log.ts';
import {
  nodeAdapters,
  nodeBindings,
  nodeConnectorPermissions,
  nodeDnsAnswers,
  nodeDnsClients,
  nodeFirewall,
  nodeFrontendTransport,
  nodeHost,
  nodeIpAddresses,
  nodeIpInterfaces,
  nodeLogSummary,
  nodeNeighbors,
  nodeNetbios,
  nodePersistentIpInterfaces,
  nodeReceiveConnectors,
  nodeRoutes,
} from './node.ts';
import {
  nodeControl,
  nodeProbeProof,
  smtpNodesSeen,
  smtpProbe,
  smtpRelayTest,
  smtpSuppliedProbes,
  smtpVipPath,
} from './probe.ts';

/** The facts about a load-balanced SMTP service. */
export const smtpServiceFacts = factKinds(
  {
    'node-host': nodeHost,
    'node-adapters': nodeAdapters,
    'node-bindings': nodeBindings,
    'node-ip-interfaces': nodeIpInterfaces,
    'node-persistent-ip-interfaces': nodePersistentIpInterfaces,
    'node-ip-addresses': nodeIpAddresses,
    'node-routes': nodeRoutes,
    'node-neighbors': nodeNeighbors,
    'node-netbios': nodeNetbios,
    'node-dns-clients': nodeDnsClients,
    'node-dns-answers': nodeDnsAnswers,
    'node-firewall': nodeFirewall,
    'node-receive-connectors': nodeReceiveConnectors,
    'node-connector-permissions': nodeConnectorPermissions,
    'node-frontend-transport': nodeFrontendTransport,
    'node-kernel-settings': nodeKernelSettings,
    'node-routing-rules': nodeRoutingRules,
    'node-listeners': nodeListeners,
    'node-postfix': nodePostfix,
    'node-packet-filter': nodePacketFilter,
    'node-log-summary': nodeLogSummary,
    'node-log': nodeLog,
    'node-log-proof': nodeLogProof,
    'node-control': nodeControl,
    'node-probe-proof': nodeProbeProof,
    'smtp-log': smtpLog,
    'smtp-log-local-address': smtpLogLocalAddress,
    'smtp-probe': smtpProbe,
    'smtp-supplied-probes': smtpSuppliedProbes,
    'smtp-nodes-seen': smtpNodesSeen,
    'smtp-vip-path': smtpVipPath,
    'smtp-relay-test': smtpRelayTest,
    'smtp-source-nat': smtpSourceNat,
    'smtp-evidence': smtpEvidence,
    'smtp-baseline': smtpBaseline,
    'smtp-load-balancer': smtpLoadBalancer,
  },
  {
    'node-host': 'node',
    'node-adapters': 'node',
    'node-bindings': 'node',
    'node-ip-interfaces': 'node',
    'node-persistent-ip-interfaces': 'node',
    'node-ip-addresses': 'node',
    'node-routes': 'node',
    'node-neighbors': 'node',
    'node-netbios': 'node',
    'node-dns-clients': 'node',
    'node-dns-answers': 'node',
    'node-firewall': 'node',
    'node-receive-connectors': 'node',
    'node-connector-permissions': 'node',
    'node-frontend-transport': 'node',
    'node-kernel-settings': 'node',
    'node-routing-rules': 'node',
    'node-listeners': 'node',
    'node-postfix': 'node',
    'node-packet-filter': 'node',
    'node-log-summary': 'node',
    'node-log': 'node',
    'node-log-proof': 'node',
    'node-control': 'node',
    'node-probe-proof': 'node',
  },
);

/** Facts of a node that are concluded from others; all the rest only a collector can read. */
export const concludedNodeFacts = ['node-log', 'node-log-proof', 'node-control', 'node-probe-proof'] as const;
export type ConcludedNodeFact = (typeof concludedNodeFacts)[number];

export type SmtpServiceFacts = typeof smtpServiceFacts;
