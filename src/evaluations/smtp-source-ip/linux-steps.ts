import type { RunbookStep } from '../../domain/runbook.ts';
import { enumerate } from '../../domain/words.ts';
import type { SmtpLoadBalancer } from '../../facts/smtp-service/load-balancer.ts';
import { isLoopbackAdapter } from '../../facts/smtp-service/node.ts';
import { vipAddresses, withAddressesOf } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import {
  addVip,
  forgetKernel,
  fullPrefix,
  inForce,
  inForceAfterStart,
  isListening,
  isSilent,
  keepKernel,
  kernelName,
  linuxRoute,
  setKernel,
} from './linux.ts';
import { isOneOf, lanAlias, type NodeFacts, vipsOn } from './node.ts';
import { admitPort, closedToVips, withdrawPort } from './packet-filter.ts';
import {
  expectsProxy,
  listenLines,
  networksOf,
  networksWithLoadBalancer,
  notInNetworks,
  postfixServices,
  proxyParameter,
  withoutLoadBalancer,
} from './postfix.ts';
import { routesInTheWay } from './rules/return-path-symmetric.ts';
import { familyOf } from './service.ts';

/** What is missing on a Linux node, and the rules whose faults that mends. */
interface LinuxSteps {
  readonly steps: RunbookStep[];
  readonly mends: ReadonlySet<string>;
}

/**
 * In an order in which the node never answers for the VIP on the wire: silent first, then the VIP, then the way back, what
 * lets clients in and who listens; last what has to wait for the load balancer.
 */
