import { isAdvice } from '../../domain/answer.ts';
import type { FactValue } from '../../domain/fact.ts';
import type { FactSet } from '../../domain/fact-set.ts';
import type { Run } from '../../domain/finding.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import { facingConnectors } from '../../facts/smtp-service/node.ts';
import { vipAddresses } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { listensOn } from './connectors.ts';
import { familiesOn, interfaceRowsOf, isOneOf, lanAlias, loopbackAdapters, loopbackAlias, quoted } from './node.ts';
import { firewallAt } from './rules/firewall-admits-smtp.ts';
import { highMetric } from './rules/loopback-metric-high.ts';
import { familyName, familyOf } from './service.ts';

/** One change of a node: what is to be run, what was there before, and what takes it back. */
export interface RunbookStep {
  readonly what: string;
  readonly before: string;
  readonly run: string;
  readonly undo: string;
}

export interface NodeRunbook {
  readonly name: string;
  /** In the order in which they are run; to go back they are undone from the last to the first. */
  readonly steps: readonly RunbookStep[];
  /** What no step here mends: somebody has to decide, or to look first. */
  readonly open: readonly string[];
}

/** From what was found to a change that can be taken back. Nothing is executed. */
export interface Runbook {
  readonly subject: string;
  readonly at: string;
  readonly answer: Run['answers'][string];
  readonly nodes: readonly NodeRunbook[];
  readonly loadBalancer: readonly string[];
  readonly lookAt: readonly string[];
  readonly goBack: readonly string[];
}

type NodeFactName = keyof SmtpServiceFacts['partOf'] & keyof SmtpServiceFacts['schemas'];
type NodeFacts = { readonly [N in NodeFactName]?: FactValue<SmtpServiceFacts, N> };

/** Rules whose faults the steps mend; of the others that stand in the way the finding itself is shown. */
const mended = new Set(
  [
    'loopback-adapter-present',
    'loopback-binds-only-ipv4',
    'vip-on-loopback',
    'loopback-metric-high',
    'vip-silent-on-lan',
    'lan-weak-host-receive',
    'loopback-weak-host-send',
    'loopback-weak-host-receive',
    'loopback-without-gateway',
    'firewall-admits-smtp',
    'connector-bound-to-vip',
    'nodes-alike',
  ].map((rule) => `smtp-source-ip/${rule}`),
);

/** The order of work that keeps mail flowing: nodes, then the load balancer, then looking. */
export function runbookOf(service: SmtpService, set: FactSet, run: Run): Runbook {
  const vips = service.vips.join(', ');
  return {
    subject: service.id,
    at: run.at,
    answer: run.answers['dsr-ready'] ?? 'undetermined',
    nodes: service.nodes.map(({ name, system }) => {
      const facts = known(set, name);
      // The steps are those of Windows; what a Linux node lacks stands in its findings, with the lines that mend it.
      if (system === 'linux') return { name, steps: [], open: openAt(name, run, true) };
      if (facts['node-adapters'] === undefined) {
        return {
          name,
          steps: [],
          open: [`Nothing is known of ${name}: run Collect-SmtpSourceIpFacts.ps1 there, and supply its file.`],
        };
      }
      return { name, steps: stepsOf(facts as Collected, service, name), open: openAt(name, run) };
    }),
    loadBalancer: [
      `Only when every node is ready, in a quiet hour: switch the virtual service of ${vips} to Direct Server Return. Write down its settings first.`,
      'Kemp: Force L4 on, real servers by "Direct return". NetScaler: service type ANY with -usip YES, virtual server with -m MAC, a TCP or PING monitor beside any script monitor. F5: Fast L4 with address and port translation off (nPath).',
    ],
    lookAt: [
      `fieldcheck evaluate smtp-source-ip --service FILE --facts FILE --probe, from a machine that is no node: every node passes probe-shows-client-address, and ${vips} passes vip-path-answers.`,
      'The receive log of every node within the hour: sessions with the VIP as local endpoint and the addresses of real clients.',
      'The counters of the load balancer: new connections go to every node, and none is reset.',
    ],
    goBack: [
      'Go back when vip-path-answers fails, when a node gets no session within 15 minutes, or when clients report time-outs.',
      'First set the virtual service back as it was; mail flows again with that. Then undo the nodes, from the last step to the first.',
    ],
  };
}

