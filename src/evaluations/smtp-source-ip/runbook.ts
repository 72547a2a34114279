import { z } from 'zod';
import { isAdvice } from '../../domain/answer.ts';
import type { FactSet } from '../../domain/fact-set.ts';
import { answers, type Finding, type Run } from '../../domain/finding.ts';
import type { Runbook, RunbookStep } from '../../domain/runbook.ts';
import type { SmtpLoadBalancer } from '../../facts/smtp-service/load-balancer.ts';
import { facingConnectors } from '../../facts/smtp-service/node.ts';
import { collectorFor, nodesWith, vipAddresses } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { listensOn } from './connectors.ts';
import { smtpSourceIp } from './evaluation.ts';
import { linuxSteps } from './linux-steps.ts';
import {
  familiesOn,
  interfaceRowsOf,
  isOneOf,
  lanAlias,
  loopbackAdapters,
  loopbackAlias,
  type NodeFacts,
  quoted,
} from './node.ts';
import { firewallAt } from './rules/firewall-admits-smtp.ts';
import { highMetric } from './rules/loopback-metric-high.ts';
import { nlbCards, nlbSentence } from './rules/vip-silent-on-lan.ts';
import { familyName, familyOf } from './service.ts';
import { switchSteps } from './switch-steps.ts';

const step = z.object({
  what: z.string(),
  /** What there is now. */
  before: z.string(),
  run: z.string(),
  undo: z.string(),
  /** What reads the lines; PowerShell when left out. */
  language: z.enum(['shell', 'text']).optional(),
});

/** What is missing on a node. */
const nodeRunbook = z.object({
  name: z.string(),
  /** In the order in which they are run; to go back they are undone from the last to the first. */
  steps: z.array(step),
  /** What no step here mends: somebody has to decide, or to look first. */
  open: z.array(z.string()),
});

/** The way to Direct Server Return, made exact for one pool. */
export const dsrRunbook = z.object({
  subject: z.string(),
  /** ISO 8601, UTC: of when the facts were judged. */
  at: z.string(),
  /** `dsr-ready` as it is. */
  answer: z.enum(answers),
  /** With what is assumed (`--assume`): `dsr-ready`, and what would still be missing. */
  planned: z.object({ answer: z.enum(answers), missing: z.array(z.string()) }).optional(),
  nodes: z.array(nodeRunbook),
  /** At the load balancer, after all nodes, with what there is to be said. */
  switch: z.array(step),
  loadBalancer: z.array(z.string()),
  lookAt: z.array(z.string()),
  goBack: z.array(z.string()),
});
export type DsrRunbook = z.infer<typeof dsrRunbook>;

/** Rules whose faults the steps mend on Windows; of the others that stand in the way the finding itself is shown. */
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

/**
 * The order of work that keeps mail flowing: nodes, then the load balancer, then looking.
 *
 * @param run of the facts as they are: the steps are those that are missing now
 * @param planned of the same with what is assumed
 */
