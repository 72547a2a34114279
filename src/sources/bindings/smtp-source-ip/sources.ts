import type { FactName, PartFactName } from '../../../domain/fact.ts';
import { everyPart, type Gathered, type Known, known, notKnown, Unobtainable } from '../../../domain/fact-set.ts';
import { parseEndpoint, plainAddress } from '../../../domain/ip-range.ts';
import { bound, type GatherContext, type SourceOf, type Sources, type SourcesOf } from '../../../domain/source.ts';
import type { SmtpEvidence, SmtpSourceNat } from '../../../facts/smtp-service/evidence.ts';
import {
  type ConcludedNodeFact,
  concludedNodeFacts,
  type SmtpServiceFacts,
  smtpServiceFacts,
} from '../../../facts/smtp-service/index.ts';
import type { NodeLogProof, SmtpLog, Translation } from '../../../facts/smtp-service/log.ts';
import {
  facingConnectors,
  isLoopbackAdapter,
  type NodeLogSummary,
  sameWindowsName,
} from '../../../facts/smtp-service/node.ts';
import type { NodeProbeProof, SmtpProbe } from '../../../facts/smtp-service/probe.ts';
import { collectorsFor, vipAddresses, vipPorts, withAddressesOf } from '../../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../../facts/smtp-service/subject.ts';
import { type AddressGuard, createAddressGuard } from '../../../http/address-guard.ts';
import { readLogCounts } from '../../smtp-log/analyse.ts';
import { noSessionOf, whatElse } from '../../smtp-log/analysis.ts';
import type { LogFile } from '../../smtp-log/files.ts';
import { logProof } from '../../smtp-log/proof.ts';
import { type LogCounts, type LogSummary, summariseLog } from '../../smtp-log/summary.ts';
import { type ProbeResult, probeService } from '../../smtp-probe/probe.ts';
import { nodesSeen, probeProof, vipPaths } from '../../smtp-probe/proof.ts';
import { suppliedOnly } from '../../supplied/only.ts';
import type { World } from '../../world.ts';

type Fact = FactName<SmtpServiceFacts>;
type Source<N extends Fact> = SourceOf<SmtpServiceFacts, N, SmtpService>;
type Context = GatherContext<SmtpServiceFacts>;

/** Binds every fact about a load-balanced SMTP service to its source. */
export function smtpServiceSources({ logFiles, probe, allowPrivate }: World): Sources {
  return bound(
    smtpSources({
      ...(logFiles === undefined ? {} : { logFiles }),
      ...(probe === undefined
        ? {}
        : { probe: { guard: createAddressGuard({ allowPrivate }), relayTest: probe.relayTest } }),
    }),
  );
}

export interface SmtpSourceOptions {
  /** Receive logs to analyse, as `findLogFiles` gives them; else the summaries in the fact files count. */
  readonly logFiles?: readonly LogFile[];
  /** Set when the service is to be probed from here; else the probes in the fact files count. */
  readonly probe?: {
    readonly guard: AddressGuard;
    /** The opt-in relay test: MAIL FROM and RCPT TO, never DATA. */
    readonly relayTest?: boolean;
  };
}

/** The whole probe of a service ends within 30 s; a second more, so that it says itself what did not answer. */
const probeLimitMs = 31_000;
const logLimitMs = 15 * 60_000;
/** What is concluded from other facts waits for them. */
const derivedLimitMs = logLimitMs + 1000;

