import { parseEndpoint } from '../../../domain/ip-range.ts';
import { enumerate } from '../../../domain/words.ts';
import { facingConnectors } from '../../../facts/smtp-service/node.ts';
import { bindsAbsentAddress, connectorIdentity, listensOn } from '../connectors.ts';
import { isListening } from '../linux.ts';
import { quoted } from '../node.ts';
import { redirectingChain } from '../packet-filter.ts';
import { expectsProxy, listenLines, postfixServices, proxyParameter } from '../postfix.ts';
import { onLinux, rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See connector-bound-to-vip.md. */
export const connectorBoundToVip = rule({
  id: 'smtp-source-ip/connector-bound-to-vip',
  title: 'A front-end connector listens on every VIP',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-receive-connectors', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  variant: onLinux({
    needs: ['node-listeners'],
    optional: ['node-postfix', 'node-redirects'],
    judge({ 'node-listeners': listeners, 'node-postfix': postfix, 'node-redirects': redirects }, at) {
      const ports = at.subject.vips.flatMap((vip) => parseEndpoint(vip)?.port ?? []);
      const there = listeners.filter(({ port }) => ports.includes(port));
      const { inet_interfaces: interfaces } = postfix?.settings ?? {};
      const evidence = [
        {
          fact: 'node-listeners' as const,
          observed:
            there
              .map(({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}`)
              .join(', ') || `nothing listens on port ${ports.join(', ')}`,
        },
        ...(interfaces === undefined
          ? []
          : [{ fact: 'node-postfix' as const, observed: `inet_interfaces = ${interfaces}` }]),
      ];
      const silent = at.subject.vips.filter((vip) => !isListening(listeners, vip));
      const proxied = postfix === undefined ? [] : postfixServices(postfix, at.subject).filter(expectsProxy);
      const redirected = at.subject.vips.flatMap((vip) => {
        const chain = redirectingChain(redirects, vip);
        return chain === undefined ? [] : [{ vip, chain }];
      });
      if (redirected.length > 0 && silent.every((vip) => redirected.some((one) => one.vip === vip))) {
        return {
          verdict: 'manual',
          message: `${at.part}: ${enumerate(redirected.map(({ vip, chain }) => `${chain} leads connections to ${vip} elsewhere`))}, so what listens on it does not tell whether Postfix gets them.`,
          remedy: `Look where the rule leads them (nft list chain ${redirected[0]?.chain}), and let the probe show it.`,
          evidence,
        };
      }
      if (silent.length === 0 && proxied.length > 0) {
        return {
          verdict: 'fail',
          owner: 'on-premises',
          message: `${at.part}: ${enumerate(proxied.map(({ name }) => name))} expects the PROXY protocol, which no client sends that comes by Direct Server Return: it hangs up on all of them.`,
          remedy: [...proxied.map((one) => one.set(proxyParameter(one), '')), 'systemctl reload postfix'].join('\n'),
          evidence: [
            ...evidence,
            ...proxied.map((one) => ({
              fact: 'node-postfix' as const,
              observed: `${proxyParameter(one)} = ${one.setting(proxyParameter(one))}`,
            })),
          ],
        };
      }
      if (silent.length === 0) {
        return { verdict: 'pass', message: `${at.part}: something listens on every VIP and port.`, evidence };
      }
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: nothing listens on ${enumerate(silent)}${interfaces === undefined || interfaces === 'all' ? '' : ` (inet_interfaces = ${interfaces})`}.`,
        remedy: ['First put the VIP on lo, then:', ...listenLines(postfix, silent).run].join('\n'),
        evidence,
      };
    },
  }),
  judge({ 'node-receive-connectors': connectors, 'node-ip-addresses': addresses }, at) {
    const frontEnd = facingConnectors(connectors).filter(({ enabled }) => enabled);
    const own = addresses.map(({ ipAddress }) => ipAddress);
    const evidence = frontEnd.map(({ name, bindings }) => ({
      fact: 'node-receive-connectors' as const,
      observed: `${name}: ${bindings.join(', ')}`,
    }));
    const absent = frontEnd.flatMap((connector) =>
      connector.bindings
        .filter((binding) => bindsAbsentAddress(binding, own))
        .map((binding) => ({ connector, binding })),
    );
    const notListenedOn = at.subject.vips.filter((vip) => !frontEnd.some((connector) => listensOn(connector, vip)));
    if (absent.length + notListenedOn.length === 0) {
      return { verdict: 'pass', message: `${at.part}: a front-end connector listens on every VIP and port.`, evidence };
    }
    const faults = [
      ...notListenedOn.map((vip) => `no enabled front-end connector listens on ${vip}`),
      ...absent.map(
        ({ connector, binding }) =>
          `${connector.name} is bound to ${binding}, an address that the node does not have, so transport may not start`,
      ),
    ];
    const [first] = frontEnd;
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: ${faults.join('; ')}.`,
      remedy: [
        'First put the VIP on the loopback adapter, then bind.',
        ...(notListenedOn.length > 0
          ? [
              first === undefined
                ? `New-ReceiveConnector -Name ${quoted(`Default Frontend ${at.part.split('.')[0]}`)} -Server ${quoted(at.part.split('.')[0] ?? at.part)} -TransportRole FrontendTransport -Usage Custom -PermissionGroups AnonymousUsers -Bindings ${listed(notListenedOn)} -RemoteIPRanges '0.0.0.0-255.255.255.255'`
                : `Set-ReceiveConnector ${connectorIdentity(at, first)} -Bindings @{Add=${listed(notListenedOn)}}`,
            ]
          : []),
        ...absent.map(
          ({ connector, binding }) =>
            `Set-ReceiveConnector ${connectorIdentity(at, connector)} -Bindings @{Remove='${binding}'}   # or give the node that address`,
        ),
      ].join('\n'),
      evidence,
    };
  },
});

/** As a list in PowerShell. */
const listed = (texts: readonly string[]) => texts.map(quoted).join(',');
