import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/*
 * A load-balanced service on real packets: each machine is a network namespace, each cable a veth pair, and nothing
 * leads outside.
 *
 *   client ── router and switch ──┬── load balancer, which has the VIP
 *                                 ├── EX1
 *                                 └── EX2
 *
 * A namespace has no name here: it is gone with the last process in it, and those end when ours does, however it ends.
 */

/** Two addresses of the client's machine: mail of many comes from more than one. */
export const clients = ['203.0.113.10', '203.0.113.11'] as const;
export const balancer = '192.0.2.5';
export const vip = '192.0.2.25';
export const nodeAddresses = { EX1: '192.0.2.11', EX2: '192.0.2.12' } as const;
type NodeName = keyof typeof nodeAddresses;
const nodeNames = Object.keys(nodeAddresses) as NodeName[];

/** How the load balancer passes connections on. */
type Forwarding =
  | 'source-nat'
  | 'transparent'
  | 'direct-server-return'
  // Source NAT is an option of each service behind a load balancer: here it is on for EX2 alone, or EX2 is out of the pool.
  | 'source-nat-to-EX2'
  | 'transparent-to-EX1';

export interface NetworkOptions {
  readonly forwarding: Forwarding;
  /** Nodes that have the VIP on their loopback interface, as Direct Server Return needs it. */
  readonly vipOnLoopback?: readonly NodeName[];
  /** Nodes that answer ARP for each of their addresses on every interface, as Linux does by itself. */
  readonly answerArp?: readonly NodeName[];
  /** Nodes with a second card on the same wire, by which they reply to clients. */
  readonly secondCard?: readonly NodeName[];
  /** The router lets no SMTP through. */
  readonly smtpBlocked?: boolean;
}

export interface LoadBalancedNetwork {
  readonly client: Machine;
  readonly nodes: ReadonlyMap<NodeName, Machine>;
  readonly loadBalancer: Machine;
  /** Packets from port 25 of a node that crossed the load balancer. */
  repliesThroughBalancer(): number;
  close(): Promise<void>;
}

export interface Machine {
  readonly pid: number;
  /** Runs a shell script to its end. @returns its output @throws when a command of it fails */
  configure(script: string): string;
  /** Runs a Node program to its end. */
  run(program: URL, args: readonly string[]): Promise<{ readonly exitCode: number | null; readonly output: string }>;
  /** Runs a Node program until the machine is closed. @returns when it has said that it is ready */
  serve(program: URL, args: readonly string[]): Promise<void>;
  /** Starts a program that ends with the machine, or with us. */
  start(command: readonly string[]): ChildProcess;
  close(): Promise<void>;
}

