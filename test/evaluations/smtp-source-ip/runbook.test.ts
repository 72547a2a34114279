import { describe, expect, it } from 'vitest';
import { arrangeRunbook, type DsrRunbook, runbookOf } from '../../../src/evaluations/smtp-source-ip/runbook.ts';
import type { SmtpLoadBalancer } from '../../../src/facts/smtp-service/load-balancer.ts';
import { smtpService } from '../../../src/facts/smtp-service/subject.ts';
import { smtpService as demoService, ex1File, ex2File } from '../../../src/local/demo/smtp-nodes.ts';
import { runbookMarkdown } from '../../../src/reports/index.ts';
import { smtpNodeFile } from '../../../src/sources/bindings/smtp-source-ip/collector-file.ts';
import { openPowerShellHost } from '../../powershell/host.ts';
import { kemp, netscaler } from './load-balancer-scenes.ts';
import { bent, bothStores, type NamedScene, vip } from './scenes.ts';
import { type FactFile, factsOf, healthy, now, runOf, type Scene } from './service.ts';

const host = await openPowerShellHost();

async function runbook(scene: Scene): Promise<DsrRunbook> {
  const { run, facts } = await runOf(scene);
  return runbookOf(scene.service, facts, run);
}

/** What the commands of a runbook mean, on the facts of a node: enough of Windows and Exchange to see what comes of them. */
function apply(file: FactFile, script: string): void {
  for (const line of script.split('\n')) {
    const text = (name: string) => new RegExp(`-${name} '((?:[^']|'')*)'`).exec(line)?.[1]?.replaceAll("''", "'");
    const word = (name: string) => new RegExp(`-${name} ([^' ]+)`).exec(line)?.[1];
    const alias = text('InterfaceAlias') ?? text('Name') ?? '';
    const command = line.split(' ')[0] ?? '';
    const drop = (section: string, gone: (row: FactFile) => boolean) => {
      file[section] = file[section].filter((row: FactFile) => !gone(row));
    };
    switch (command) {
      case 'devcon.exe':
        if (line.includes('remove')) {
          for (const section of ['adapters', 'bindings']) drop(section, ({ name }) => name === 'Loopback');
          for (const section of ['ipInterfaces', 'ipAddresses', 'dnsClients'])
            drop(section, (row) => row.alias === 'Loopback');
          drop('netbios', ({ guid }) => guid === '{new}');
        } else install(file);
        break;
      case 'Get-NetAdapter': {
        const value = /-Value (\d)/.exec(line)?.[1];
        const guid = file.adapters.find(({ name }: FactFile) => name === alias)?.interfaceGuid;
        if (value !== undefined) file.netbios.find((row: FactFile) => row.guid === guid).option = Number(value);
        break;
      }
      case 'Enable-NetAdapter':
      case 'Disable-NetAdapter':
        file.adapters.find(({ name }: FactFile) => name === alias).status = command.startsWith('E') ? 'Up' : 'Disabled';
        break;
      case 'Enable-NetAdapterBinding':
      case 'Disable-NetAdapterBinding':
        file.bindings.find((row: FactFile) => row.name === alias && row.componentId === word('ComponentID')).enabled =
          command.startsWith('E');
        break;
      case 'New-NetIPAddress':
        file.ipAddresses.push({
          alias,
          ipAddress: word('IPAddress'),
          prefixLength: Number(word('PrefixLength')),
          addressState: 4,
        });
        break;
      case 'Remove-NetIPAddress':
        drop('ipAddresses', (row) => row.alias === alias && row.ipAddress === word('IPAddress'));
        break;
      case 'Set-NetIPInterface':
        for (const row of file.ipInterfaces.filter((one: FactFile) => one.alias === alias)) {
          const metric = word('InterfaceMetric');
          if (metric !== undefined) Object.assign(row, { interfaceMetric: Number(metric), automaticMetric: 0 });
          if (word('AutomaticMetric') === 'Enabled') row.automaticMetric = 1;
          for (const [parameter, key] of [
            ['WeakHostSend', 'weakHostSend'],
            ['WeakHostReceive', 'weakHostReceive'],
          ] as const) {
            const value = word(parameter);
            if (value !== undefined) row[key] = value === 'Enabled' ? 1 : 0;
          }
        }
        break;
      case 'Set-DnsClient':
        file.dnsClients.find((row: FactFile) => row.alias === alias).registers = line.endsWith('$true');
        break;
      case 'New-NetRoute':
        file.routes.push({
          alias,
          prefix: word('DestinationPrefix'),
          nextHop: word('NextHop'),
          routeMetric: 1,
          interfaceMetric: 254,
        });
        break;
      case 'Remove-NetRoute':
        drop('routes', (row) => row.alias === alias && row.prefix === word('DestinationPrefix'));
        break;
      case 'New-NetFirewallRule':
        file.firewall.inbound25.push({ profile: word('Profile'), action: 'Allow', enabled: true });
        break;
      case 'Remove-NetFirewallRule':
        file.firewall.inbound25.pop();
        break;
      case 'Set-ReceiveConnector': {
        const [, verb, list = ''] = /@\{(Add|Remove)=(.*)\}/.exec(line) ?? [];
        const bindings = list.split(',').map((one) => one.replaceAll("'", ''));
        const connector = file.exchange.receiveConnectors.find(({ identity }: FactFile) =>
          line.includes(`'${identity}'`),
        );
        connector.bindings =
          verb === 'Add'
            ? [...connector.bindings, ...bindings]
            : connector.bindings.filter((one: string) => !bindings.includes(one));
        break;
      }
      default:
        throw new Error(`nobody knows what ${command} means: ${line}`);
    }
  }
}