/** The sources of the facts about a load-balanced SMTP service. */
export function smtpSources(options: SmtpSourceOptions = {}): SourcesOf<SmtpServiceFacts, SmtpService> {
  const { logFiles, probe } = options;

  const analysis = (service: SmtpService, context: Context): Promise<LogSummary & { source: string }> =>
    context.once(`smtp-log ${service.id}`, async () => {
      if (logFiles === undefined) return suppliedLog(service, context);
      const counts = await readLogCounts(logFiles, service, { signal: context.signal, now: context.now });
      const summary = summariseLog(counts, service);
      const nothing = whatElse(summary.log);
      if (nothing !== undefined) throw new Unobtainable('malformed', nothing);
      return { ...summary, source: `${logFiles.length} receive log files` };
    });

  const probed = (service: SmtpService, context: Context): Promise<ProbeResult & { source: string }> =>
    context.once(`smtp-probe ${service.id}`, async () => {
      if (probe !== undefined) {
        const result = await probeService(service, { ...probe, signal: context.signal });
        return { ...result, source: 'live probe' };
      }
      const supplied = await context.gathered('smtp-supplied-probes');
      const { value, source } = needed(supplied);
      return { probe: { attempts: value }, source };
    });

  return {
    ...nodeSources(),
    'node-control': source('node-control', derivedLimitMs, async (service, context) => {
      const gathered = needed(await context.gathered('smtp-probe'));
      return Object.fromEntries(
        service.nodes.map(({ name }) => [name, controlOf(name, gathered.value, gathered.source, context.now)]),
      );
    }),
    'smtp-log': source('smtp-log', logLimitMs, async (service, context) => {
      const { log, source: from } = await analysis(service, context);
      return known(log, from, context.now.toISOString());
    }),
    'node-log': source('node-log', logLimitMs, async (service, context) => {
      const { log, nodes, source: from } = await analysis(service, context);
      return byNode(service, (name) => {
        const ofNode = nodes[name];
        if (ofNode === undefined) throw new Unobtainable('not_supplied', noSessionOf(name, log));
        return known(ofNode, from, context.now.toISOString());
      });
    }),
    'node-log-proof': source('node-log-proof', derivedLimitMs, async (service, context) => {
      const logs = await context.gathered('node-log');
      return byNode(service, (name) => {
        const { value, source: from, observedAt } = needed(ofNode(logs, name));
        return known(logProof(value, service, context.now), from, value.newestLoadBalanced ?? observedAt);
      });
    }),
    'smtp-log-local-address': source('smtp-log-local-address', derivedLimitMs, async (service, context) => {
      const { local, source: from } = await analysis(service, context);
      if (local === undefined) {
        throw new Unobtainable('insufficient', 'the summary does not tell the local address of each mail session');
      }
      return known(local, from, context.now.toISOString());
    }),
    'smtp-probe': source('smtp-probe', probeLimitMs, async (service, context) => {
      const { probe: result, source: from } = await probed(service, context);
      const refused = result.attempts.find(({ outcome }) => outcome === 'not-admitted');
      if (
        refused !== undefined &&
        result.attempts.every(({ via, outcome }) => via === 'node' || outcome === 'not-admitted')
      ) {
        throw new Unobtainable('refused', refused.detail ?? refused.target);
      }
      return known(result, from, newestAttempt(result) ?? context.now.toISOString());
    }),
    'smtp-supplied-probes': suppliedOnly(
      'smtp-supplied-probes',
      'the service was not probed: use --probe, or let a collector probe it',
    ),
    'node-probe-proof': source('node-probe-proof', derivedLimitMs, async (service, context) => {
      const { value, source: from, observedAt } = needed(await context.gathered('smtp-probe'));
      return byNode(service, (name) => known(probeProof(value, service, name), from, observedAt));
    }),
    'smtp-nodes-seen': source('smtp-nodes-seen', derivedLimitMs, (service, context) =>
      fromProbe(context, (result) => nodesSeen(result, service)),
    ),
    'smtp-vip-path': source('smtp-vip-path', derivedLimitMs, (service, context) =>
      fromProbe(context, (result) => vipPaths(result, service)),
    ),
    'smtp-relay-test': source('smtp-relay-test', probeLimitMs, async (service, context) => {
      if (probe?.relayTest !== true) throw new Unobtainable('not_supplied', 'the relay test was not asked for');
      const { relay, source: from } = await probed(service, context);
      if (relay === undefined || relay.length === 0) {
        throw new Unobtainable('unreachable', 'no connection got as far as the relay test');
      }
      return known(relay, from, context.now.toISOString());
    }),
    'smtp-source-nat': source('smtp-source-nat', derivedLimitMs, async (service, context) => {
      const [probes, logs] = await Promise.all([
        context.gathered('node-probe-proof'),
        context.gathered('node-log-proof'),
      ]);
      const knowledge = service.nodes.map(({ name }) => [name, sourceNat(ofNode(probes, name), ofNode(logs, name))]);
      return known(Object.fromEntries(knowledge), 'probe and log', context.now.toISOString());
    }),
    'smtp-evidence': source('smtp-evidence', derivedLimitMs, async (service, context) => {
      const evidence = await evidenceSideBySide(service, context);
      return known(evidence, 'configuration, log and probe', context.now.toISOString());
    }),
    'smtp-load-balancer': suppliedOnly('smtp-load-balancer', 'no configuration of the load balancer was supplied'),
    'smtp-baseline': suppliedOnly('smtp-baseline', 'no baseline has been accepted'),
  };
}