const inTheWay = new Set(['return-path-symmetric', 'settings-persistent'].map((rule) => `smtp-source-ip/${rule}`));

/** What stands in the way at a node and no step mends, and what could not be looked at there. */
function openAt(node: string, { findings }: Run, all = false): string[] {
  const open = findings.filter(({ rule, target, verdict, severity, blockedBy }) => {
    if (target !== node || blockedBy !== undefined) return false;
    const isOpen = inTheWay.has(rule) || (all && mended.has(rule));
    if (verdict === 'fail') return isOpen && severity !== undefined && !isAdvice(severity);
    return (verdict === 'unknown' || verdict === 'manual') && (inTheWay.has(rule) || mended.has(rule));
  });
  return [
    ...new Set(open.map(({ message, remedy }) => [message, ...(remedy === undefined ? [] : [remedy])].join('\n'))),
  ];
}

function known(set: FactSet, node: string): NodeFacts {
  return Object.fromEntries(
    Object.entries(set.parts.node?.[node] ?? {}).flatMap(([fact, gathered]) =>
      gathered?.status === 'known' ? [[fact, gathered.value]] : [],
    ),
  );
}

type Collected = NodeFacts & Required<Pick<NodeFacts, 'node-adapters'>>;

/** The field note's order, for what is missing on this node. */
function stepsOf(facts: Collected, service: SmtpService, part: string): RunbookStep[] {
  const at = { subject: service, part };
  const addresses = facts['node-ip-addresses'];
  const adapters = loopbackAdapters(facts, at);
  const isNew = adapters.length === 0;
  const aliases = isNew ? [loopbackAlias(facts, at)] : adapters.map(({ name }) => name);
  const [first = ''] = aliases;
  const lan = lanAlias(facts, at);
  const steps: RunbookStep[] = [];
  const add = (what: string, before: string, run: string, undo: string) => steps.push({ what, before, run, undo });

  if (isNew) {
    add(
      `Install the loopback adapter ${first}`,
      'there is none',
      `devcon.exe install $env:windir\\inf\\netloop.inf '*MSLOOP'\nGet-NetAdapter | Where-Object ComponentID -eq '*msloop' | Rename-NetAdapter -NewName ${quoted(first)}`,
      `devcon.exe remove '*MSLOOP'`,
    );
  }
  for (const { name, status } of adapters) {
    if (status.toLowerCase() === 'up') continue;
    add(
      `Enable ${name}`,
      status,
      `Enable-NetAdapter -Name ${quoted(name)}`,
      `Disable-NetAdapter -Name ${quoted(name)} -Confirm:$false`,
    );
  }
  for (const alias of aliases) {
    const wanted: string[] = familiesOn(alias, addresses, at).map((family) =>
      family === 'ipv4' ? 'ms_tcpip' : 'ms_tcpip6',
    );
    const rows = isNew ? newBindings : (facts['node-bindings'] ?? []).filter(({ name }) => isOneOf(name, [alias]));
    for (const { componentId, enabled } of rows) {
      const isWanted = wanted.includes(componentId) || (enabled && componentId === 'ms_tcpip');
      if (enabled === isWanted) continue;
      const line = (verb: string) => `${verb}-NetAdapterBinding -Name ${quoted(alias)} -ComponentID ${componentId}`;
      add(
        `${isWanted ? 'Bind' : 'Unbind'} ${componentId} ${isWanted ? 'to' : 'from'} ${alias}`,
        enabled ? 'bound' : 'not bound',
        line(isWanted ? 'Enable' : 'Disable'),
        line(enabled ? 'Enable' : 'Disable'),
      );
    }
  }
  for (const row of addresses ?? []) {
    if (!vipAddresses(service).includes(row.ipAddress) || isOneOf(row.alias, aliases)) continue;
    add(
      `Take the VIP ${row.ipAddress} off ${row.alias}`,
      `${row.ipAddress}/${row.prefixLength}`,
      removeAddress(row.alias, row.ipAddress),
      newAddress(row.alias, row.ipAddress, row.prefixLength),
    );
  }
  for (const vip of vipAddresses(service)) {
    if (addresses?.some(({ alias, ipAddress }) => ipAddress === vip && isOneOf(alias, aliases)) !== false) continue;
    add(`Give ${first} the VIP ${vip}`, 'not there', newAddress(first, vip), removeAddress(first, vip));
  }
  const interfaces = facts['node-ip-interfaces'];
  for (const { alias, family, row } of interfaceRowsOf(interfaces ?? [], aliases, addresses, at)) {
    if (interfaces === undefined || (row?.automaticMetric === false && row.interfaceMetric === highMetric)) continue;
    const line = (setting: string) =>
      `Set-NetIPInterface -InterfaceAlias ${quoted(alias)} -AddressFamily ${familyName[family]} ${setting}`;
    const wasAutomatic = row?.automaticMetric !== false;
    add(
      `Metric ${highMetric} on ${alias} (${familyName[family]})`,
      wasAutomatic ? 'automatic' : String(row?.interfaceMetric),
      line(`-InterfaceMetric ${highMetric}`),
      line(wasAutomatic ? '-AutomaticMetric Enabled' : `-InterfaceMetric ${row?.interfaceMetric}`),
    );
  }
  const guids = new Map(facts['node-adapters'].map(({ name, interfaceGuid = '' }) => [name, interfaceGuid]));
  for (const alias of aliases) {
    const guid = guids.get(alias);
    const option = facts['node-netbios']?.find((one) => bare(one.guid) === bare(guid ?? ''))?.option ?? 'dhcp';
    if (option === 'off' || facts['node-netbios'] === undefined) continue;
    const line = (value: number) =>
      `Get-NetAdapter -Name ${quoted(alias)} | ForEach-Object { Set-ItemProperty -Path "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\NetBT\\Parameters\\Interfaces\\Tcpip_$($_.InterfaceGuid)" -Name NetbiosOptions -Value ${value} }`;
    add(`NetBIOS off on ${alias}`, option, line(2), line(option === 'on' ? 1 : 0));
  }
  const weak = [
    ...(lan === undefined ? [] : [{ alias: lan, setting: 'weakHostReceive' as const }]),
    ...aliases.flatMap((alias) => [
      { alias, setting: 'weakHostSend' as const },
      { alias, setting: 'weakHostReceive' as const },
    ]),
  ];
  for (const { alias: of, setting } of weak) {
    for (const { alias, family, row } of interfaceRowsOf(interfaces ?? [], [of], addresses, at)) {
      if (interfaces === undefined || row?.[setting] === true) continue;
      const parameter = setting === 'weakHostSend' ? 'WeakHostSend' : 'WeakHostReceive';
      const line = (value: string) =>
        `Set-NetIPInterface -InterfaceAlias ${quoted(alias)} -AddressFamily ${familyName[family]} -${parameter} ${value}`;
      add(`${parameter} on ${alias} (${familyName[family]})`, 'off', line('Enabled'), line('Disabled'));
    }
  }
  for (const alias of aliases) {
    const client = facts['node-dns-clients']?.find((row) => isOneOf(row.alias, [alias]));
    if (client?.registers === false || (client === undefined && !isNew)) continue;
    const line = (value: string) =>
      `Set-DnsClient -InterfaceAlias ${quoted(alias)} -RegisterThisConnectionsAddress ${value}`;
    add(`No DNS registration of ${alias}`, 'on', line('$false'), line('$true'));
  }
  for (const { alias, prefix, nextHop } of facts['node-routes'] ?? []) {
    if (!isOneOf(alias, aliases) || !/^(0\.0\.0\.0|::)\/0$/.test(prefix)) continue;
    const route = `-InterfaceAlias ${quoted(alias)} -DestinationPrefix ${prefix} -NextHop ${nextHop}`;
    add(`No gateway on ${alias}`, nextHop, `Remove-NetRoute ${route} -Confirm:$false`, `New-NetRoute ${route}`);
  }
  const firewall = facts['node-firewall'];
  for (const { alias, port, outcome, category } of firewall === undefined
    ? []
    : firewallAt({ ...facts, 'node-firewall': firewall }, aliases, at)) {
    if (outcome !== 'closed') continue;
    const name = quoted(`SMTP to the VIP (${alias}, port ${port})`);
    add(
      `Let port ${port} in on ${alias}`,
      `nothing in the profile ${category} lets it in`,
      `New-NetFirewallRule -DisplayName ${name} -Direction Inbound -Protocol TCP -LocalPort ${port} -Profile ${category} -InterfaceAlias ${quoted(alias)} -Action Allow`,
      `Remove-NetFirewallRule -DisplayName ${name}`,
    );
  }
  const connectors = facingConnectors(facts['node-receive-connectors'] ?? []).filter(({ enabled }) => enabled);
  const silent = service.vips.filter((vip) => !connectors.some((one) => listensOn(one, vip)));
  const [connector] = connectors;
  if (connector !== undefined && silent.length > 0) {
    const line = (verb: string) =>
      `Set-ReceiveConnector ${quoted(`${part.split('.')[0]}\\${connector.name}`)} -Bindings @{${verb}=${silent.map(quoted).join(',')}}`;
    add(
      `${connector.name} listens on ${silent.join(', ')}`,
      connector.bindings.join(', '),
      line('Add'),
      line('Remove'),
    );
  }
  return steps;
}

