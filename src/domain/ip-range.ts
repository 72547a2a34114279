// Addresses and ranges as Exchange, Windows and the service document write them, as numbers that can be compared.
import ipaddr from 'ipaddr.js';

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
  const bare = withoutScope(text).toLowerCase();
  const found = addressIn(bare);
  if (found === undefined) return bare;
  return found instanceof ipaddr.IPv6 ? found.toRFC5952String() : found.toString();
}

/** The text of an address of 4 or 16 bytes; IPv6 as RFC 5952 has it. */
export function addressOfBytes(bytes: Uint8Array): string {
  return ipaddr.fromByteArray([...bytes]).toString();
}

/** `ip:port` or `[v6]:port`; an address without a port is taken too. Undefined for an unreadable one, and for a port beyond 65535. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2] ?? text;
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (parseAddress(host) === undefined || (port ?? 0) > 65_535) return undefined;
  return { address: plainAddress(host), port };
}

/** One address as a range of one. IPv4 inside IPv6 (RFC 4291 section 2.5.5.2) counts as IPv4. */
export function parseAddress(text: string): AddressRange | undefined {
  const found = addressIn(withoutScope(text));
  if (found === undefined) return undefined;
  const value = found.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family: found instanceof ipaddr.IPv6 ? 6 : 4, first: value, last: value };
}

function withoutScope(text: string): string {
  return text
    .trim()
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '');
}

/** Undefined for what is no address. Of IPv4 only four decimal parts are one: `1` and `0x7f.1` are not. */
function addressIn(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // Asked for what cannot be one, the library throws within, which takes longer than all else here.
  if (!text.includes(':'))
    return /^[\d.]+$/.test(text) && ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : undefined;
  if (!ipaddr.IPv6.isValid(text)) return undefined;
  const found = ipaddr.IPv6.parse(text);
  return found.isIPv4MappedAddress() ? found.toIPv4Address() : found;
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