/** A source of one fact of an SMTP service, which has the addresses that the load balancer's own configuration declares, too. */
function source<N extends Fact>(
  fact: N,
  limitMs: number,
  gather: (service: SmtpService, context: Context) => ReturnType<Source<N>['gather']>,
): Source<N> {
  return {
    fact,
    limitMs,
    async gather(service, context) {
      const balancer = await context.gathered('smtp-load-balancer');
      return gather(withAddressesOf(balancer.status === 'known' ? balancer.value : undefined, service), context);
    },
  };
}

type CollectedName = Exclude<PartFactName<SmtpServiceFacts>, ConcludedNodeFact>;

/** What only the collector can read. */
function nodeSources(): { readonly [N in CollectedName]: Source<N> } {
  const names = Object.keys(smtpServiceFacts.partOf).filter(
    (name) => !(concludedNodeFacts as readonly string[]).includes(name),
  ) as CollectedName[];
  // Made once each: an error with its stack is dear.
  const missing = new Map<string, Unobtainable>();
  const reason = (service: SmtpService): Unobtainable => {
    const how = `there is no fact file; run ${collectorsFor(service)} on every node and supply its files`;
    const made = missing.get(how) ?? new Unobtainable('not_supplied', how);
    missing.set(how, made);
    return made;
  };
  return Object.fromEntries(
    names.map((name) => [name, source(name, derivedLimitMs, (service) => Promise.reject(reason(service)))]),
  ) as { readonly [N in CollectedName]: Source<N> };
}

/** The value of a fact that another is concluded from; its reason becomes the other's. */
function needed<T>(gathered: Gathered<T>): Known<T> {
  if (gathered.status === 'known') return gathered;
  throw new Unobtainable(gathered.reason, gathered.detail);
}

async function fromProbe<T>(context: Context, conclude: (probe: SmtpProbe) => T): Promise<Known<T>> {
  const gathered = needed(await context.gathered('smtp-probe'));
  return known(conclude(gathered.value), gathered.source, gathered.observedAt);
}

function newestAttempt(probe: SmtpProbe): string | undefined {
  return probe.attempts
    .map(({ at }) => at)
    .sort()
    .at(-1);
}

function controlOf(node: string, probe: SmtpProbe, from: string, now: Date): Gathered<{ address: string }> {
  const attempts = probe.attempts.filter((attempt) => attempt.node === node && attempt.via === 'node');
  const shown = attempts.find(({ helloAddress }) => helloAddress !== undefined);
  if (shown?.helloAddress !== undefined) {
    const { helloAddress, sourceAddress } = shown;
    return known(
      { address: plainAddress(helloAddress), ...(sourceAddress === undefined ? {} : { sourceAddress }) },
      from,
      shown.at,
    );
  }
  const [first] = attempts;
  const at = first?.at ?? now.toISOString();
  if (first === undefined) return notKnown('not_supplied', `nobody greeted ${node} directly`, from, at);
  if (first.outcome === 'answered') {
    return notKnown('insufficient', `the EHLO reply of ${node} shows no address`, from, at);
  }
  const reason = first.outcome === 'timeout' ? 'timeout' : first.outcome === 'not-admitted' ? 'refused' : 'unreachable';
  return notKnown(reason, `${first.target}: ${first.detail ?? first.outcome}`, from, at);
}

