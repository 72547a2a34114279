import { severities } from '../../../domain/rule.ts';
import { vipsByConnector } from '../connectors.ts';
import { rule } from '../rule.ts';
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
  judge(facts, at) {
    const own = nodeSettings(facts, at.subject, at.part);
    const peers = Object.entries(at.peers).map(([name, ofPeer]) => ({
      name,
      found: nodeSettings(ofPeer, at.subject, name),
    }));
    if (peers.length === 0) {
      return {
        verdict: 'not_applicable',
        message: `${at.part}: there is no other node to compare it with.`,
      };
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
      return { verdict: 'pass', message: `${at.part}: set up like ${peers.map(({ name }) => name).join(', ')}.` };
    }
    const listening = new Map(
      [[at.part, facts] as const, ...Object.entries(at.peers)].map(([node, of]) => [
        node,
        vipsByConnector(of['node-receive-connectors'], at.subject, node),
      ]),
    );
    const graded = differences
      .map((one) => ({
        ...one,
        severity: differenceSeverity(one.key, [one.value, one.other.value], at.subject, [
          listening.get(at.part) ?? {},
          listening.get(one.other.name) ?? {},
        ]),
      }))
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
      message: `${at.part} is not set up like the other nodes: ${written.join('; ')}${more}.`,
      remedy: `Bring the nodes to one setting each: ${graded.map(({ key }) => key).join('; ')}. Where a setting is wrong, its own finding has the line; copy from a node without findings.`,
      evidence: graded.map(({ key, value, other }) => ({
        fact: factOf(key),
        observed: `${key}: ${value}, on ${other.name} ${other.value}`,
      })),
    };
  },
});

const absent = 'not there';

const isScope = (key: string) => /: (remote ranges|permission groups|authentication)$/.test(key);

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
