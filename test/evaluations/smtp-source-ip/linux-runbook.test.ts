import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { arrangeRunbook, type DsrRunbook, runbookOf } from '../../../src/evaluations/smtp-source-ip/runbook.ts';
import { runbookMarkdown } from '../../../src/reports/index.ts';
import { bentLinux, healthyLinux, inputChain, mixedPool } from './linux-scenes.ts';
import { netscaler } from './load-balancer-scenes.ts';
import { type FactFile, runOf, type Scene } from './service.ts';

async function runbook(scene: Scene): Promise<DsrRunbook> {
  const { run, facts } = await runOf(scene);
  return runbookOf(scene.service, facts, run);
}

/** The words of a line as a shell splits them; what stands behind a # is for people. */
const wordsOf = (line: string) =>
  [...line.replace(/(^| +)# .*$/, '').matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));

/** What the commands of a runbook mean, on the facts of a Linux node: enough of it to see what comes of them. */
function apply(file: FactFile, script: string): void {
  const { links, routes, kernelSettings, storedKernelSettings, packetFilter, postfix } = file.linux;
  const link = (name: string) => links.find(({ ifname }: FactFile) => ifname === name);
  const setting = (text: string) => {
    const [, scope = '', name = '', value = ''] = /^net\.ipv4\.conf\.(\w+)\.(\w+) ?= ?(\d+)$/.exec(text) ?? [];
    return { scope, setting: name, value: Number(value) };
  };
  for (const line of script.split('\n')) {
    const words = wordsOf(line);
    const after = (word: string) => words[words.indexOf(word) + 1] ?? '';
    const [command = '', object = '', verb = '', operand = ''] = words;
    switch (`${command} ${object}`.trim()) {
      case '':
        break;
      case 'sysctl -w': {
        const { scope, setting: name, value } = setting(verb);
        const key = { arp_ignore: 'arpIgnore', arp_announce: 'arpAnnounce' }[name] ?? '';
        kernelSettings.find((row: FactFile) => row.scope === scope)[key] = value;
        break;
      }
      case 'ip link':
        Object.assign(
          link(operand),
          words[4] === 'up' ? { flags: ['LOOPBACK', 'UP', 'LOWER_UP'] } : { flags: ['LOOPBACK'] },
        );
        break;
      case 'ip addr': {
        const [local = '', length] = operand.split('/');
        const of = link(after('dev'));
        if (verb === 'add') of.addr_info.push({ family: 'inet', local, prefixlen: Number(length), scope: 'global' });
        else of.addr_info = of.addr_info.filter((row: FactFile) => `${row.local}/${row.prefixlen}` !== operand);
        break;
      }
      case 'ip route': {
        const row = { dst: operand, gateway: after('via'), dev: after('dev'), flags: [] };
        if (verb === 'add') routes.push(row);
        else
          file.linux.routes = routes.filter(
            ({ dst, gateway, dev }: FactFile) => dst !== row.dst || gateway !== row.gateway || dev !== row.dev,
          );
        break;
      }
      case 'nft insert': {
        const [family, table, chain] = words.slice(3, 6);
        packetFilter.nftables.push({
          rule: {
            family,
            table,
            chain,
            handle: 99,
            expr: [
              { match: { op: '==', left: { meta: { key: 'iifname' } }, right: after('iifname') } },
              {
                match: {
                  op: '==',
                  left: { payload: { protocol: 'tcp', field: 'dport' } },
                  right: Number(after('dport')),
                },
              },
              { accept: null },
            ],
          },
        });
        break;
      }
      case 'nft -a':
        packetFilter.nftables = packetFilter.nftables.filter(({ rule }: FactFile) => rule?.handle !== 99);
        break;
      case 'postconf -e': {
        const [, name = '', value = ''] = /^(\w+) ?= ?(.*)$/.exec(verb) ?? [];
        postfix.settings[name] = value;
        break;
      }
      case 'postconf -M':
        postfix.services.push(verb.slice(verb.indexOf('=') + 1));
        break;
      case 'postconf -MX':
        postfix.services = postfix.services.filter((one: string) => !one.startsWith(`${verb.split('/')[0]} `));
        break;
      case 'systemctl restart': {
        const host = postfix.settings.inet_interfaces === 'all' ? '0.0.0.0' : '127.0.0.1';
        file.linux.listeners = postfix.services.map(
          (one: string) => `${host}:${one.startsWith('smtp ') ? 25 : one.split(' ')[0]}`,
        );
        break;
      }
      case 'systemctl reload':
        break;
      default:
        if (command === 'echo') {
          storedKernelSettings.push(setting(object));
        } else if (command === 'sed') {
          const [, name = '', value = ''] = /\\\.(\w+) = (\d)\$/.exec(line) ?? [];
          file.linux.storedKernelSettings = storedKernelSettings.filter(
            (row: FactFile) => row.scope !== 'all' || row.setting !== name || row.value !== Number(value),
          );
        } else throw new Error(`nobody knows what this means: ${line}`);
    }
  }
}

const link = (file: FactFile, name: string) => file.linux.links.find(({ ifname }: FactFile) => ifname === name);
const ofAll = (file: FactFile) => file.linux.kernelSettings.find(({ scope }: FactFile) => scope === 'all');
const settings = (file: FactFile) => file.linux.postfix.settings;

const defects: readonly (readonly [string, (file: FactFile) => void, readonly RegExp[]])[] = [
  [
    'nothing done yet',
    (file) => {
      link(file, 'lo').addr_info.splice(1, 1);
      link(file, 'lo').flags = ['LOOPBACK'];
      Object.assign(ofAll(file), { arpIgnore: 0, arpAnnounce: 0 });
      file.linux.storedKernelSettings = [];
      file.linux.routes.push({ dst: '198.51.100.0/25', gateway: '192.0.2.5', dev: 'eth0', flags: [] });
      file.linux.packetFilter.nftables.push(...inputChain('drop'));
      settings(file).inet_interfaces = '127.0.0.1';
      file.linux.listeners = ['127.0.0.1:25'];
      settings(file).mynetworks = '127.0.0.0/8, 192.0.2.5';
    },
    [
      /^Answer no ARP for addresses of lo$/,
      /^Name no address of lo/,
      /^Switch lo on$/,
      /^Give lo the VIP 192\.0\.2\.25$/,
      /^No way back to 198\.51\.100\.0\/25 by 192\.0\.2\.5 \(eth0\)$/,
      /^Let port 25 in on eth0$/,
      /^Postfix listens on 192\.0\.2\.25:25$/,
      /^smtp relays for 203\.0\.113\.0\/28 by their own addresses$/,
      /^Once the load balancer is switched: smtp does not relay for its address any more$/,
    ],
  ],
  [
    'the VIP on the LAN',
    (file) => link(file, 'eth0').addr_info.push(...link(file, 'lo').addr_info.splice(1, 1)),
    [/^Take the VIP 192\.0\.2\.25 off eth0$/, /^Give lo the VIP/],
  ],
  [
    'the VIP with the mask of its network',
    (file) => Object.assign(link(file, 'lo').addr_info[1], { prefixlen: 24 }),
    [/^The VIP 192\.0\.2\.25 alone on lo, without its network$/],
  ],
  [
    'replies to clients that leave by another card, where rp_filter is strict',
    (file) => {
      file.linux.routes.push({ dst: '203.0.113.0/24', gateway: '198.51.100.1', dev: 'eth1', flags: [] });
      ofAll(file).rpFilter = 1;
    },
    [/^No way back to 203\.0\.113\.0\/24 by 198\.51\.100\.1 \(eth1\)$/],
  ],
  [
    'a Postfix that expects the PROXY protocol',
    (file) => {
      settings(file).smtpd_upstream_proxy_protocol = 'haproxy';
    },
    [/^Together with the switch of the load balancer: smtp expects no PROXY protocol$/],
  ],
];

describe.each(defects)('the runbook for a Linux node with %s', (_, bend, wanted) => {
  it('makes every node ready when it is applied, and leaves the facts as they were when it is undone', async () => {
    const scene = bentLinux(bend)();
    const before = comparable(scene.files.MX2);
    const { answer, nodes } = await runbook(scene);
    expect(answer).toBe('no');
    const [none, node] = nodes;
    expect([none?.steps, none?.open, node?.open]).toEqual([[], [], []]);
    const { steps = [] } = node ?? {};
    expect(steps.map(({ what }) => what)).toEqual(wanted.map((one) => expect.stringMatching(one)));
    for (const { run } of steps) apply(scene.files.MX2, run);
    const applied = await runbook(scene);
    expect([applied.answer, applied.nodes.map((one) => [one.steps, one.open])]).toEqual([
      'yes',
      [
        [[], []],
        [[], []],
      ],
    ]);
    for (const { undo } of steps.toReversed()) apply(scene.files.MX2, undo);
    expect(comparable(scene.files.MX2)).toEqual(before);
  });

  it('is read by a shell without an error, step by step and back', async () => {
    const { nodes } = await runbook(bentLinux(bend)());
    const steps = nodes.flatMap((node) => node.steps);
    expect(steps.length).toBe(wanted.length);
    for (const { run, undo, language } of steps) {
      expect(language).toBe('shell');
      for (const input of [run, undo]) {
        const { status, stderr } = spawnSync('sh', ['-n'], { input, encoding: 'utf8' });
        expect([status, stderr], input).toEqual([0, '']);
      }
    }
  });
});

/** Rows have no order. */
function comparable(file: FactFile): unknown {
  const sorted = (rows: FactFile[]) => rows.map((row) => JSON.stringify(row)).sort();
  const { links, routes, ...rest } = structuredClone(file.linux);
  return {
    ...rest,
    links: links.map(({ addr_info, ...one }: FactFile) => ({ ...one, addr_info: sorted(addr_info) })),
    routes: sorted(routes),
  };
}

describe('the runbook of a pool', () => {
  it('has PowerShell for its Windows nodes and shell for its Linux nodes', async () => {
    const { nodes, lookAt } = await runbook(mixedPool());
    expect(nodes.map(({ name, steps }) => [name, steps.map(({ what, language }) => [what, language])])).toEqual([
      ['EX1', []],
      ['EX2', [['WeakHostReceive on LAN (IPv4)', undefined]]],
      ['MX1', []],
      ['MX2', [['Answer no ARP for addresses of lo', 'shell']]],
    ]);
    expect(lookAt.join('\n')).toMatch(/every Exchange node within the hour.*\n.*Postfix on every Linux node/);
    const text = runbookMarkdown(arrangeRunbook(await runbook(mixedPool())));
    expect(text).toMatch(/## 4\. MX2\n\n### 4\.1 Answer no ARP .*\n\nBefore: .*\n\n```shell\nsysctl -w /);
  });

  it('names the collector of each node that nothing is known of', async () => {
    const scene = mixedPool();
    for (const name of ['EX1', 'MX1']) delete scene.files[name];
    const { nodes } = await runbook(scene);
    expect([nodes[0]?.open, nodes[2]?.open]).toEqual([
      ['Nothing is known of EX1: run Collect-SmtpSourceIpFacts.ps1 there, and supply its file.'],
      ['Nothing is known of MX1: run Collect-SmtpSourceIpFacts.sh there, and supply its file.'],
    ]);
  });

  it('leaves to a person what no step can know: the router, rules about ARP, and what could not be read', async () => {
    const scene = healthyLinux();
    scene.files.MX1.linux.routes[0].gateway = '192.0.2.5';
    delete scene.files.MX2.linux.packetFilter;
    const { nodes } = await runbook(scene);
    expect(nodes.map(({ steps, open }) => [steps, open.map((one) => one.split('\n')[0])])).toEqual([
      [[], [expect.stringMatching(/^MX1: its default gateway 192\.0\.2\.5 is the load balancer/)]],
      [[], expect.arrayContaining([expect.stringMatching(/^Could not look: packet filter/)])],
    ]);
  });

  it('takes the addresses that the configuration of the load balancer declares out of mynetworks', async () => {
    const scene = bentLinux(
      (file) => {
        settings(file).mynetworks = '127.0.0.0/8, 192.0.2.0/28, 203.0.113.0/24';
      },
      { loadBalancerAddresses: [] },
    )();
    const { nodes } = await runbook({ ...scene, files: { ...scene.files, balancer: netscaler({}) } });
    expect(nodes[1]?.steps.map(({ run, undo }) => [run, undo])).toEqual([
      [
        "postconf -e 'mynetworks=!192.0.2.5, 127.0.0.0/8, 192.0.2.0/28, 203.0.113.0/24'\nsystemctl reload postfix",
        "postconf -e 'mynetworks=127.0.0.0/8, 192.0.2.0/28, 203.0.113.0/24'\nsystemctl reload postfix",
      ],
    ]);
  });
});
