import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Unobtainable } from '../domain/fact-set.ts';

/**
 * What kind of address it is. `platform` are the doors of the machine we run on: instance metadata and the Azure host
 * agent. Documentation addresses (RFC 5737, RFC 3849) count as `public`: nothing of anybody's can be at them.
 */
export type AddressScope = 'public' | 'private' | 'loopback' | 'link-local' | 'platform' | 'reserved';

/** Looks addresses up for a host name. Throws as its resolver does. */
export type AddressesOf = (host: string) => Promise<readonly string[]>;

export interface AddressGuard {
  /** Why we do not connect to `address` (an IP literal), as a sentence; undefined when we may. */
  check(address: string): string | undefined;
  /**
   * For the `lookup` option of `net.connect`, `tls.connect`, `http.request` and undici's connector: resolves, and
   * rejects at connect time when no admitted address is left, so that a name cannot change its mind between check and
   * connection (DNS rebinding). Node does not call it for IP literals: those go through `admit` first.
   */
  readonly lookup: LookupFunction;
  /** Checks a host that may be an IP literal before a connection. @throws AddressRefused */
  admit(host: string): void;
}

/** Our guard said no: nothing was sent there. */
export class AddressRefused extends Unobtainable {
  constructor(why: string) {
    super('refused', why);
    this.name = 'AddressRefused';
  }
}

const platformAddresses = new Set([
  '168.63.129.16',
  '169.254.169.254',
  '169.254.169.253',
  '169.254.170.2',
  'fd00:ec2::254',
]);

const documentation: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][] = [
  [ipaddr.parse('192.0.2.0'), 24],
  [ipaddr.parse('198.51.100.0'), 24],
  [ipaddr.parse('203.0.113.0'), 24],
  [ipaddr.parse('2001:db8::'), 32],
];

/**
 * What of IPv6 has been given to anybody: IANA's registry "IPv6 Global Unicast Address Assignments", as of 2026-11. Nobody
 * can be at the rest but who announces it without being asked.
 */
const allocated: readonly [ipaddr.IPv6, number][] = [
  [ipaddr.IPv6.parse('2001::'), 16],
  [ipaddr.IPv6.parse('2003::'), 18],
  [ipaddr.IPv6.parse('2400::'), 11],
  [ipaddr.IPv6.parse('2600::'), 12],
  [ipaddr.IPv6.parse('2610::'), 23],
  [ipaddr.IPv6.parse('2620::'), 23],
  [ipaddr.IPv6.parse('2630::'), 12],
  [ipaddr.IPv6.parse('2800::'), 12],
  [ipaddr.IPv6.parse('2a00::'), 11],
  [ipaddr.IPv6.parse('2c00::'), 12],
];

/**
 * Classifies an IP literal (RFC 6890 registries, as `ipaddr.js` has them). An IPv4 address inside an IPv6 one counts as
 * what it is: IPv4-mapped and -compatible (RFC 4291), `64:ff9b::/96` (RFC 6052), 6to4 (RFC 3056).
 */
export function addressScope(address: string): AddressScope {
  const parsed = unwrap(ipaddr.parse(address));
  if (platformAddresses.has(parsed.toString())) return 'platform';
  if (documentation.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits))) {
    return 'public';
  }
  switch (parsed.range()) {
    case 'unicast':
      return parsed instanceof ipaddr.IPv6 && !allocated.some(([network, bits]) => parsed.match(network, bits))
        ? 'reserved'
        : 'public';
    case 'private':
    case 'uniqueLocal':
      return 'private';
    case 'loopback':
      return 'loopback';
    case 'linkLocal':
      return 'link-local';
    default:
      return 'reserved';
  }
}

/** RFC 8215's `64:ff9b:1::/48` is not among it: where in it the IPv4 address stands each network decides for itself. */
const wellKnownNat64 = ipaddr.IPv6.parse('64:ff9b::');

function unwrap(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (!(address instanceof ipaddr.IPv6)) return address;
  const bytes = address.toByteArray();
  const v4 = (from: number) => new ipaddr.IPv4(bytes.slice(from, from + 4));
  if (address.isIPv4MappedAddress() || address.match(wellKnownNat64, 96)) return v4(12);
  if (address.range() === '6to4') return v4(2);
  const compatible = bytes.slice(0, 12).every((byte) => byte === 0) && bytes.slice(12, 14).some((byte) => byte !== 0);
  return compatible ? v4(12) : address;
}

const scopeWords: Record<Exclude<AddressScope, 'public'>, string> = {
  private: 'a private address',
  loopback: 'a loopback address',
  'link-local': 'a link-local address',
  platform: 'an address of the platform (instance metadata or the Azure host)',
  reserved: 'a reserved address',
};

/**
 * The guard that every probe connects through, and every notice. Refused is whatever is not public; `allowPrivate` admits private,
 * unique-local and loopback addresses, for use inside a network. Link-local and platform addresses are refused always.
 *
 * @param options.doing what for, in its sentences
 * @param options.addressesOf where names are looked up; the system's resolver when left out
 */
export function createAddressGuard(options: {
  readonly allowPrivate: boolean;
  readonly doing?: 'probed' | 'posted to';
  readonly addressesOf?: AddressesOf;
}): AddressGuard {
  const { doing = 'probed', addressesOf = addressesOfSystem } = options;

  const check = (address: string): string | undefined => {
    if (isIP(address.split('%')[0] ?? '') === 0) return `"${address}" is no IP address`;
    const scope = addressScope(address);
    if (scope === 'public') return undefined;
    const mendable = scope === 'private' || scope === 'loopback';
    if (mendable && options.allowPrivate) return undefined;
    return `${address} is ${scopeWords[scope]}, and ${
      mendable ? `such addresses are ${doing} only where private addresses are allowed` : `those are never ${doing}`
    }`;
  };

  const resolve = async (host: string, family: number): Promise<{ address: string; family: number }[]> => {
    const found = (await addressesOf(host))
      .map((address) => ({ address, family: isIP(address) }))
      .filter((one) => family === 0 || one.family === family);
    if (found.length === 0) throw new Unobtainable('unreachable', `${host} has no address`);
    const admitted = found.filter(({ address }) => check(address) === undefined);
    if (admitted.length === 0) {
      throw new AddressRefused(`${host} is not connected to: ${found.map(({ address }) => check(address)).join('; ')}`);
    }
    return admitted;
  };

  return {
    check,
    admit(host) {
      const literal = host.replace(/^\[|\]$/g, '');
      if (isIP(literal) === 0) return;
      const why = check(literal);
      if (why !== undefined) throw new AddressRefused(why);
    },
    lookup(host, lookupOptions, callback) {
      const family =
        lookupOptions.family === 'IPv4' ? 4 : lookupOptions.family === 'IPv6' ? 6 : (lookupOptions.family ?? 0);
      resolve(host, family).then(
        (admitted) => {
          const [first] = admitted;
          if (lookupOptions.all === true) callback(null, admitted);
          else callback(null, first?.address ?? '', first?.family ?? 0);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), [], 0),
      );
    },
  };
}

async function addressesOfSystem(host: string): Promise<readonly string[]> {
  return (await systemLookup(host, { all: true })).map(({ address }) => address);
}
