import { Unobtainable } from '../../domain/fact-set.ts';
import { isAmong, overlaps, parseAddress, parseEndpoint, parseRange, plainAddress } from '../../domain/ip-range.ts';
import type { Translation } from '../../facts/smtp-service/log.ts';
import type {
  NodeProbeProof,
  ProbeAttempt,
  SmtpNodesSeen,
  SmtpProbe,
  SmtpVipPath,
} from '../../facts/smtp-service/probe.ts';
import { isLoadBalancer, loadBalancerRanges, nodeNamed } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';

/**
 * Which node answered through the VIP, by the name in its greeting: the node's own name, or the name that the node
 * gives when greeted directly. Undefined when the name fits none or several.
 */
export function answeringNode(attempt: ProbeAttempt, probe: SmtpProbe, service: SmtpService): string | undefined {
  if (attempt.node !== undefined) return attempt.node;
  const name = attempt.helloName?.toLowerCase() ?? bannerName(attempt.banner);
  if (name === undefined) return undefined;
  const named = nodeNamed(service, name);
  if (named !== undefined) return named;
  const direct = probe.attempts.filter((one) => one.via === 'node' && bannerName(one.banner) === name);
  const nodes = new Set(direct.map(({ node }) => node));
  return nodes.size === 1 ? direct[0]?.node : undefined;
}

/** `220 mail.contoso.com Microsoft ESMTP …` → `mail.contoso.com`. */
export function bannerName(banner: string | undefined): string | undefined {
  return /^220[ -]\s*(\S+)/.exec(banner ?? '')?.[1]?.toLowerCase();
}

/**
 * Which nodes answered through a VIP.
 *
 * @throws Unobtainable `unreachable`, when none did
 */
export function nodesSeen(probe: SmtpProbe, service: SmtpService): SmtpNodesSeen {
  const answered = probe.attempts.filter(({ via, outcome }) => via === 'vip' && outcome === 'answered');
  if (answered.length === 0) throw new Unobtainable('unreachable', 'no VIP answered the probe');
  const named = answered.map((attempt) => ({ attempt, node: answeringNode(attempt, probe, service) }));
  return {
    nodes: [...new Set(named.flatMap(({ node }) => node ?? []))].sort(),
    unnamed: [
      ...new Set(named.flatMap(({ attempt, node }) => (node === undefined ? [bannerName(attempt.banner) ?? ''] : []))),
    ],
    tries: answered.length,
  };
}

/**
 * Decides from what a node shows through the VIPs whether the load balancer hides us from it. A direct connection to each
 * node is the control, so the prober need not know its own address. What another node shows says nothing about this one;
 * a greeting that names no node may be of any.
 *
 * @throws Unobtainable `unreachable` or `insufficient`, when nothing decides
 */
export function probeProof(probe: SmtpProbe, service: SmtpService, node: string): NodeProbeProof {
  const balancers = loadBalancerRanges(service);
  // On one machine (a test, a demo) our own address can be the VIP's: then it is still ours.
  const isHidden = ({ attempt, address }: Shown) =>
    isAmong(address, service.loadBalancerAddresses) ||
    (isLoadBalancer(service, address) && address !== attempt.sourceAddress);
  const both = service.proberAddresses.find((prober) => balancers.some((balancer) => rangesOverlap(prober, balancer)));
  if (both !== undefined) {
    throw new Unobtainable('insufficient', `${both} is declared as the prober's address and as the load balancer's`);
  }
  const direct = shown(probe.attempts.filter(({ via }) => via === 'node'));
  const hiddenControl = direct.find(isHidden);
  if (hiddenControl !== undefined) {
    throw new Unobtainable(
      'insufficient',
      `a direct connection to a node already shows ${hiddenControl.address}, a load-balancer address: the load balancer is a router between prober and node`,
    );
  }
  const controls = new Set(direct.map(({ address }) => address));
  const through = shown(probe.attempts.filter(({ via }) => via === 'vip')).map((one) => ({
    ...one,
    node: service.nodes.length === 1 ? node : answeringNode(one.attempt, probe, service),
  }));
  const ours = through.filter((one) => one.node === node);
  const isExpected = (one: Shown) =>
    !isHidden(one) &&
    (isAmong(one.address, service.proberAddresses) ||
      controls.has(one.address) ||
      one.attempt.sourceAddress === one.address);
  const proof = (translation: Translation, seen: readonly Shown[], unnamed = false): NodeProbeProof => ({
    translation,
    seen: distinct(seen.map(({ attempt, address }) => ({ target: attempt.target, address }))),
    unnamed,
    declaredLoadBalancers: service.loadBalancerAddresses.length,
  });
  if (ours.some(isHidden)) return proof(ours.some(isExpected) ? 'partial' : 'source-nat', ours);
  const hiddenSomewhere = through.filter((one) => one.node === undefined && isHidden(one));
  if (ours.length === 0 && hiddenSomewhere.length > 0) return proof('source-nat', hiddenSomewhere, true);
  const other = ours.find((one) => !isExpected(one));
  if (other !== undefined) {
    throw new Unobtainable(
      'insufficient',
      `${other.attempt.target} shows ${other.address}, which is neither ours nor a declared load-balancer address: another NAT on the way, or an incomplete list`,
    );
  }
  const silent = service.vips.find((vip) => !ours.some(({ attempt }) => sameEndpoint(attempt.target, vip)));
  if (silent !== undefined) throw whySilent(silent, probe, service, node);
  return proof('preserved', ours);
}

