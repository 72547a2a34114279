import { parseEndpoint } from '../../domain/ip-range.ts';
import type {
  NodeKernelSettings,
  NodeListeners,
  NodeStoredKernelSettings,
} from '../../facts/smtp-service/linux-node.ts';
import type { NodeRoutes } from '../../facts/smtp-service/node.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { familyOf } from './service.ts';

/** As a shell takes it, whatever characters it holds. */
export function quotedForShell(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

type KernelSetting = Exclude<keyof NodeKernelSettings[number], 'scope'>;

/** `arp_ignore`, as the kernel spells it. */
export const kernelName = {
  arpIgnore: 'arp_ignore',
  arpAnnounce: 'arp_announce',
  rpFilter: 'rp_filter',
} as const;

/** What is in force at an interface: the higher one of its own setting and that of `all` (Linux, ip-sysctl). */
export function inForce(settings: NodeKernelSettings, alias: string, setting: KernelSetting): number {
  const of = (scope: string) => settings.find((row) => row.scope === scope)?.[setting] ?? 0;
  return Math.max(of('all'), of(alias));
}

/** What will be in force at an interface after a start, as far as files of sysctl say it; what no file says is 0. */
export function inForceAfterStart(stored: NodeStoredKernelSettings, alias: string, setting: KernelSetting): number {
  const of = (names: readonly string[]) =>
    stored.findLast((row) => row.setting === kernelName[setting] && names.some((name) => isNamed(row.scope, name)))
      ?.value ?? 0;
  // What `default` says holds for interfaces that come into being afterwards: those that the kernel finds at a start.
  return Math.max(of(['all']), of([alias, 'default']));
}

/** Does a name, or a pattern of glob(7) as sysctl.d(5) takes it (`eth*`), stand for an interface? */
function isNamed(scope: string, name: string): boolean {
  if (!/[*?]/.test(scope)) return scope === name;
  // No interface has a longer name (IFNAMSIZ), and a short one matches or fails soon whatever the pattern.
  if (name.length > 15) return false;
  const pattern = scope
    .replace(/\*+/g, '*')
    .replace(/[.*+?^${}()|\\[\]]/g, (sign) => ({ '*': '.*', '?': '.' })[sign] ?? `\\${sign}`);
  return new RegExp(`^${pattern}$`).test(name);
}

/** Values of `arp_ignore` with which an address of `lo` is not answered for on another interface; 3 spares those of scope host alone. */
const silencing: ReadonlySet<number> = new Set([1, 2, 8]);

/** Does an interface answer no ARP for addresses of `lo`, and name none when it asks? */
export function isSilent(setting: 'arpIgnore' | 'arpAnnounce', value: number): boolean {
  return setting === 'arpIgnore' ? silencing.has(value) : value >= 2;
}

const sysctlFile = '/etc/sysctl.d/90-smtp-vip.conf';

/** Sets a kernel setting, now and for every start. */
export function setKernel(setting: KernelSetting, value: number, scope = 'all'): string[] {
  const name = `net.ipv4.conf.${scope}.${kernelName[setting]}`;
  return [`sysctl -w ${quotedForShell(`${name}=${value}`)}`, keepKernel(setting, value, scope)];
}

/** Keeps a kernel setting for every start. */
export function keepKernel(setting: KernelSetting, value: number, scope = 'all'): string {
  const name = `net.ipv4.conf.${scope}.${kernelName[setting]}`;
  return `echo ${quotedForShell(`${name} = ${value}`)} >>${sysctlFile}   # for the next start`;
}

/** Takes away what {@link keepKernel} wrote. */
export function forgetKernel(setting: KernelSetting, value: number): string {
  return `sed -i '/^net\\.ipv4\\.conf\\.all\\.${kernelName[setting]} = ${value}$/d' ${sysctlFile}`;
}

export const fullPrefix = (address: string) => (familyOf(address) === 'ipv4' ? 32 : 128);

/** Puts the VIP on `lo`, now; and in words, for every start. */
export function addVip(vip: string): [line: string, forTheNextStart: string] {
  return [
    `ip addr add ${vip}/${fullPrefix(vip)} dev lo`,
    `For the next start give lo that address where the network is configured: a line "up ip addr add ${vip}/${fullPrefix(vip)} dev lo" below "iface lo" in /etc/network/interfaces, or "addresses" of lo in netplan, systemd-networkd or NetworkManager.`,
  ];
}

/** As `ip route` takes it. */
export function linuxRoute({ prefix, nextHop, alias, routeMetric }: NodeRoutes[number]): string {
  const via = isHop(nextHop) ? ` via ${nextHop}` : '';
  return `${prefix}${via} dev ${quotedForShell(alias)}${routeMetric > 0 ? ` metric ${routeMetric}` : ''}`;
}

/** A gateway; none where a network is on the wire itself. */
export function isHop(nextHop: string): boolean {
  return nextHop !== '0.0.0.0' && nextHop !== '::';
}

/** Does something listen on the VIP: on its own address, or on all of its family? */
export function isListening(listeners: NodeListeners, vip: string): boolean {
  const wanted = parseEndpoint(vip);
  if (wanted === undefined) return false;
  const any = familyOf(wanted.address) === 'ipv6' ? '::' : '0.0.0.0';
  return listeners.some(({ address, port }) => port === wanted.port && (address === wanted.address || address === any));
}

/** Interfaces' names of a service are Windows'; what faces the load balancer on Linux is told by its addresses alone. */
export function lanNotToldOnLinux({ subject, part }: { readonly subject: SmtpService; readonly part: string }) {
  return {
    verdict: 'manual',
    message: `${part}: it cannot be told which interface faces the load balancer.`,
    remedy: `Set the "address" of ${part} in ${subject.id} to its own address there (ip addr).`,
  } as const;
}