export function runbookOf(service: SmtpService, set: FactSet, run: Run, planned?: Run): DsrRunbook {
  const vips = service.vips.join(', ');
  const balancer = loadBalancerIn(set);
  const { steps, said } = switchSteps(balancer, service.vips);
  return {
    subject: service.id,
    at: run.at,
    answer: run.answers['dsr-ready'] ?? 'undetermined',
    ...(planned === undefined
      ? {}
      : { planned: { answer: planned.answers['dsr-ready'] ?? 'undetermined', missing: stillMissing(planned) } }),
    nodes: service.nodes.map(({ name, system }) => {
      const facts = known(set, name);
      if (facts['node-adapters'] === undefined) {
        return {
          name,
          steps: [],
          open: [`Nothing is known of ${name}: run ${collectorFor(system)} there, and supply its file.`],
        };
      }
      if (system === 'linux') {
        const { steps, mends } = linuxSteps(facts, service, name, balancer);
        return {
          name,
          steps,
          open: openAt(name, run, ({ rule, verdict }) => verdict !== 'unknown' && mends.has(rule)),
        };
      }
      const shared = nlbCards(facts['node-bindings'] ?? []);
      if (shared.length > 0) return { name, steps: [], open: [nlbSentence(name, shared)] };
      const isMended = ({ rule, verdict }: Finding) => verdict === 'fail' && mended.has(rule);
      return { name, steps: stepsOf(facts as Collected, service, name), open: openAt(name, run, isMended) };
    }),
    switch: [...steps],
    loadBalancer: [...said],
    lookAt: [
      `fieldcheck evaluate smtp-source-ip --service FILE --facts FILE --probe, from a machine that is no node: every node passes probe-shows-client-address, and ${vips} passes vip-path-answers.`,
      ...(nodesWith(service, 'windows').length === 0
        ? []
        : [
            'The receive log of every Exchange node within the hour: sessions with the VIP as local endpoint and the addresses of real clients.',
          ]),
      ...(nodesWith(service, 'linux').length === 0
        ? []
        : [
            'The log of Postfix on every Linux node within the hour: "connect from" with the addresses of real clients.',
          ]),
      'The counters of the load balancer: new connections go to every node, and none is reset.',
    ],
    goBack: [
      'Go back when vip-path-answers fails, when a node gets no session within 15 minutes, or when clients report time-outs.',
      'First set the virtual service back as it was; mail flows again with that. Then undo the nodes, from the last step to the first.',
    ],
  };
}

function loadBalancerIn({ facts }: FactSet): SmtpLoadBalancer | undefined {
  const gathered = facts['smtp-load-balancer'];
  return gathered?.status === 'known' ? (gathered.value as SmtpLoadBalancer) : undefined;
}

/** What keeps `dsr-ready` from a yes in a run. */
function stillMissing({ findings }: Run): string[] {
  const blocking = new Set(smtpSourceIp.rules.filter(({ blocks }) => blocks.includes('dsr-ready')).map(({ id }) => id));
  const open = findings.filter(
    ({ rule, verdict, severity, blockedBy }) =>
      blocking.has(rule) &&
      blockedBy === undefined &&
      (verdict === 'unknown' ||
        verdict === 'manual' ||
        (verdict === 'fail' && severity !== undefined && !isAdvice(severity))),
  );
  return [...new Set(open.map(({ message }) => message))];
}

const inTheWay = new Set([
  ...mended,
  ...['return-path-symmetric', 'settings-persistent', 'vip-mask-fits'].map((rule) => `smtp-source-ip/${rule}`),
]);

const isOpen: ReadonlySet<string> = new Set(['unknown', 'manual']);

/** What stands in the way at a node and no step mends, and what could not be looked at there. */
function openAt(node: string, { findings }: Run, isMended: (finding: Finding) => boolean): string[] {
  const open = findings.filter((finding) => {
    const { rule, target, verdict, severity, blockedBy } = finding;
    if (target !== node || blockedBy !== undefined || !inTheWay.has(rule) || isMended(finding)) return false;
    return verdict === 'fail' ? severity !== undefined && !isAdvice(severity) : isOpen.has(verdict);
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

/** The chapters of a runbook, as the shell, reports and pages print them. */
export function arrangeRunbook({ subject, at, answer, planned, ...runbook }: DsrRunbook): Runbook {
  return {
    title: `Direct Server Return for ${subject}`,
    intro: [
      ...(planned === undefined
        ? []
        : [
            `As planned, with what is assumed: dsr-ready: ${planned.answer}.${planned.missing.length === 0 ? '' : ` What would still be missing: ${planned.missing.join(' ')}`}`,
          ]),
      `As of ${at}. Nothing here was executed. dsr-ready: ${answer}.`,
    ],
    chapters: [
      ...runbook.nodes.map(({ name, steps, open }) => ({
        title: name,
        steps,
        ...(open.length > 0
          ? { says: 'First, by somebody who decides:' }
          : steps.length === 0
            ? { says: 'No step is missing.' }
            : {}),
        items: open,
      })),
      { title: 'The load balancer', steps: runbook.switch, items: runbook.loadBalancer },
      { title: 'What to look at', steps: [], items: runbook.lookAt },
      { title: 'When to go back', steps: [], items: runbook.goBack },
    ],
  };
}
