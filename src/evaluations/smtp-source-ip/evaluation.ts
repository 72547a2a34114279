import { z } from 'zod';
import { declaration } from '../../domain/declaration.ts';
import { evaluation } from '../../domain/evaluation.ts';
import type { Judged } from '../../domain/finding.ts';
import { settingsOf } from '../../domain/organization.ts';
import { compareText } from '../../domain/words.ts';
import { smtpServiceFacts } from '../../facts/smtp-service/index.ts';
import { type SmtpService, smtpService, smtpServiceDeclaration } from '../../facts/smtp-service/subject.ts';
import { baselineKept } from './rules/baseline-kept.ts';
import { connectorBoundToVip } from './rules/connector-bound-to-vip.ts';
import { connectorsUnchanged } from './rules/connectors-unchanged.ts';
import { controlShowsClientAddress } from './rules/control-shows-client-address.ts';
import { everyNodeAnswered } from './rules/every-node-answered.ts';
import { evidenceAgrees } from './rules/evidence-agrees.ts';
import { externallySecuredScopeNarrow } from './rules/externally-secured-scope-narrow.ts';
import { factsFresh } from './rules/facts-fresh.ts';
import { firewallAdmitsSmtp } from './rules/firewall-admits-smtp.ts';
import { lanWeakHostReceive } from './rules/lan-weak-host-receive.ts';
import { landingConnectorKnown } from './rules/landing-connector-known.ts';
import { loadBalancerOnlyProbes } from './rules/load-balancer-only-probes.ts';
import { logFresh } from './rules/log-fresh.ts';
import { logRetentionSufficient } from './rules/log-retention-sufficient.ts';
import { logShowsClientAddresses } from './rules/log-shows-client-addresses.ts';
import { logShowsVipAsLocal } from './rules/log-shows-vip-as-local.ts';
import { loopbackAdapterNamed } from './rules/loopback-adapter-named.ts';
import { loopbackAdapterPresent } from './rules/loopback-adapter-present.ts';
import { loopbackBindsOnlyIpv4 } from './rules/loopback-binds-only-ipv4.ts';
import { loopbackMetricHigh } from './rules/loopback-metric-high.ts';
import { loopbackWeakHostReceive } from './rules/loopback-weak-host-receive.ts';
import { loopbackWeakHostSend } from './rules/loopback-weak-host-send.ts';
import { loopbackWithoutGateway } from './rules/loopback-without-gateway.ts';
import { netbiosDisabled } from './rules/netbios-disabled.ts';
import { noRelaySessionsFromLoadBalancer } from './rules/no-relay-sessions-from-load-balancer.ts';
import { noUnapprovedRelaySessions } from './rules/no-unapproved-relay-sessions.ts';
import { nodesAlike } from './rules/nodes-alike.ts';
import { oneAddressFewClients } from './rules/one-address-few-clients.ts';
import { perSourceLimitsFit } from './rules/per-source-limits-fit.ts';
import { probeShowsClientAddress } from './rules/probe-shows-client-address.ts';
import { protocolLogVerbose } from './rules/protocol-log-verbose.ts';
import { relayConnectorExcludesLoadBalancer } from './rules/relay-connector-excludes-load-balancer.ts';
import { relayRefused } from './rules/relay-refused.ts';
import { relayScopeNarrow } from './rules/relay-scope-narrow.ts';
import { returnPathSymmetric } from './rules/return-path-symmetric.ts';
import { settingsPersistent } from './rules/settings-persistent.ts';
import { vipMaskFits } from './rules/vip-mask-fits.ts';
import { vipNotRegisteredInDns } from './rules/vip-not-registered-in-dns.ts';
import { vipOnLoopback } from './rules/vip-on-loopback.ts';
import { vipPathAnswers } from './rules/vip-path-answers.ts';
import { vipSilentOnLan } from './rules/vip-silent-on-lan.ts';

/** What an organization's document says of this evaluation. */
const settings = settingsOf('0 0 7 * * *', {
  services: z.array(smtpServiceDeclaration).default([]).describe('The load-balanced SMTP services to look at.'),
  declared: z.array(declaration).default([]).describe('What a person vouches for because nobody can read it.'),
});