/** The summaries of all nodes as one log. */
async function suppliedLog(service: SmtpService, context: Context): Promise<LogSummary & { source: string }> {
  const byNode = Object.entries(await context.gathered('node-log-summary'));
  const summaries = byNode.flatMap(([, gathered]) => (gathered.status === 'known' ? [gathered] : []));
  const failed = byNode.flatMap(([node, gathered]) =>
    gathered.status === 'unobtainable' && gathered.reason !== 'not_supplied' ? [{ node, ...gathered }] : [],
  );
  if (summaries.length === 0) {
    const [first] = failed;
    if (first !== undefined) throw new Unobtainable(first.reason, first.detail);
    throw new Unobtainable('not_supplied', 'there is no receive log: use --log, or let the collector read it');
  }
  const connectors = await context.gathered('node-receive-connectors');
  const counts = byNode.flatMap(([node, gathered]) =>
    gathered.status === 'known' ? [frontEndOnly(gathered.value, node, connectors[node], service)] : [],
  );
  const times = (pick: (summary: NodeLogSummary) => string | undefined) =>
    summaries.flatMap(({ value }) => pick(value) ?? []).sort();
  const newest = times(({ to }) => to).at(-1);
  const merged: LogCounts = {
    from: times(({ from }) => from)[0],
    to: newest,
    files: summaries.reduce((sum, { value }) => sum + value.files, 0),
    rows: 0,
    malformedRows: 0,
    truncated: summaries.some(({ value }) => value.truncated),
    // A summary gives one end for all its rows.
    remotes: counts.flatMap(({ kind, byRemote, to }) =>
      byRemote.map((row) => ({
        ...row,
        ...(to === undefined ? {} : { newest: to }),
        ...(kind === 'postfix' ? { ofPostfix: true, ehloNames: row.senderDomains ?? 0 } : {}),
      })),
    ),
    exchangeServers: counts.flatMap(({ exchangeServers }) => exchangeServers),
    otherPorts: counts.flatMap(({ otherPorts }) => otherPorts),
    noReceiveLogs: [],
    unreadable: failed.map(({ node, detail }) => ({ file: `the log of ${node}`, why: detail })),
  };
  return { ...summariseLog(merged, service), source: summaries.map(({ source: from }) => from).join(', ') };
}

/** Without the connectors that are known to be none of the load-balanced: the hub's, the proxy's. */
function frontEndOnly(
  summary: NodeLogSummary,
  node: string,
  connectors: Gathered<readonly { name: string; transportRole: string; bindings: readonly string[] }[]> | undefined,
  service: SmtpService,
): NodeLogSummary & { readonly otherPorts: SmtpLog['otherPorts'] } {
  const ports = new Set(vipPorts(service));
  const isVipPort = (binding: string) => ports.has(parseEndpoint(binding)?.port ?? 0);
  const otherPorts = new Map<number, number>();
  const listed = connectors?.status === 'known' ? connectors.value : [];
  const facing = facingConnectors(listed);
  const byRemote = summary.byRemote
    .filter(({ connector, localPort, sessions }) => {
      if (localPort !== undefined && !ports.has(localPort)) {
        otherPorts.set(localPort, (otherPorts.get(localPort) ?? 0) + sessions);
        return false;
      }
      const name = connector.split('\\').at(-1) ?? connector;
      const row = listed.find((one) => sameWindowsName(one.name, name));
      return row === undefined || (facing.includes(row) && row.bindings.some(isVipPort));
    })
    .map((row) => ({ ...row, connector: row.connector.includes('\\') ? row.connector : `${node}\\${row.connector}` }));
  return { ...summary, byRemote, otherPorts: [...otherPorts].map(([port, sessions]) => ({ port, sessions })) };
}

