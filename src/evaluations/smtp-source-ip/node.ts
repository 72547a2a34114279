import type { FactValue } from '../../domain/fact.ts';
import { isAmong, plainAddress } from '../../domain/ip-range.ts';
import type { Judgement, Observation, Predecessor } from '../../domain/rule.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import {
  isLoopbackAdapter,
  type NodeAdapters,
  type NodeHost,
  type NodeIpAddresses,
  type NodeIpInterfaces,
  sameWindowsName,
} from '../../facts/smtp-service/node.ts';
import { vipAddresses } from '../../facts/smtp-service/service.ts';
import type { RuleContext } from './rule.ts';
import { type AddressFamily, familyName, familyOf, vipFamilies } from './service.ts';

type NodeFactName = keyof SmtpServiceFacts['partOf'] & keyof SmtpServiceFacts['schemas'];

/** Facts of one node, as far as they are known. */
export type NodeFacts = { readonly [N in NodeFactName]?: FactValue<SmtpServiceFacts, N> };

/** The judged node of a service. */
type Of = Pick<RuleContext, 'subject' | 'part'>;

/** Name of the loopback adapter when nobody declares another. */
export const usualLoopbackAlias = 'Loopback';

export function loopbackPresent({ part }: Pick<RuleContext, 'part'>): readonly Predecessor[] {
  return [{ rule: 'smtp-source-ip/loopback-adapter-present', target: part }];
}

/** Facts of the judged node that tell which interface is which; a rule that asks names them itself. */
interface InterfaceFacts {
  readonly 'node-host'?: NodeHost | undefined;
  readonly 'node-adapters'?: NodeAdapters | undefined;
  readonly 'node-ip-addresses'?: NodeIpAddresses | undefined;
}

/** The declared name of the loopback adapter; the service document outranks the fact file. */
export function loopbackAlias(facts: Pick<InterfaceFacts, 'node-host'>, { subject }: Of): string {
  return subject.loopbackAlias ?? facts['node-host']?.loopbackAlias ?? usualLoopbackAlias;
}

/**
 * The loopback adapters that matter, told by what they carry: those with a VIP; else the one named as declared; else all
 * but what packet capture installs for itself (Npcap's is `*msloop`, too).
 */
export function loopbackAliases(
  facts: Pick<InterfaceFacts, 'node-host' | 'node-ip-addresses'> & { readonly 'node-adapters': NodeAdapters },
  at: Of,
): string[] {
  return loopbackAdapters(facts, at).map(({ name }) => name);
}

/** As {@link loopbackAliases}. */
export function loopbackAdapters(
  facts: Pick<InterfaceFacts, 'node-host' | 'node-ip-addresses'> & { readonly 'node-adapters': NodeAdapters },
  at: Of,
): NodeAdapters {
  const all = facts['node-adapters'].filter(isLoopbackAdapter);
  const addresses = facts['node-ip-addresses'] ?? [];
  const withVip = all.filter(({ name }) => vipsOn(addresses, [name], at).length > 0);
  if (withVip.length > 0) return withVip;
  const named = all.filter(({ name }) => sameWindowsName(name, loopbackAlias(facts, at)));
  if (named.length > 0) return named;
  return all.filter(({ name, interfaceDescription }) => !/npcap|wireshark/i.test(`${name} ${interfaceDescription}`));
}

/**
 * The interface that faces the load balancer: the one named as declared; else the one with the node's own address, unless
 * that is a management card and another one is in the load balancer's subnet. What has no address is no interface: a member
 * of a team is none, its team is.
 */
export function lanAlias(facts: InterfaceFacts, { subject: service, part }: Of): string | undefined {
  const loopbacks = (facts['node-adapters'] ?? []).filter(isLoopbackAdapter).map(({ name }) => name);
  const addresses = (facts['node-ip-addresses'] ?? []).filter(({ alias }) => !isOneOf(alias, loopbacks));
  const declared = service.lanAlias ?? facts['node-host']?.lanAlias;
  const named = (facts['node-adapters'] ?? []).find(
    ({ name }) => declared !== undefined && sameWindowsName(name, declared),
  );
  const own = service.nodes.find(({ name }) => name === part)?.address;
  const withOwn = addresses.filter(({ ipAddress }) => own !== undefined && ipAddress === plainAddress(own));
  const isInterface = (alias: string) => addresses.some((row) => sameWindowsName(row.alias, alias));
  if (named !== undefined && (withOwn.length === 0 || isInterface(named.name))) return named.name;
  const atBalancer = addresses.filter(({ ipAddress, prefixLength }) =>
    service.loadBalancerAddresses.some((one) => isAmong(one.split('/')[0] ?? one, [`${ipAddress}/${prefixLength}`])),
  );
  const both = withOwn.find((row) => atBalancer.includes(row));
  return (both ?? atBalancer[0] ?? withOwn[0])?.alias;
}