/**
 * Whether the way through each VIP answers. That it hangs or is refused is certain only when a node of the same family
 * and port answers directly (Direct Server Return half configured, or a firewall that sees one direction); that it does
 * so for some connections only when it did so twice, and all of them answer directly, since else one may just be down.
 *
 * @throws Unobtainable `unreachable`, when nothing is certain about any VIP
 */
export function vipPaths(probe: SmtpProbe, service: SmtpService): SmtpVipPath {
  const paths = service.vips.flatMap((vip): SmtpVipPath => {
    const attempts = probe.attempts.filter(({ via, target }) => via === 'vip' && sameEndpoint(target, vip));
    const isSilent = ({ outcome }: ProbeAttempt) => outcome === 'refused' || outcome === 'timeout';
    const [endpoint, family] = [parseEndpoint(vip), parseAddress(parseEndpoint(vip)?.address ?? '')?.family];
    const controls = probe.attempts.filter(({ via, target }) => {
      const node = parseEndpoint(target);
      return via === 'node' && node?.port === endpoint?.port && parseAddress(node?.address ?? '')?.family === family;
    });
    const answering = controls.filter(({ outcome }) => outcome === 'answered');
    if (attempts.some(({ outcome }) => outcome === 'answered' || outcome === 'out-of-service')) {
      const allAnswer = answering.length > 0 && answering.length === controls.length;
      const again = attempts.filter(isSilent).length > 1;
      return [{ vip, outcome: allAnswer && again ? 'answers-sometimes' : 'answers' }];
    }
    if (answering.length === 0 || attempts.length === 0) return [];
    if (attempts.every(({ outcome }) => outcome === 'timeout')) return [{ vip, outcome: 'hangs' }];
    if (attempts.every(isSilent)) return [{ vip, outcome: 'refused' }];
    return [];
  });
  if (paths.length === 0) {
    throw new Unobtainable(
      'unreachable',
      'neither a VIP nor a node answered on its port from here; port 25 may be blocked',
    );
  }
  return paths;
}

interface Shown {
  readonly attempt: ProbeAttempt;
  readonly address: string;
}

/** Greetings that showed an address. */
function shown(attempts: readonly ProbeAttempt[]): Shown[] {
  return attempts.flatMap((attempt) =>
    attempt.outcome === 'answered' && attempt.helloAddress !== undefined
      ? [{ attempt, address: plainAddress(attempt.helloAddress) }]
      : [],
  );
}

function whySilent(vip: string, probe: SmtpProbe, service: SmtpService, node: string): Unobtainable {
  const attempts = probe.attempts.filter(({ via, target }) => via === 'vip' && sameEndpoint(target, vip));
  const answered = attempts.filter(({ outcome }) => outcome === 'answered');
  if (attempts.some(({ inspected }) => inspected)) {
    return new Unobtainable(
      'insufficient',
      `a firewall inspects SMTP before ${vip} (220 ****), so no address is shown`,
    );
  }
  const nodes = answered.map((attempt) => (service.nodes.length === 1 ? node : answeringNode(attempt, probe, service)));
  if (
    nodes.includes(node) ||
    (answered.length > 0 && answered.every(({ helloAddress }) => helloAddress === undefined))
  ) {
    return new Unobtainable(
      'insufficient',
      `the EHLO reply of ${vip} shows no address: another mail product, or a mail proxy`,
    );
  }
  if (nodes.includes(undefined)) {
    const name = bannerName(answered[nodes.indexOf(undefined)]?.banner) ?? '';
    return new Unobtainable(
      'insufficient',
      `${vip} was answered as "${name}", which names no node, so it is not known whether ${node} was among them`,
    );
  }
  if (answered.length > 0) {
    const others = [...new Set(nodes.flatMap((one) => one ?? []))].sort().join(', ');
    return new Unobtainable(
      'insufficient',
      `the probe did not reach ${node} through ${vip}, only ${others}: what one node shows says nothing about another`,
    );
  }
  if (attempts.some(({ outcome }) => outcome === 'out-of-service')) {
    return new Unobtainable('unreachable', `${vip} answers 421: the node behind it is out of service`);
  }
  const [first] = attempts;
  if (first === undefined) return new Unobtainable('not_supplied', `nobody probed ${vip}`);
  return new Unobtainable(
    first.outcome === 'timeout' ? 'timeout' : first.outcome === 'not-admitted' ? 'refused' : 'unreachable',
    `${vip}: ${first.detail ?? first.outcome}`,
  );
}

function distinct(seen: NodeProbeProof['seen']): NodeProbeProof['seen'] {
  return [...new Map(seen.map((one) => [`${one.target} ${one.address}`, one])).values()];
}

function sameEndpoint(a: string, b: string): boolean {
  const [one, other] = [parseEndpoint(a), parseEndpoint(b)];
  return one !== undefined && one.address === other?.address && (one.port ?? 25) === (other.port ?? 25);
}

function rangesOverlap(a: string, b: string): boolean {
  const [one, other] = [parseRange(a), parseRange(b)];
  return one !== undefined && other !== undefined && overlaps(one, other);
}