/** What Windows binds to a new adapter. */
const newBindings = ['ms_tcpip', 'ms_tcpip6', 'ms_msclient', 'ms_server'].map((componentId) => ({
  componentId,
  enabled: true,
}));

const bare = (guid: string) => guid.replace(/[{}]/g, '').toLowerCase();

function newAddress(alias: string, address: string, prefix = familyOf(address) === 'ipv4' ? 32 : 128): string {
  return `New-NetIPAddress -InterfaceAlias ${quoted(alias)} -IPAddress ${address} -PrefixLength ${prefix}`;
}

function removeAddress(alias: string, address: string): string {
  return `Remove-NetIPAddress -InterfaceAlias ${quoted(alias)} -IPAddress ${address} -Confirm:$false`;
}

/** The runbook as Markdown, which reads in a terminal as it is. */
export function describeRunbook({ subject, at, answer, nodes, loadBalancer, lookAt, goBack }: Runbook): string {
  const code = (text: string) => ['```powershell', text, '```'];
  const list = (items: readonly string[]) => items.map((item) => `- ${item}`);
  return `${[
    `# Direct Server Return for ${subject}`,
    '',
    `As of ${at}. Nothing here was executed. dsr-ready: ${answer}.`,
    ...nodes.flatMap(({ name, steps, open }, index) => [
      '',
      `## ${index + 1}. ${name}`,
      ...(steps.length + open.length === 0 ? ['', 'No step is missing.'] : []),
      ...steps.flatMap(({ what, before, run, undo }, step) => [
        '',
        `### ${index + 1}.${step + 1} ${what}`,
        '',
        `Before: ${before}`,
        '',
        ...code(run),
        '',
        'To undo:',
        '',
        ...code(undo),
      ]),
      ...(open.length === 0 ? [] : ['', 'First, by somebody who decides:', '', ...list(open)]),
    ]),
    '',
    `## ${nodes.length + 1}. The load balancer`,
    '',
    ...list(loadBalancer),
    '',
    `## ${nodes.length + 2}. What to look at`,
    '',
    ...list(lookAt),
    '',
    '## When to go back',
    '',
    ...list(goBack),
  ].join('\n')}\n`;
}