export function linuxSteps(
  facts: NodeFacts,
  service: SmtpService,
  part: string,
  balancer: SmtpLoadBalancer | undefined,
): LinuxSteps {
  const at = { subject: service, part };
  const lan = lanAlias(facts, at);
  const vips = vipAddresses(service);
  const { 'node-adapters': adapters = [], 'node-ip-addresses': addresses, 'node-postfix': postfix } = facts;
  const carriers = adapters.filter(isLoopbackAdapter);
  const names = carriers.map(({ name }) => name);
  const steps: RunbookStep[] = [];
  // Nodes that lack nothing are alike in what matters here.
  const mends = new Set(['smtp-source-ip/nodes-alike']);
  const add = (rule: string, what: string, before: string, run: readonly string[], undo: readonly string[]) => {
    mends.add(`smtp-source-ip/${rule}`);
    const step = { what, before, run: run.join('\n'), undo: undo.join('\n'), language: 'shell' } as const;
    // Services with the same settings have the same step.
    if (!steps.some((one) => one.run === step.run)) steps.push(step);
  };

  const kernel = facts['node-kernel-settings'];
  const stored = facts['node-stored-kernel-settings'];
  const asksByArp = vips.some((vip) => familyOf(vip) === 'ipv4') && (facts['node-arp-filter']?.rules ?? 0) === 0;
  if (kernel !== undefined && lan !== undefined && asksByArp) {
    for (const [setting, wanted, what] of [
      ['arpIgnore', 1, 'Answer no ARP for addresses of lo'],
      ['arpAnnounce', 2, 'Name no address of lo when asking by ARP'],
    ] as const) {
      const now = inForce(kernel, lan, setting);
      const ofAll = kernel.find(({ scope }) => scope === 'all')?.[setting] ?? 0;
      const before = `${kernelName[setting]} is ${ofAll} for all, ${now} in force at ${lan}`;
      const undo = [`sysctl -w net.ipv4.conf.all.${kernelName[setting]}=${ofAll}`, forgetKernel(setting, wanted)];
      if (!isSilent(setting, now)) {
        add('vip-silent-on-lan', what, before, setKernel(setting, wanted), undo);
      } else if (stored !== undefined && !isSilent(setting, inForceAfterStart(stored, lan, setting))) {
        const kept = `${before}; no file of sysctl keeps it`;
        add(
          'settings-persistent',
          `${what}, after a restart, too`,
          kept,
          [keepKernel(setting, now)],
          [forgetKernel(setting, now)],
        );
      }
    }
  }
  if (carriers.length > 0 && carriers.every(({ status }) => status.toLowerCase() !== 'up')) {
    const [{ status } = { status: '' }] = carriers;
    add('loopback-adapter-present', 'Switch lo on', status, ['ip link set lo up'], ['ip link set lo down']);
  }
  for (const { alias, ipAddress, prefixLength } of addresses ?? []) {
    if (!vips.includes(ipAddress) || isOneOf(alias, names)) continue;
    const address = `${ipAddress}/${prefixLength} dev ${alias}`;
    add(
      'vip-silent-on-lan',
      `Take the VIP ${ipAddress} off ${alias}`,
      `${ipAddress}/${prefixLength}`,
      [
        `ip addr del ${address}`,
        `# Where the network is configured, too; then, on the neighbours: ip neigh flush to ${ipAddress}`,
      ],
      [`ip addr add ${address}`],
    );
  }
  for (const vip of addresses === undefined ? [] : vips) {
    if (vipsOn(addresses ?? [], names, at).some(({ ipAddress }) => ipAddress === vip)) continue;
    const [line, forTheNextStart] = addVip(vip);
    add(
      'vip-on-loopback',
      `Give lo the VIP ${vip}`,
      'not there',
      [line, `# ${forTheNextStart}`],
      [`ip addr del ${vip}/${fullPrefix(vip)} dev lo`],
    );
  }
  for (const { alias, ipAddress, prefixLength } of vipsOn(addresses ?? [], names, at)) {
    const full = fullPrefix(ipAddress);
    if (prefixLength === full) continue;
    const [whole, alone] = [prefixLength, full].map((length) => `${ipAddress}/${length} dev ${alias}`);
    add(
      'vip-mask-fits',
      `The VIP ${ipAddress} alone on ${alias}, without its network`,
      `${ipAddress}/${prefixLength}`,
      [`ip addr add ${alone}`, `ip addr del ${whole}`, '# Where the network is configured, too.'],
      [`ip addr add ${whole}`, `ip addr del ${alone}`],
    );
  }
  const { routes, isAll } = routesInTheWay(facts, at, balancer);
  for (const route of routes) {
    add(
      'return-path-symmetric',
      `No way back to ${route.prefix} by ${route.nextHop} (${route.alias})`,
      linuxRoute(route),
      [`ip route del ${linuxRoute(route)}`, '# Where the network is configured, too.'],
      [`ip route add ${linuxRoute(route)}`],
    );
  }
  if (!isAll) mends.delete('smtp-source-ip/return-path-symmetric');
  const filter = facts['node-packet-filter'];
  for (const { chain, port } of filter === undefined || lan === undefined ? [] : closedToVips(filter, lan, service)) {
    add(
      'firewall-admits-smtp',
      `Let port ${port} in on ${lan}`,
      `nothing in the chain ${chain} lets it in`,
      [
        admitPort(chain, port, lan ?? ''),
        '# With firewalld or ufw let the port in there instead; make it permanent where the rules are kept.',
      ],
      [withdrawPort(chain, port)],
    );
  }
  const listeners = facts['node-listeners'];
  const silent = listeners === undefined ? [] : service.vips.filter((vip) => !isListening(listeners, vip));
  if (postfix !== undefined && silent.length > 0) {
    const { run, undo } = listenLines(postfix, silent);
    const before = `inet_interfaces = ${postfix.settings.inet_interfaces ?? ''}`;
    add('connector-bound-to-vip', `Postfix listens on ${enumerate(silent)}`, before, run, undo);
  }
  const reload = 'systemctl reload postfix';
  const declared = withAddressesOf(balancer, service);
  for (const one of postfix === undefined ? [] : postfixServices(postfix, service)) {
    const value = one.setting('mynetworks');
    if (one.relaysFor === 'mynetworks' && networksWithLoadBalancer(one.networks, declared).length > 0) {
      const set = (text: string) => [one.set('mynetworks', text), reload];
      const more = notInNetworks(one.networks, service.relayClients);
      const wider = [value, ...more].join(', ');
      if (more.length > 0) {
        const what = `${one.name} relays for ${enumerate(more)} by their own addresses`;
        add('relay-connector-excludes-load-balancer', what, `mynetworks = ${value}`, set(wider), set(value));
      }
      add(
        'relay-connector-excludes-load-balancer',
        `Once the load balancer is switched: ${one.name} does not relay for its address any more`,
        `mynetworks = ${wider}`,
        set(withoutLoadBalancer(networksOf(wider), declared)),
        set(wider),
      );
    }
    if (expectsProxy(one)) {
      const parameter = proxyParameter(one);
      add(
        'connector-bound-to-vip',
        `Together with the switch of the load balancer: ${one.name} expects no PROXY protocol`,
        `${parameter} = ${one.setting(parameter)}`,
        [one.set(parameter, ''), reload],
        [one.set(parameter, one.setting(parameter)), reload],
      );
    }
  }
  return { steps, mends };
}