/** Builds machines and cables, and lays down the way of the packets. */
export async function loadBalancedNetwork(options: NetworkOptions): Promise<LoadBalancedNetwork> {
  const { forwarding, vipOnLoopback = [], answerArp = [], secondCard = [], smtpBlocked = false } = options;
  const machines: Machine[] = [];
  const close = async () => {
    await Promise.all(machines.map((machine) => machine.close()));
  };
  const machine = async (settings = '') => {
    const started = await startMachine();
    machines.push(started);
    started.configure(settings);
    return started;
  };
  try {
    const router = await machine(`
      ${forwardPackets}
      ip link add lan type bridge
      ip link set lan up
      ip address add 192.0.2.1/24 dev lan`);

    const client = await machine();
    plug(client, router, 'clients');
    router.configure('ip address add 203.0.113.1/24 dev clients');
    client.configure(`
      ${clients.map((address) => `ip address add ${address}/24 dev eth0`).join('\n')}
      ip route add default via 203.0.113.1`);

    const loadBalancer = await machine(forwardPackets);
    plug(loadBalancer, router, 'balancer', 'master lan');
    loadBalancer.configure(`
      ip address add ${balancer}/24 dev eth0
      ip address add ${vip}/24 dev eth0
      ip route add default via 192.0.2.1`);
    load(loadBalancer, rulesOf[forwarding]);
    if (forwarding === 'direct-server-return') loadBalancer.configure(routesByMark);

    const nodes = new Map<NodeName, Machine>();
    for (const name of nodeNames) {
      const node = await machine(answerArp.includes(name) ? '' : answerArpForOwnAddressesOnly);
      nodes.set(name, node);
      plug(node, router, name, 'master lan');
      node.configure(`
        ip address add ${nodeAddresses[name]}/24 dev eth0
        ip route add default via ${throughBalancer.has(forwarding) ? balancer : '192.0.2.1'}`);
      if (vipOnLoopback.includes(name)) node.configure(`ip address add ${vip}/32 dev lo`);
      if (secondCard.includes(name)) {
        plug(node, router, `${name}-2`, 'master lan', 'eth1');
        node.configure('ip route add 203.0.113.0/24 via 192.0.2.1 dev eth1 onlink');
      }
    }
    if (smtpBlocked) load(router, noSmtp);

    return {
      client,
      nodes,
      loadBalancer,
      repliesThroughBalancer() {
        const listed = loadBalancer.configure('nft list counter ip balancer replies');
        return Number(/packets (\d+)/.exec(listed)?.[1]);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Can such a network be built here? Tries all that it takes, in a namespace that is gone afterwards.
 *
 * @returns false, after one line on the console that says what is left out
 */
export function canBuildNetwork(leftOut: string): boolean {
  const script = `
    nsenter --version
    ${forwardPackets}
    ${answerArpForOwnAddressesOnly}
    ip link add lan type bridge
    ip link add eth0 type veth peer name port
    ip rule add fwmark 1 lookup 1
    ${Object.values(rulesOf).map(loading).join('\nnft flush ruleset\n')}`;
  const tried = spawnSync('unshare', ['--net', 'sh', '-e'], { input: script, encoding: 'utf8' });
  if (tried.status === 0) return true;
  const [why] = (tried.stderr || String(tried.error)).trim().split('\n');
  console.log(
    `Not run: ${leftOut} needs root on Linux with iproute2 and nftables, for network namespaces of its own (${why}).`,
  );
  return false;
}

const forwardPackets = `
  echo 1 > /proc/sys/net/ipv4/ip_forward
  for scope in all default; do echo 0 > /proc/sys/net/ipv4/conf/$scope/send_redirects; done`;

/** Only the load balancer may answer ARP for the VIP. */
const answerArpForOwnAddressesOnly = `
  echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore
  echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce`;

const countReplies = `
  counter replies { }
  chain replying {
    type filter hook prerouting priority raw
    tcp sport 25 counter name replies
  }`;

/** Forwardings that do not work unless replies pass the load balancer. */
const throughBalancer: ReadonlySet<Forwarding> = new Set(['transparent', 'source-nat-to-EX2', 'transparent-to-EX1']);

const arriving = (target: string) => `
  chain arriving {
    type nat hook prerouting priority dstnat
    ip daddr ${vip} tcp dport 25 dnat to ${target}
  }`;
const toNodesInTurn = arriving(`numgen inc mod 2 map { 0 : ${nodeAddresses.EX1}, 1 : ${nodeAddresses.EX2} }`);

const rulesOf: Readonly<Record<Forwarding, string>> = {
  'source-nat': `table ip balancer {
  ${countReplies}
  ${toNodesInTurn}
  chain leaving {
    type nat hook postrouting priority srcnat
    ct status dnat snat to ${balancer}
  }
}`,
  transparent: `table ip balancer {
  ${countReplies}
  ${toNodesInTurn}
}`,
  'source-nat-to-EX2': `table ip balancer {
  ${countReplies}
  ${toNodesInTurn}
  chain leaving {
    type nat hook postrouting priority srcnat
    ip daddr ${nodeAddresses.EX2} ct status dnat snat to ${balancer}
  }
}`,
  'transparent-to-EX1': `table ip balancer {
  ${countReplies}
  ${arriving(nodeAddresses.EX1)}
}`,
  // Connection tracking needs both directions, and only one comes by here: the first packet chooses node 1 or 2 by a
  // mark, the others follow it.
  'direct-server-return': `table ip balancer {
  ${countReplies}
  map connections {
    type ipv4_addr . inet_service : mark
    flags dynamic
    timeout 10m
  }
  chain arriving {
    type filter hook prerouting priority mangle
    ip daddr != ${vip} accept
    tcp dport != 25 accept
    meta mark set ip saddr . tcp sport map @connections accept
    meta mark set numgen inc mod 2 offset 1
    add @connections { ip saddr . tcp sport : meta mark }
  }
}`,
};

/** Packets with a mark go to the hardware address of their node, unchanged, before anybody asks whether the VIP is ours. */
const routesByMark = `
  ip route add ${vip} via ${nodeAddresses.EX1} dev eth0 table 1
  ip route add ${vip} via ${nodeAddresses.EX2} dev eth0 table 2
  ip rule add priority 1 fwmark 1 lookup 1
  ip rule add priority 2 fwmark 2 lookup 2
  ip rule add priority 3 lookup local
  ip rule del priority 0`;

const noSmtp = `table ip router {
  chain passing {
    type filter hook forward priority filter
    tcp dport 25 drop
  }
}`;

function loading(rules: string): string {
  return `nft -f - <<'END'\n${rules}\nEND\n`;
}

function load(machine: Machine, rules: string): void {
  machine.configure(loading(rules));
}

/** A cable from a card of a machine to a port of the router. */
function plug(machine: Machine, router: Machine, port: string, settings = '', card = 'eth0'): void {
  const [near, far] = [`${card} netns ${machine.pid}`, `name ${port} netns ${router.pid}`];
  execFileSync('ip', `link add ${near} type veth peer ${far}`.split(' '));
  router.configure(`ip link set ${port} up ${settings}`);
  machine.configure(`ip link set lo up\nip link set ${card} up`);
}

/** Held by a process that ends with its standard input. */
async function startMachine(): Promise<Machine> {
  const holder = spawn('unshare', ['--net', '--uts', 'sh', '-c', 'echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const pid = holder.pid ?? 0;
  const inside = ['--net', '--uts', `--target=${pid}`];
  const running: ChildProcess[] = [];
  const start = (command: readonly string[]) => {
    // A daemon does not end with its standard input, so it is told when we end.
    const child = spawn('nsenter', [...inside, 'setpriv', '--pdeathsig', 'TERM', ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    running.push(child);
    return child;
  };
  const startNode = (program: URL, args: readonly string[]) =>
    start([process.execPath, fileURLToPath(program), ...args]);
  return {
    pid,
    configure: (script) => execFileSync('nsenter', [...inside, 'sh', '-e'], { input: script, encoding: 'utf8' }),
    async run(program, args) {
      const child = startNode(program, args);
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const [exitCode] = (await once(child, 'close')) as [number | null];
      return { exitCode, output };
    },
    async serve(program, args) {
      const child = startNode(program, args);
      const ready = once(child.stdout, 'data').then(() => true);
      const ended = once(child, 'exit').then(() => false);
      if (!(await Promise.race([ready, ended]))) throw new Error(`${program.pathname} ended before it was ready`);
    },
    start,
    async close() {
      await Promise.all(running.map(end));
      holder.stdin.end();
      await end(holder);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}
