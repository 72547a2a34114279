import type { FactValue, PartFactName } from '../../domain/fact.ts';
import type { Severity } from '../../domain/rule.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import { isLoopbackAdapter } from '../../facts/smtp-service/node.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { inForce, isListening, kernelName } from './linux.ts';
import { lanAlias, vipsOn } from './node.ts';
import { postfixServices, proxyParameter } from './postfix.ts';

/** Facts of a Linux node that hold the settings in {@link linuxSettings}. */
export const comparedLinuxFacts = [
  'node-adapters',
  'node-ip-addresses',
  'node-kernel-settings',
  'node-listeners',
  'node-postfix',
] as const satisfies readonly PartFactName<SmtpServiceFacts>[];

type LinuxFacts = {
  readonly [N in (typeof comparedLinuxFacts)[number] | 'node-host']?: FactValue<SmtpServiceFacts, N> | undefined;
};

const relaySettings = ['mynetworks', 'smtpd_relay_restrictions', 'smtpd_recipient_restrictions'];

/** The settings of a Linux node that matter, as texts by name; sections that are not known are left out. */
export function linuxSettings(facts: LinuxFacts, service: SmtpService, node: string): Record<string, string> {
  const settings: Record<string, string> = {};
  const at = { subject: service, part: node };
  const adapters = facts['node-adapters'];
  const addresses = facts['node-ip-addresses'];
  if (adapters !== undefined && addresses !== undefined) {
    const carriers = adapters.filter(isLoopbackAdapter).map(({ name }) => name);
    const vips = vipsOn(addresses, carriers, at).map(({ ipAddress, prefixLength }) => `${ipAddress}/${prefixLength}`);
    settings['VIPs on lo'] = vips.sort().join(', ') || 'none';
  }
  const kernel = facts['node-kernel-settings'];
  const lan = lanAlias(facts, at);
  if (kernel !== undefined && lan !== undefined) {
    for (const setting of ['arpIgnore', 'arpAnnounce', 'rpFilter'] as const) {
      settings[`kernel ${kernelName[setting]}`] = String(inForce(kernel, lan, setting));
    }
  }
  const listeners = facts['node-listeners'];
  for (const vip of listeners === undefined ? [] : service.vips) {
    settings[`listens on ${vip}`] = isListening(listeners ?? [], vip) ? 'yes' : 'no';
  }
  const postfix = facts['node-postfix'];
  for (const one of postfix === undefined ? [] : postfixServices(postfix, service)) {
    for (const name of relaySettings) settings[`postfix ${one.name}: ${name}`] = one.setting(name) || 'none';
    settings[`postfix ${one.name}: PROXY protocol`] = one.setting(proxyParameter(one)) || 'none';
  }
  return settings;
}

/** As in the setting's own rule; what is judged by its effect there is advice here. */
export function linuxSettingSeverity(setting: string, values: readonly [string, string]): Severity {
  if (setting === 'kernel rp_filter') return 'low';
  // 1, 2 and 8 are silent alike, and so are all from 2 on.
  if (setting === 'kernel arp_ignore') return values.includes('0') ? 'high' : 'low';
  if (setting === 'kernel arp_announce') return values.includes('2') ? 'high' : 'low';
  return 'high';
}

/** Is it about who may relay? */
export function isRelaySetting(setting: string): boolean {
  return relaySettings.some((name) => setting.endsWith(`: ${name}`));
}

/** The fact that a setting stands in. */
export function linuxFactOf(setting: string): (typeof comparedLinuxFacts)[number] {
  if (setting.startsWith('kernel ')) return 'node-kernel-settings';
  if (setting.startsWith('listens ')) return 'node-listeners';
  return setting.startsWith('postfix ') ? 'node-postfix' : 'node-ip-addresses';
}
