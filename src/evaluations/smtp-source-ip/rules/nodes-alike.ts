import { type Judgement, type Severity, severities } from '../../../domain/rule.ts';
import { nodesWith } from '../../../facts/smtp-service/service.ts';
import { vipsByConnector } from '../connectors.ts';
import {
  comparedLinuxFacts,
  isRelaySetting,
  linuxFactOf,
  linuxSettingSeverity,
  linuxSettings,
} from '../linux-settings.ts';
import { onLinux, type RuleContext, rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';
import { comparedFacts, differenceSeverity, nodeSettings } from '../settings.ts';

/** At most this many differences are written out. */
const shown = 5;

/** See nodes-alike.md. */
export const nodesAlike = rule({
  id: 'smtp-source-ip/nodes-alike',
  title: 'The nodes are set up alike',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-addresses', 'node-ip-interfaces', 'node-receive-connectors'],
  optional: ['node-host', 'node-bindings', 'node-firewall'],
  per: 'node',
  // Relay rights are no matter of Direct Server Return: rules of their own judge them, node by node.
  peers: comparedFacts,
  scope: onlyWithDsr,
  variant: onLinux({
    needs: ['node-adapters', 'node-ip-addresses', 'node-kernel-settings', 'node-listeners', 'node-postfix'],
    optional: ['node-host'],
    peers: comparedLinuxFacts,
    judge(facts, at) {
      const own = linuxSettings(facts, at.subject, at.part);
      const peers = Object.entries(at.peers).map(([name, ofPeer]) => ({
        name,
        found: linuxSettings(ofPeer, at.subject, name),
      }));
      return compared(own, peers, at, {
        severityOf: linuxSettingSeverity,
        factOf: linuxFactOf,
        isScope: isRelaySetting,
        kind: 'Linux node',
      });
    },
  }),
  judge(facts, at) {
    const own = nodeSettings(facts, at.subject, at.part);
    const peers = Object.entries(at.peers).map(([name, ofPeer]) => ({
      name,
      found: nodeSettings(ofPeer, at.subject, name),
    }));
    const listening = new Map(
      [[at.part, facts] as const, ...Object.entries(at.peers)].map(([node, of]) => [
        node,
        vipsByConnector(of['node-receive-connectors'], at.subject, node),
      ]),
    );
    return compared(own, peers, at, {
      severityOf: (key, values, other) =>
        differenceSeverity(key, values, at.subject, [listening.get(at.part) ?? {}, listening.get(other) ?? {}]),
      factOf,
      isScope: (key) => /: (remote ranges|permission groups|authentication)$/.test(key),
      kind: nodesWith(at.subject, 'linux').length > 0 ? 'Windows node' : 'node',
    });
  },
});

type Settings = Readonly<Record<string, string>>;

/** What the settings of a system mean. */
interface Meaning {
  severityOf(key: string, values: readonly [string, string], other: string): Severity;
  factOf(key: string): string;
  /** Is it about who may send? That is no matter of Direct Server Return. */
  isScope(key: string): boolean;
  readonly kind: string;
}

/** A node's settings beside those of its peers; where most agree, the others are the ones to mend. */
function compared(
  own: Settings,
  peers: readonly { readonly name: string; readonly found: Settings }[],
  { part }: Pick<RuleContext, 'part'>,
  { severityOf, factOf: named, isScope, kind }: Meaning,
): Judgement {
  if (peers.length === 0) {
    return { verdict: 'not_applicable', message: `${part}: there is no other ${kind} to compare it with.` };
  }
  const keys = [...new Set([own, ...peers.map(({ found }) => found)].flatMap(Object.keys))].sort();
  const differences = keys.flatMap((key) => {
    if (!covers(own, key)) return [];
    const value = own[key] ?? absent;
    const others = peers.flatMap(({ name, found }) =>
      covers(found, key) ? [{ name, value: found[key] ?? absent }] : [],
    );
    const other = others.find((one) => one.value !== value);
    // Where most nodes agree, the others are the ones to mend; between equals nobody can tell.
    const agreeing = others.filter((one) => one.value === value).length + 1;
    return other === undefined || agreeing * 2 > others.length + 1 ? [] : [{ key, value, other }];
  });
  if (differences.length === 0) {
    return { verdict: 'pass', message: `${part}: set up like ${peers.map(({ name }) => name).join(', ')}.` };
  }
  const graded = differences
    .map((one) => ({ ...one, severity: severityOf(one.key, [one.value, one.other.value], one.other.name) }))
    .sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
  const severity = graded[0]?.severity ?? 'low';
  const worst = graded.filter((one) => one.severity === severity);
  const written = graded
    .slice(0, shown)
    .map(({ key, value, other }) => `${key} is ${value} (${other.name}: ${other.value})`);
  const more = differences.length > shown ? `; and ${differences.length - shown} more` : '';
  return {
    verdict: 'fail',
    severity,
    // Who may send through a connector is no matter of Direct Server Return; that there is one is.
    ...(worst.every(({ key, value, other }) => isScope(key) && value !== absent && other.value !== absent)
      ? { blocks: [] }
      : {}),
    owner: 'on-premises',
    message: `${part} is not set up like the other ${kind}s: ${written.join('; ')}${more}.`,
    remedy: `Bring the nodes to one setting each: ${graded.map(({ key }) => key).join('; ')}. Where a setting is wrong, its own finding has the line; copy from a node without findings.`,
    evidence: graded.map(({ key, value, other }) => ({
      fact: named(key),
      observed: `${key}: ${value}, on ${other.name} ${other.value}`,
    })),
  };
}

const absent = 'not there';

/** A connector can be missing on a node; a section that was not read cannot be compared. */
function covers(found: Readonly<Record<string, string>>, key: string): boolean {
  if (key in found) return true;
  if (key.startsWith('connector ')) return Object.keys(found).some((one) => one.startsWith('connector '));
  return false;
}

function factOf(key: string): (typeof comparedFacts)[number] {
  if (key.startsWith('connector ')) return 'node-receive-connectors';
  if (key.startsWith('firewall ')) return 'node-firewall';
  if (key === 'loopback adapters') return 'node-adapters';
  if (key === 'loopback bindings') return 'node-bindings';
  return key.startsWith('VIPs ') ? 'node-ip-addresses' : 'node-ip-interfaces';
}