/** A new loopback adapter as Windows sets it. */
function install(file: FactFile): void {
  const [loopback] = healthy().files.EX2.adapters.slice(1);
  file.adapters.push({ ...loopback, interfaceGuid: '{new}' });
  file.netbios.push({ guid: '{new}', option: 0 });
  file.dnsClients.push({ alias: 'Loopback', registers: true, servers: [] });
  for (const componentId of ['ms_tcpip', 'ms_tcpip6', 'ms_msclient', 'ms_server']) {
    file.bindings.push({ name: 'Loopback', componentId, enabled: true });
  }
  for (const store of ['active', 'persistent']) {
    file.ipInterfaces.push({
      alias: 'Loopback',
      addressFamily: 2,
      interfaceMetric: 25,
      automaticMetric: 1,
      weakHostSend: 0,
      weakHostReceive: 0,
      dhcp: 0,
      store,
    });
  }
}

function withoutLoopback(file: FactFile): void {
  for (const section of ['adapters', 'bindings'])
    file[section] = file[section].filter(({ name }: FactFile) => name !== 'Loopback');
  for (const section of ['ipInterfaces', 'ipAddresses', 'dnsClients', 'routes']) {
    file[section] = file[section].filter(({ alias }: FactFile) => alias !== 'Loopback');
  }
  file.netbios = [];
}

const defects: readonly Pick<NamedScene, 'name' | 'make'>[] = [
  { name: 'no loopback adapter', make: bent(withoutLoopback) },
  {
    name: 'every step of the field note but the adapter',
    make: bent((file, scene) => {
      scene.files.EX1.exchange.receiveConnectors[1].bindings = ['192.0.2.11:25'];
      for (const row of file.bindings.slice(1, 4)) row.enabled = true;
      file.ipAddresses.splice(1, 1);
      file.netbios[0].option = 1;
      file.dnsClients[1].registers = true;
      bothStores(file, 'Loopback', { automaticMetric: 1, interfaceMetric: 25, weakHostSend: 0, weakHostReceive: 0 });
      bothStores(file, 'LAN', { weakHostReceive: 0 });
      file.firewall.inbound25 = [];
      file.routes.push({
        prefix: '0.0.0.0/0',
        nextHop: '192.0.2.1',
        alias: 'Loopback',
        routeMetric: 1,
        interfaceMetric: 254,
      });
      for (const one of file.exchange.receiveConnectors.slice(0, 2)) one.bindings = ['192.0.2.12:25'];
    }),
  },
  {
    name: 'an adapter that is disabled',
    make: bent((file) => {
      file.adapters[1].status = 'Disabled';
    }),
  },
  {
    name: 'the half configured node of the demo',
    make: () => ({
      service: smtpService.parse({ kind: 'smtp-service', ...demoService }),
      files: { EX1: ex1File(now), EX2: ex2File(false, now) },
    }),
  },
  {
    name: 'the VIP on the LAN',
    make: bent((file) => {
      vip(file).alias = 'LAN';
    }),
  },
];

