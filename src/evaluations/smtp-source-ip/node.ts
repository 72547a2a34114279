import { isAmong, plainAddress } from '../../domain/ip-range.ts';
import type { Judgement, Observation, Predecessor } from '../../domain/rule.ts';
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
import { type AddressFamily, familyName, vipFamilies } from './service.ts';

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

/** The loopback adapters that matter: those that carry a VIP; else the one named as declared; else all. */
export function loopbackAliases(facts: InterfaceFacts & { readonly 'node-adapters': NodeAdapters }, at: Of): string[] {
  const all = facts['node-adapters'].filter(isLoopbackAdapter).map(({ name }) => name);
  const vips = vipAddresses(at.subject);
  const carrying = new Set(
    (facts['node-ip-addresses'] ?? []).flatMap(({ alias, ipAddress }) =>
      vips.includes(ipAddress) ? [alias.toLowerCase()] : [],
    ),
  );
  const withVip = all.filter((name) => carrying.has(name.toLowerCase()));
  if (withVip.length > 0) return withVip;
  const named = all.filter((name) => sameWindowsName(name, loopbackAlias(facts, at)));
  return named.length > 0 ? named : all;
}

/** The interface that faces the load balancer: named as declared, else the one with the node's own address. */
export function lanAlias(facts: InterfaceFacts, { subject: service, part }: Of): string | undefined {
  const addresses = facts['node-ip-addresses'] ?? [];
  const declared = service.lanAlias ?? facts['node-host']?.lanAlias;
  const adapters = facts['node-adapters'] ?? [];
  const named = adapters.find(({ name }) => declared !== undefined && sameWindowsName(name, declared));
  if (named !== undefined) return named.name;
  const own = service.nodes.find(({ name }) => name === part)?.address;
  return own === undefined ? undefined : addresses.find(({ ipAddress }) => ipAddress === plainAddress(own))?.alias;
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

/** The rows of interfaces, one for each family of the judged service's VIPs. */
export function interfaceRowsOf(rows: NodeIpInterfaces, aliases: readonly string[], at: Of): readonly LookedAt[] {
  return aliases.flatMap((alias) =>
    vipFamilies(at.subject).map((family) => ({ alias, family, row: interfaceRow(rows, alias, family) })),
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

/** Is a weak-host setting on, for each interface and each family of the VIPs? */
export function judgeWeakHost(
  rows: NodeIpInterfaces,
  aliases: readonly string[],
  setting: keyof typeof settingWords,
  consequence: string,
  at: Of,
): Judgement {
  const looked = interfaceRowsOf(rows, aliases, at);
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
    remedy: off.map(({ alias, family }) => weakHostLine(alias, family, setting)).join('\n'),
    evidence,
  };
}

function weakHostLine(alias: string, family: AddressFamily, setting: keyof typeof settingWords): string {
  const parameter = setting === 'weakHostSend' ? 'WeakHostSend' : 'WeakHostReceive';
  return `Set-NetIPInterface -InterfaceAlias ${quoted(alias)} -AddressFamily ${familyName[family]} -${parameter} Enabled   # Windows Server 2008: netsh interface ${family} set interface "${alias}" ${parameter.toLowerCase()}=enabled`;
}
