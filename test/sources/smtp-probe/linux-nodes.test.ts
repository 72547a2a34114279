// Linux nodes on real packets, with Postfix of the distribution: what the collector reads on them, what their logs show, and
// what the network does with their ARP settings and their rp_filter.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../../src/domain/finding.ts';
import type { SmtpService } from '../../../src/facts/smtp-service/subject.ts';
import { builtPackage } from '../../tools/built-package.ts';
import {
  balancer,
  canBuildNetwork,
  clients,
  type LoadBalancedNetwork,
  loadBalancedNetwork,
  type NetworkOptions,
  nodeAddresses,
  vip,
} from './load-balanced-network.ts';
import { canRunPostfix, runPostfix } from './postfix.ts';

const cli = pathToFileURL(join((await builtPackage()).folder, 'dist/cli.js'));
const collector = fileURLToPath(new URL('../../../src/collectors/Collect-SmtpSourceIpFacts.sh', import.meta.url));
const mailClients = new URL('mail-clients.ts', import.meta.url);

/** The names of the two machines here: what is behind this load balancer is no Exchange. */
const nameOf = { EX1: 'MX1', EX2: 'MX2' } as const;

interface Scene extends NetworkOptions {
  readonly mode?: SmtpService['mode'];
  readonly mailSessions?: number;
  readonly postfix?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
  readonly relayClients?: readonly string[];
  /** Changes the network when everything runs, before anybody looks. */
  readonly before?: (network: LoadBalancedNetwork) => void;
}

interface Outcome {
  readonly answers: Run['answers'];
  readonly says: (rule: string) => string[];
  readonly remedy: (rule: string) => string;
  readonly repliesThroughBalancer: number;
  readonly logs: readonly string[];
}

async function evaluate(scene: Scene): Promise<Outcome> {
  const { mode = 'dsr', mailSessions = 0, postfix, options = ['--probe'], relayClients, before, ...network } = scene;
  const built = await loadBalancedNetwork(network);
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-linux-nodes-'));
  chmodSync(folder, 0o755);
  try {
    const logs = await Promise.all(
      [...built.nodes].map(([name, machine]) => runPostfix(machine, nameOf[name], join(folder, nameOf[name]), postfix)),
    );
    before?.(built);
    if (mailSessions > 0) {
      const sent = await built.client.run(mailClients, [vip, String(mailSessions), ...clients]);
      expect(sent).toMatchObject({ exitCode: 0 });
    }
    const files = [...built.nodes].map(([name, machine]) => {
      const file = join(folder, `${nameOf[name]}.json`);
      const own = join(folder, nameOf[name]);
      machine.configure(`MAIL_CONFIG='${own}' sh '${collector}' -o '${file}' >/dev/null`);
      return file;
    });
    const service = {
      id: 'smtp-in',
      mode,
      vips: [`${vip}:25`],
      relayClients,
      loadBalancerAddresses: [balancer],
      nodes: Object.entries(nodeAddresses).map(([name, address]) => ({
        name: nameOf[name as keyof typeof nameOf],
        address,
        system: 'linux',
      })),
    };
    const serviceFile = join(folder, 'service.json');
    writeFileSync(serviceFile, JSON.stringify(service));
    const { output } = await built.client.run(cli, [
      'evaluate',
      'smtp-source-ip',
      '--service',
      serviceFile,
      ...files.flatMap((file) => ['--facts', file]),
      ...(mailSessions > 0 ? logs.flatMap((log) => ['--log', log]) : []),
      ...options,
      '--json',
    ]);
    const [run] = JSON.parse(output) as [Run];
    const of = (rule: string) => run.findings.filter((finding) => finding.rule === `smtp-source-ip/${rule}`);
    return {
      answers: run.answers,
      says: (rule) => of(rule).map(({ verdict, message }) => `${verdict}: ${message}`),
      remedy: (rule) => of(rule).flatMap(({ remedy }) => remedy ?? [])[0] ?? '',
      repliesThroughBalancer: built.repliesThroughBalancer(),
      logs: logs.map((log) => readFileSync(log, 'utf8')),
    };
  } finally {
    await built.close();
    rmSync(folder, { recursive: true });
  }
}