describe.each(defects.map(({ name, make }) => [name, make] as const))('the runbook for %s', (_, make) => {
  it('makes every node ready when it is applied, and leaves the facts as they were when it is undone', async () => {
    const scene = await make();
    const before = structuredClone(scene.files);
    const planned = await runbook(scene);
    expect(planned.answer).toBe('no');
    expect(planned.nodes.map(({ name, steps }) => [name, steps.length > 0])).toEqual([
      ['EX1', false],
      ['EX2', true],
    ]);
    const { steps = [] } = planned.nodes[1] ?? {};
    for (const { run } of steps) apply(scene.files.EX2, run);
    const applied = await runbook(scene);
    expect(applied.answer).toBe('yes');
    expect(applied.nodes.map((node) => [node.steps, node.open])).toEqual([
      [[], []],
      [[], []],
    ]);
    for (const { undo } of steps.toReversed()) apply(scene.files.EX2, undo);
    expect(comparable(scene.files.EX2)).toEqual(comparable(before.EX2));
  });

  it.runIf(host)('is read by PowerShell without an error, step by step and back', async () => {
    const { nodes } = await runbook(await make());
    const scripts = nodes.flatMap(({ steps }) => steps.flatMap(({ run, undo }) => [run, undo]));
    expect(scripts.length).toBeGreaterThan(1);
    for (const text of scripts) expect(await host?.parse({ text }), text).toEqual([]);
  });
});

/** Rows have no order, and an address that was set again is preferred as before. */
function comparable(written: FactFile): unknown {
  const file: FactFile = smtpNodeFile.parse(written);
  const sorted = (rows: FactFile[]) => [...rows].map((row) => JSON.stringify(row, Object.keys(row).sort())).sort();
  return {
    ...file,
    adapters: sorted(file.adapters),
    bindings: sorted(file.bindings),
    // What is automatic is Windows' own number.
    ipInterfaces: sorted(
      file.ipInterfaces.map((row: FactFile) =>
        row.automaticMetric === 'Enabled' ? { ...row, interfaceMetric: 0 } : row,
      ),
    ),
    ipAddresses: sorted(file.ipAddresses.map(({ skipAsSource, ...row }: FactFile) => row)),
    routes: sorted(file.routes),
    dnsClients: sorted(file.dnsClients),
    netbios: file.netbios.map((row: FactFile) =>
      row.option === 'EnableNetbiosViaDhcp' ? { ...row, option: 'dhcp' } : row,
    ),
  };
}