/** Families of the VIPs that an interface carries, and of those that none carries yet. */
export function familiesOn(alias: string, addresses: NodeIpAddresses | undefined, at: Of): AddressFamily[] {
  const carried = vipsOn(addresses ?? [], [alias], at).map(({ ipAddress }) => ipAddress);
  if (carried.length === 0) return vipFamilies(at.subject);
  const missing = vipAddresses(at.subject).filter((vip) => !addresses?.some(({ ipAddress }) => ipAddress === vip));
  return [...new Set([...carried, ...missing].map(familyOf))];
}

/** When it cannot be told which interface is the LAN, a person has to say so. */
export function lanNotTold({ part, subject }: Of): Judgement {
  return {
    verdict: 'manual',
    message: `${part}: it cannot be told which interface faces the load balancer.`,
    remedy: `Set "lanAlias" of ${subject.id} to the interface's name, or the node's "address" to its own address there (Get-NetIPAddress).`,
  };
}

export function interfaceRow(
  rows: NodeIpInterfaces,
  alias: string,
  family: AddressFamily,
): NodeIpInterfaces[number] | undefined {
  return rows.find((row) => sameWindowsName(row.alias, alias) && row.addressFamily === family);
}

export interface LookedAt {
  readonly alias: string;
  readonly family: AddressFamily;
  /** Undefined where Windows lists none. */
  readonly row: NodeIpInterfaces[number] | undefined;
}

/** The rows of interfaces, one for each family of the VIPs there. */
export function interfaceRowsOf(
  rows: NodeIpInterfaces,
  aliases: readonly string[],
  addresses: NodeIpAddresses | undefined,
  at: Of,
): readonly LookedAt[] {
  return aliases.flatMap((alias) =>
    familiesOn(alias, addresses, at).map((family) => ({ alias, family, row: interfaceRow(rows, alias, family) })),
  );
}

/** VIPs on an interface, of the judged service. */
export function vipsOn(addresses: NodeIpAddresses, aliases: readonly string[], at: Of): NodeIpAddresses {
  const vips = vipAddresses(at.subject);
  return addresses.filter(({ alias, ipAddress }) => isOneOf(alias, aliases) && vips.includes(ipAddress));
}

export function isOneOf(alias: string, aliases: readonly string[]): boolean {
  return aliases.some((one) => sameWindowsName(one, alias));
}

/** Addresses that Windows gives itself: link-local of both families. */
export function isAutomaticAddress(address: string): boolean {
  return isAmong(address, ['169.254.0.0/16', 'fe80::/10']);
}

/** As PowerShell takes it, whatever characters the name holds. */
export function quoted(name: string): string {
  return `'${name.replaceAll("'", "''")}'`;
}

const settingWords = { weakHostSend: 'weak host send', weakHostReceive: 'weak host receive' } as const;

/** Is a weak-host setting on, for each interface and each family of the VIPs there? */
export function judgeWeakHost(
  facts: Pick<InterfaceFacts, 'node-host' | 'node-ip-addresses'> & { readonly 'node-ip-interfaces': NodeIpInterfaces },
  aliases: readonly string[],
  setting: keyof typeof settingWords,
  consequence: string,
  at: Of,
): Judgement {
  const looked = interfaceRowsOf(facts['node-ip-interfaces'], aliases, facts['node-ip-addresses'], at);
  const evidence: Observation[] = looked.map(({ alias, family, row }) => ({
    fact: 'node-ip-interfaces',
    observed: `${alias}, ${familyName[family]}: ${
      row === undefined ? 'no row' : `${settingWords[setting]} ${row[setting] ? 'enabled' : 'disabled'}`
    }`,
  }));
  const off = looked.filter(({ row }) => row?.[setting] !== true);
  if (off.length === 0) {
    const where = looked.map(({ alias, family }) => `${alias} (${familyName[family]})`).join(', ');
    return { verdict: 'pass', message: `${at.part}: ${settingWords[setting]} is on for ${where}.`, evidence };
  }
  const where = off.map(
    ({ alias, family, row }) =>
      `${alias} (${familyName[family]}${row === undefined ? ', which Windows does not list there' : ''})`,
  );
  return {
    verdict: 'fail',
    owner: 'on-premises',
    message: `${at.part}: ${settingWords[setting]} is off for ${where.join(', ')}: ${consequence}`,
    remedy: off
      .flatMap(({ alias, family }) => weakHostLines(alias, family, setting, facts['node-host']?.os))
      .join('\n'),
    evidence,
  };
}

/** Windows Server 2008 and 2008 R2 have no `Set-NetIPInterface`; where the system is not known both ways are named. */
function weakHostLines(
  alias: string,
  family: AddressFamily,
  setting: keyof typeof settingWords,
  os: string | undefined,
): string[] {
  const parameter = setting === 'weakHostSend' ? 'WeakHostSend' : 'WeakHostReceive';
  const isOld = os?.includes('2008') ?? false;
  const netsh = `netsh interface ${family} set interface ${quoted(alias)} ${parameter.toLowerCase()}=enabled`;
  const modern = `Set-NetIPInterface -InterfaceAlias ${quoted(alias)} -AddressFamily ${familyName[family]} -${parameter} Enabled`;
  if (isOld) return [netsh];
  return os === undefined || os === '' ? [modern, `${netsh}   # instead, on Windows Server 2008 R2`] : [modern];
}