const what = 'the evaluation of Linux nodes on real packets';
const possible = canBuildNetwork(what) && canRunPostfix(what);
const both = ['EX1', 'EX2'] as const;

// Most of the time these wait, for daemons and for connections that never come about.
const patient = { timeout: 120_000 };

describe.runIf(possible)('Linux nodes behind a load balancer', () => {
  it.concurrent(
    'are ready and see their clients with Direct Server Return, by the log of Postfix itself',
    patient,
    async () => {
      const { answers, says, repliesThroughBalancer, logs } = await evaluate({
        forwarding: 'direct-server-return',
        vipOnLoopback: both,
        mailSessions: 96,
      });
      // What the daemon of this machine writes is what the reader was made for.
      expect(logs[0]).toMatch(/postfix\/smtpd\[\d+\]: connect from unknown\[203\.0\.113\.10\]$/m);
      expect(logs[0]).toMatch(
        /postfix\/smtpd\[\d+\]: disconnect from unknown\[203\.0\.113\.10\] ehlo=1 mail=1 rcpt=1/m,
      );
      expect(says('log-shows-client-addresses')).toEqual(
        ['MX1', 'MX2'].map(
          (node) =>
            `pass: ${node}: client addresses are preserved: none of 48 mail sessions from 2 addresses comes from any of the 1 declared load-balancer addresses. A Postfix log does not show at which address of the node a client was, so some may have come past the VIP.`,
        ),
      );
      expect(says('vip-on-loopback')).toEqual(['pass: MX1: 192.0.2.25 is on lo.', 'pass: MX2: 192.0.2.25 is on lo.']);
      expect(says('vip-silent-on-lan')[0]).toBe(
        'pass: MX1: eth0 answers no ARP for addresses of lo (arp_ignore 1, arp_announce 2). ARP on the wire was not looked at.',
      );
      expect(says('return-path-symmetric')[0]).toMatch(/^pass: MX1: replies go by 192\.0\.2\.1, /);
      expect(says('connector-bound-to-vip')).toEqual([
        'pass: MX1: something listens on every VIP and port.',
        'pass: MX2: something listens on every VIP and port.',
      ]);
      expect(says('vip-path-answers')).toEqual(['pass: 192.0.2.25:25 answers.']);
      expect(says('every-node-answered')).toEqual([
        'pass: MX1 answered through the VIP.',
        'pass: MX2 answered through the VIP.',
      ]);
      expect(says('nodes-alike')).toEqual(['pass: MX1: set up like MX2.', 'pass: MX2: set up like MX1.']);
      expect(answers).toEqual({ 'source-ip-visible': 'yes', 'dsr-ready': 'yes', 'relay-safe': 'yes' });
      expect(repliesThroughBalancer).toBe(0);
    },
  );

  it.concurrent(
    'hide their clients with source NAT, and relay for the world when mynetworks holds the load balancer',
    patient,
    async () => {
      const { answers, says, remedy } = await evaluate({
        forwarding: 'source-nat',
        mailSessions: 96,
        postfix: { mynetworks: '127.0.0.0/8, 192.0.2.0/24' },
        options: ['--probe', '--relay-test'],
      });
      // The relay test's own session may be in the log already, or not yet.
      expect(says('log-shows-client-addresses')).toEqual(
        ['MX1', 'MX2'].map((node) =>
          expect.stringMatching(
            `^fail: ${node}: the load balancer hides the clients: (48 of 48|49 of 49) mail sessions \\(100 %\\) come from its address\\.$`,
          ),
        ),
      );
      expect(says('relay-connector-excludes-load-balancer')[0]).toBe(
        "fail: MX1/smtp relays for mynetworks, whose 192.0.2.0/24 holds a load-balancer address, and clients come with the load balancer's address: a hidden open relay. Whoever reaches the VIP may relay.",
      );
      expect(remedy('relay-connector-excludes-load-balancer')).toMatch(
        /^postconf -e 'mynetworks=!192\.0\.2\.5, !192\.0\.2\.25, 127\.0\.0\.0\/8, 192\.0\.2\.0\/24'$/m,
      );
      // It is one: Postfix took a recipient of a foreign domain from us.
      expect(says('relay-refused')[0]).toMatch(
        /^fail: 192\.0\.2\.25:25.* accepted a recipient of a foreign domain from us/,
      );
      expect(answers).toMatchObject({ 'source-ip-visible': 'no', 'relay-safe': 'no' });
    },
  );

  it.concurrent('take the service away from the load balancer when they answer ARP for the VIP', patient, async () => {
    const askedByNeighbour = (network: LoadBalancedNetwork) => {
      // Nobody is left who may answer.
      network.loadBalancer.configure('ip link set eth0 down');
      const neighbour = network.nodes.get('EX2');
      neighbour?.configure(
        `ip neighbor flush all\nbash -c 'echo > /dev/udp/${vip}/9; echo > /dev/udp/192.0.2.11/9'\nsleep 1`,
      );
    };
    const scene = {
      forwarding: 'direct-server-return',
      vipOnLoopback: ['EX1'],
      before: askedByNeighbour,
      options: [],
    } as const;
    const [silent, answering, told] = await Promise.all([
      evaluate(scene),
      evaluate({ ...scene, answerArp: ['EX1'] }),
      // Without a witness the settings say it.
      evaluate({ ...scene, before: () => {}, answerArp: ['EX1'] }),
    ]);
    expect(silent.says('vip-silent-on-lan')[0]).toMatch(/^pass: MX1: eth0 answers no ARP/);
    expect(answering.says('vip-silent-on-lan')[0]).toMatch(
      /^fail: MX1: its neighbour MX2 has the hardware address of MX1 \([\da-f:]{17}\) for the VIP 192\.0\.2\.25: the node has answered ARP for it\.$/,
    );
    expect(answering.remedy('vip-silent-on-lan')).toContain('sysctl -w net.ipv4.conf.all.arp_ignore=1');
    expect(answering.answers['dsr-ready']).toBe('no');
    expect(told.says('vip-silent-on-lan')[0]).toBe(
      'fail: MX1: eth0 answers ARP for the VIP (arp_ignore 0 in force) and names the VIP when it asks by ARP itself (arp_announce 0 in force): the node takes the service away from the load balancer.',
    );
  });

  it.concurrent(
    'drop what arrives by another card than replies leave by, when rp_filter is strict',
    patient,
    async () => {
      const scene = {
        forwarding: 'direct-server-return',
        vipOnLoopback: both,
        secondCard: both,
        relayClients: ['203.0.113.0/24'],
      } as const;
      const [loose, strict] = await Promise.all([
        evaluate(scene),
        evaluate({
          ...scene,
          before: ({ nodes }) => {
            for (const node of nodes.values()) node.configure('echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter');
          },
        }),
      ]);
      expect(loose.says('vip-path-answers')).toEqual(['pass: 192.0.2.25:25 answers.']);
      expect(loose.says('return-path-symmetric')[0]).toBe(
        'fail: MX1: replies to 203.0.113.0/24 leave by eth1 (eth1: 203.0.113.0/24 to 192.0.2.1), not by eth0, which faces the load balancer.',
      );
      expect(strict.says('vip-path-answers')[0]).toMatch(/^unknown: .*neither a VIP nor a node answered/);
      expect(strict.says('return-path-symmetric')[0]).toBe(
        'fail: MX1: replies to 203.0.113.0/24 leave by eth1 (eth1: 203.0.113.0/24 to 192.0.2.1), not by eth0, which faces the load balancer; and rp_filter is strict at eth0, so what these clients send is dropped when it arrives.',
      );
      expect(strict.answers['source-ip-visible']).toBe('undetermined');
    },
  );
});