describe('the runbook', () => {
  it('says what to do at the load balancer, what to look at and when to go back, and what somebody has to decide', async () => {
    const scene = healthy();
    scene.files.EX2.routes[0].nextHop = '192.0.2.5';
    const text = runbookMarkdown(arrangeRunbook(await runbook(scene)));
    expect(text).toMatch(/^# Direct Server Return for smtp-in\n\nAs of .* Nothing here was executed\. dsr-ready: no\./);
    expect(text).toMatch(/## 1\. EX1\n\nNo step is missing\./);
    expect(text).toMatch(
      /## 2\. EX2\n\nFirst, by somebody who decides:\n\n- EX2: its default gateway 192\.0\.2\.5 is the load balancer/,
    );
    expect(text).toMatch(
      /Only when every node is ready.*switch the virtual service of 192\.0\.2\.25:25 to Direct Server Return/,
    );
    expect(text).toMatch(/## 5\. When to go back\n\n- Go back when vip-path-answers fails/);
  });

  it('never says that nothing is missing on a node that nobody could look at', async () => {
    const scene = healthy();
    delete scene.files.EX1;
    scene.files.EX2.errors = [{ section: 'firewall.profiles', message: 'Access is denied.' }];
    const { nodes } = await runbook(scene);
    expect(nodes.map(({ open }) => open)).toEqual([
      ['Nothing is known of EX1: run Collect-SmtpSourceIpFacts.ps1 there, and supply its file.'],
      expect.arrayContaining([expect.stringMatching(/Could not look: firewall settings: access denied/)]),
    ]);
  });
});

/** What the steps at a load balancer mean, on its configuration: enough of each product to see what comes of them. */
const applies: Readonly<Record<string, (configuration: string, lines: string) => string>> = {
  netscaler: (configuration, lines) =>
    lines.split('\n').reduce((text, line) => {
      const [, kind = '', name = ''] = /^rm (lb vserver|serviceGroup) (\S+)$/.exec(line) ?? [];
      if (kind === '') return `${text.trimEnd()}\n${line}\n`;
      const isAbout = (one: string) => new RegExp(`^(add|set|bind) ${kind} ${name}( |$)`).test(one);
      return text
        .split('\n')
        .filter((one) => !isAbout(one))
        .join('\n');
    }, configuration),
  kemp: (configuration, lines) => {
    const { pathname, searchParams: asked } = new URL(/"(.*)"/.exec(lines)?.[1]?.replace('$LOADMASTER', 'kemp') ?? '');
    expect([asked.get('vs'), asked.get('port'), asked.get('prot')]).toEqual(['192.0.2.25', '25', 'tcp']);
    if (pathname === '/access/modvs') {
      return configuration.replace(
        /<ForceL4>.<\/ForceL4>/,
        `<ForceL4>${asked.get('ForceL4') === '1' ? 'Y' : 'N'}</ForceL4>`,
      );
    }
    expect([pathname, asked.get('rsport')]).toEqual(['/access/modrs', '25']);
    const server = new RegExp(`(<Addr>${asked.get('rs')}</Addr><Port>25</Port><Forward>)\\w+`);
    return configuration.replace(server, `$1${asked.get('forward')}`);
  },
};

const settings = '<ForceL4>N</ForceL4><ForceL7>Y</ForceL7><Transparent>N</Transparent>';

describe.each([
  ['netscaler', 'of another type', netscaler({}).replace(' MBF', '')],
  ['netscaler', 'of type ANY', netscaler({ type: 'ANY', usip: 'YES' })],
  [
    'netscaler',
    'beside others whose names begin alike',
    `${netscaler({})}add lb vserver lb_smtp_2 TCP 192.0.2.26 25\nbind lb vserver lb_smtp_2 sg_smtp\n`,
  ],
  ['kemp', 'of layer 7', kemp({ settings })],
] as const)('the switch of %s, %s', (product, _, balancer) => {
  it('makes the service one of Direct Server Return, and what undoes it leaves it as it was', async () => {
    const apply = applies[product] ?? ((text) => text);
    const scene = { ...healthy(), files: { ...healthy().files, balancer } };
    const waysNow = async () => {
      const gathered = (await factsOf(scene)).facts['smtp-load-balancer'];
      return gathered?.status === 'known' ? (gathered.value as SmtpLoadBalancer).ways : [];
    };
    const before = await waysNow();
    expect(before.every(({ direct }) => direct === true)).toBe(false);
    const { switch: steps, answer } = await runbook(scene);
    expect([answer, steps.length > 0]).toEqual(['yes', true]);
    expect(JSON.stringify(steps)).not.toContain('lb_smtp_2');
    for (const { run } of steps) scene.files.balancer = apply(scene.files.balancer, run);
    const after = await runbook(scene);
    expect(after.switch).toEqual([]);
    expect(after.loadBalancer.join()).toMatch(/does Direct Server Return already/);
    const { run } = await runOf(scene);
    expect(run.findings.find(({ rule }) => rule === 'smtp-source-ip/evidence-agrees')?.verdict).toBe('pass');
    for (const { undo } of steps.toReversed()) scene.files.balancer = apply(scene.files.balancer, undo);
    expect(await waysNow()).toEqual(before);
  });
});

describe('the switch', () => {
  it('of HAProxy says what it is not, and gives the line of transparency with what was there', async () => {
    const balancer = 'frontend smtp\n  bind :25\n  default_backend nodes\nbackend nodes\n  server ex1 192.0.2.11:25\n';
    const { switch: steps, loadBalancer } = await runbook({ ...healthy(), files: { ...healthy().files, balancer } });
    expect(steps).toEqual([
      {
        what: 'Let backend nodes connect with the address of the client',
        before: 'no line "source"',
        run: 'backend nodes\n    source 0.0.0.0 usesrc clientip',
        undo: 'backend nodes\n    # without "source 0.0.0.0 usesrc clientip"',
        language: 'text',
      },
    ]);
    expect(loadBalancer.join('\n')).toMatch(/HAProxy is a proxy and cannot do Direct Server Return\./);
  });

  it('of a virtual server behind another is left to a person', async () => {
    const balancer = `add service svc 192.0.2.11 TCP 25
add lb vserver behind TCP 0.0.0.0 0
bind lb vserver behind svc
add cs vserver front TCP 192.0.2.25 25
bind cs vserver front -lbvserver behind
`;
    const { switch: steps, loadBalancer } = await runbook({ ...healthy(), files: { ...healthy().files, balancer } });
    expect(steps).toEqual([]);
    expect(loadBalancer.join('\n')).toMatch(/192\.0\.2\.25:25 leads to behind through another virtual server/);
  });
});
