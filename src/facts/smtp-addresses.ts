/**
 * Addresses and ranges as Exchange, Windows and the service document write them, as numbers that can be compared.
 * Hand-written because facts and rules import no package but zod.
 */

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

export interface Endpoint {
  /** In the one spelling of {@link plainAddress}. */
  readonly address: string;
  readonly port: number | undefined;
}

/**
 * The one spelling of an address: without brackets, `%scope` and the IPv4-mapped prefix; IPv6 as RFC 5952 has it.
 *
 * `[fe80::1%13]` → `fe80::1`, `::ffff:192.0.2.1` → `192.0.2.1`. Text that is no address comes back as it is.
 */
export function plainAddress(text: string): string {
  const bare = text
    .trim()
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '')
    .toLowerCase();
  const range = parseAddress(bare);
  if (range === undefined) return bare;
  return range.family === 4 ? ipv4Text(range.first) : ipv6Text(range.first);
}

/** `ip:port` or `[v6]:port`; an address without a port is taken too. Undefined for an empty or unreadable one. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2] ?? text;
  if (parseAddress(host) === undefined) return undefined;
  return { address: plainAddress(host), port: match?.[3] === undefined ? undefined : Number(match[3]) };
}

/** One address as a range of one. IPv4 inside IPv6 (RFC 4291 section 2.5.5.2) counts as IPv4. */
export function parseAddress(text: string): AddressRange | undefined {
  const bare = text
    .trim()
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '');
  const v4 = ipv4Value(bare);
  if (v4 !== undefined) return { family: 4, first: v4, last: v4 };
  const v6 = ipv6Value(bare);
  if (v6 === undefined) return undefined;
  return v6 >> 32n === 0xffffn
    ? { family: 4, first: v6 & 0xffffffffn, last: v6 & 0xffffffffn }
    : { family: 6, first: v6, last: v6 };
}

/**
 * A range as `RemoteIPRanges` of a receive connector and the service document write it: one address, `first-last`,
 * CIDR, or `address(mask)` (Set-ReceiveConnector). Undefined when it is none of these.
 */
export function parseRange(text: string): AddressRange | undefined {
  const trimmed = text.trim();
  const masked = /^(.+)\((.+)\)$/.exec(trimmed);
  if (masked !== null) {
    const [base, mask] = [parseAddress(masked[1] ?? ''), parseAddress(masked[2] ?? '')];
    if (base === undefined || mask === undefined || base.family !== mask.family) return undefined;
    return aroundMask(base, mask.first);
  }
  const slash = trimmed.indexOf('/');
  if (slash !== -1) {
    const base = parseAddress(trimmed.slice(0, slash));
    const length = Number(trimmed.slice(slash + 1));
    const bits = base?.family === 4 ? 32 : 128;
    if (base === undefined || !/^\/\d{1,3}$/.test(trimmed.slice(slash)) || length > bits) return undefined;
    const hostBits = BigInt(bits - length);
    const first = (base.first >> hostBits) << hostBits;
    return { family: base.family, first, last: first + (1n << hostBits) - 1n };
  }
  const dash = trimmed.indexOf('-');
  if (dash !== -1) {
    const [from, to] = [parseAddress(trimmed.slice(0, dash)), parseAddress(trimmed.slice(dash + 1))];
    if (from === undefined || to === undefined || from.family !== to.family || to.first < from.first) return undefined;
    return { family: from.family, first: from.first, last: to.first };
  }
  return parseAddress(trimmed);
}

/** Lies `inner` wholly inside `outer`? */
export function containsRange(outer: AddressRange, inner: AddressRange): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** Have the two an address in common? */
export function overlaps(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** How many addresses there are in it. */
export function rangeSize(range: AddressRange): bigint {
  return range.last - range.first + 1n;
}

/** Is `address` in one of the ranges? Ranges and addresses that are none hold nothing. */
export function isAmong(address: string, ranges: readonly string[]): boolean {
  const one = parseAddress(address);
  if (one === undefined) return false;
  return ranges.some((text) => {
    const range = parseRange(text);
    return range !== undefined && containsRange(range, one);
  });
}

/** Private, shared, loopback and link-local space: RFC 1918, 6598, 1122, 3927, 4193, 4291. */
const insideOnly = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
  '::1',
].flatMap((text) => parseRange(text) ?? []);

/** Holds the range an address that is none of an inside network? */
export function reachesPublicSpace(range: AddressRange): boolean {
  return !insideOnly.some((inside) => containsRange(inside, range));
}

function aroundMask(base: AddressRange, mask: bigint): AddressRange | undefined {
  const all = base.family === 4 ? 0xffffffffn : (1n << 128n) - 1n;
  const hosts = all ^ mask;
  // A mask is ones, then zeros: the host part plus one is a power of two.
  if ((hosts & (hosts + 1n)) !== 0n) return undefined;
  const first = base.first & mask;
  return { family: base.family, first, last: first | hosts };
}

function ipv4Value(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let value = 0n;
  for (const octet of octets) {
    if (!/^\d{1,3}$/.test(octet) || Number(octet) > 255) return undefined;
    value = value * 256n + BigInt(octet);
  }
  return value;
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
}

/** Lower case, no leading zeros, the longest run of zero groups (the first of equals, two at least) as `::`. */
function ipv6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  let [start, length] = [0, 0];
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === '0') end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

function ipv6Value(text: string): bigint | undefined {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let groupsText = text;
  if (tail !== null) {
    const v4 = ipv4Value(tail[2] ?? '');
    if (v4 === undefined) return undefined;
    groupsText = `${tail[1]}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  }
  const halves = groupsText.split('::');
  if (!groupsText.includes(':') || halves.length > 2) return undefined;
  const [head = [], rest = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill('0'), ...rest];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.reduce((value, group) => value * 65536n + BigInt(`0x${group}`), 0n);
}