/** Does a load-balanced SMTP service see the real client address, are its nodes ready, and is nobody relaying? */
export const smtpSourceIp = evaluation({
  id: 'smtp-source-ip',
  title: 'SMTP source IP',
  subjectKind: 'smtp-service',
  subject: smtpService,
  facts: smtpServiceFacts,
  subjectId: { is: 'a service’s id', example: 'smtp-in', counted: ['service', 'services'] },
  settings,
  subjects: (_, { services }) =>
    services
      .map((service): SmtpService => ({ kind: 'smtp-service', ...service }))
      .sort((a, b) => compareText(a.id, b.id)),
  questions: [
    {
      id: 'source-ip-visible',
      title: 'Does the service see the address of the real client?',
      short: 'Client address',
      broken: 'the address of the client is hidden from %',
    },
    {
      id: 'dsr-ready',
      title: 'Are all nodes ready for Direct Server Return?',
      short: 'DSR ready',
      broken: 'the nodes of % are not ready for Direct Server Return',
    },
    {
      id: 'relay-safe',
      title: 'Can nobody relay who should not?',
      short: 'Relay safe',
      broken: 'somebody may relay through % who should not',
    },
  ],
  rules: [
    loopbackAdapterPresent,
    loopbackAdapterNamed,
    loopbackBindsOnlyIpv4,
    vipOnLoopback,
    loopbackMetricHigh,
    vipMaskFits,
    netbiosDisabled,
    vipNotRegisteredInDns,
    loopbackWithoutGateway,
    lanWeakHostReceive,
    loopbackWeakHostSend,
    loopbackWeakHostReceive,
    settingsPersistent,
    vipSilentOnLan,
    firewallAdmitsSmtp,
    returnPathSymmetric,
    connectorBoundToVip,
    nodesAlike,
    relayConnectorExcludesLoadBalancer,
    relayScopeNarrow,
    externallySecuredScopeNarrow,
    relayRefused,
    noRelaySessionsFromLoadBalancer,
    noUnapprovedRelaySessions,
    protocolLogVerbose,
    logRetentionSufficient,
    perSourceLimitsFit,
    landingConnectorKnown,
    logFresh,
    logShowsClientAddresses,
    logShowsVipAsLocal,
    loadBalancerOnlyProbes,
    oneAddressFewClients,
    probeShowsClientAddress,
    controlShowsClientAddress,
    vipPathAnswers,
    everyNodeAnswered,
    baselineKept,
    connectorsUnchanged,
    factsFresh,
    evidenceAgrees,
  ],
  parts: ({ nodes }) => ({ node: nodes.map(({ name }) => name) }),
  asked,
  proof,
});

/** Where source NAT is accepted nobody asks whether addresses are visible; where there is no DSR, nobody is to be ready for it. */
function asked({ mode }: SmtpService): readonly string[] {
  return [
    ...(mode === 'snat-accepted' ? [] : ['source-ip-visible']),
    ...(mode === 'dsr' ? ['dsr-ready'] : []),
    'relay-safe',
  ];
}

const [byProbe, byLog, suspicion, path] = [
  'smtp-source-ip/probe-shows-client-address',
  'smtp-source-ip/log-shows-client-addresses',
  'smtp-source-ip/one-address-few-clients',
  'smtp-source-ip/vip-path-answers',
];

/**
 * Proof is per node: of one node a conclusive probe outranks its log; what is known of one says nothing about another. The
 * configuration says *ready*, never *visible*. A suspicion about a node leaves open what its probe does not prove.
 */
function proof(question: string, blocking: readonly Judged[], _: unknown, all: readonly Judged[]): readonly Judged[] {
  // A probe that reached nothing (port 25 blocked here) is as good as none: the nodes' own facts decide.
  if (question === 'dsr-ready') {
    return blocking.filter(({ finding }) => !(finding.rule === path && finding.verdict === 'unknown'));
  }
  const probed = provenBy(byProbe, all);
  const logged = provenBy(byLog, all);
  return blocking.flatMap((judged): Judged[] => {
    const { finding } = judged;
    if (finding.rule === byProbe) return probed.has(finding.target) || !logged.has(finding.target) ? [judged] : [];
    if (finding.rule === byLog) return probed.has(finding.target) ? [] : [judged];
    if (finding.rule !== suspicion) return [judged];
    const open = finding.verdict === 'fail' && !probed.has(finding.target);
    return open ? [{ ...judged, finding: { ...finding, verdict: 'manual' } }] : [];
  });
}

/** The nodes of which the findings of a rule prove something. */
function provenBy(rule: string | undefined, all: readonly Judged[]): ReadonlySet<string | undefined> {
  return new Set(
    all.flatMap(({ finding: { rule: of, verdict, target } }) =>
      of === rule && (verdict === 'pass' || verdict === 'fail') ? [target] : [],
    ),
  );
}