function sourceNat(probe: Gathered<NodeProbeProof>, log: Gathered<NodeLogProof>): SmtpSourceNat[string] {
  if (probe.status === 'known') {
    const seen = [...new Set(probe.value.seen.map(({ address }) => address))].join(', ');
    return {
      translation: probe.value.translation,
      proof: 'probe',
      because: `Through the VIP the live probe is seen as ${seen}.`,
    };
  }
  if (log.status === 'known') {
    const { translation, fromLoadBalancer, mailSessions } = log.value;
    return {
      translation,
      proof: 'log',
      because: `${fromLoadBalancer} of ${mailSessions} mail sessions in the log come from the load balancer.`,
    };
  }
  return { translation: 'not-known', because: `Neither proves anything: probe: ${probe.detail}; log: ${log.detail}.` };
}

async function evidenceSideBySide(service: SmtpService, context: Context): Promise<SmtpEvidence> {
  const [balancer, probes, logs, adapters, addresses] = await Promise.all([
    context.gathered('smtp-load-balancer'),
    context.gathered('node-probe-proof'),
    context.gathered('node-log-proof'),
    context.gathered('node-adapters'),
    context.gathered('node-ip-addresses'),
  ]);
  const vips = vipAddresses(service);
  const carrying = service.nodes.map(({ name }) => {
    const [adapter, address] = [adapters[name], addresses[name]];
    if (adapter?.status !== 'known' || address?.status !== 'known') return undefined;
    const loopbacks = adapter.value.filter(isLoopbackAdapter);
    return vips.every((vip) =>
      address.value.some(
        ({ alias, ipAddress }) => ipAddress === vip && loopbacks.some(({ name: own }) => sameWindowsName(own, alias)),
      ),
    );
  });
  const evidence: SmtpEvidence = {
    ...(carrying.includes(undefined)
      ? {}
      : { configuration: carrying.every(Boolean) ? 'ready' : carrying.some(Boolean) ? 'partly' : 'none' }),
    log: proven(logs, service),
    probe: proven(probes, service),
  };
  const kinds = [
    ...(evidence.configuration === undefined ? [] : ['configuration']),
    ...(['log', 'probe'] as const).filter((kind) => Object.keys(evidence[kind]).length > 0),
  ];
  // What the load balancer says of itself is compared with the document, too, and stands alone.
  if (kinds.length < 2 && balancer.status !== 'known') {
    const [only] = kinds;
    const looked = service.nodes.flatMap(({ name }) => [
      adapters[name],
      addresses[name],
      ofNode(logs, name),
      ofNode(probes, name),
    ]);
    throw new Unobtainable(
      // Whoever supplies one kind only has chosen so, and is not told about it; a kind that was tried and says nothing is.
      looked.every(isKnownOrNotSupplied) ? 'not_supplied' : 'insufficient',
      `${only === undefined ? 'there is no conclusive evidence' : `only the ${only} says something`}, and it takes two kinds to compare`,
    );
  }
  return evidence;
}

type ByNode<T> = Readonly<Record<string, Gathered<T>>>;

const noEntry = notKnown('not_supplied', 'there is nothing about this node');

function ofNode<T>(facts: ByNode<T>, node: string): Gathered<T> {
  return facts[node] ?? facts[everyPart] ?? noEntry;
}

/** One fact for each node; what `conclude` throws is why there is none of that node. */
function byNode<T>(service: SmtpService, conclude: (node: string) => Known<T>): ByNode<T> {
  return Object.fromEntries(
    service.nodes.map(({ name }) => {
      try {
        return [name, conclude(name)];
      } catch (error) {
        if (error instanceof Unobtainable) return [name, notKnown(error.reason, error.message)];
        throw error;
      }
    }),
  );
}

function proven(
  facts: ByNode<{ readonly translation: Translation }>,
  { nodes }: SmtpService,
): Record<string, Translation> {
  return Object.fromEntries(
    nodes.flatMap(({ name }) => {
      const gathered = facts[name];
      return gathered?.status === 'known' ? [[name, gathered.value.translation]] : [];
    }),
  );
}

function isKnownOrNotSupplied(gathered: Gathered<unknown> | undefined): boolean {
  return gathered === undefined || gathered.status === 'known' || gathered.reason === 'not_supplied';
}
