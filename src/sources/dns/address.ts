import { isIPv6 } from 'node:net';

export type ResolverAddress = { kind: 'dns'; host: string; port: number } | { kind: 'doh'; url: string };

const dnsPort = 53;

/**
 * Reads a resolver's address: `9.9.9.9`, `9.9.9.9:5353`, `2001:db8::53`, `[2001:db8::53]:5353`, `localhost:5353` or, for DNS
 * over HTTPS, `https://dns.example/dns-query`.
 * @throws {Error} saying what is wrong and what an address looks like
 */
export function parseResolverAddress(address: string): ResolverAddress {
  const text = address.trim();
  if (/^https:\/\//i.test(text)) {
    if (!URL.canParse(text)) throw wrong(address, 'it is no URL');
    return { kind: 'doh', url: text };
  }
  if (text.includes('/')) throw wrong(address, 'only https:// URLs and host names or addresses are known');
  const bracketed = /^\[([^\]]+)\](?::(.+))?$/.exec(text);
  const [, host = '', port] = bracketed ?? (isIPv6(text) ? [text, text] : (/^([^:]*)(?::(.+))?$/.exec(text) ?? []));
  if (host === '' || /\s/.test(host)) throw wrong(address, 'it names no host');
  if (bracketed !== null && !isIPv6(host)) throw wrong(address, 'only IPv6 addresses stand in brackets');
  return { kind: 'dns', host, port: port === undefined ? dnsPort : portNumber(address, port) };
}

function portNumber(address: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw wrong(address, `'${text}' is no port number`);
  return port;
}

function wrong(address: string, problem: string): Error {
  return new Error(
    `'${address}' is no resolver address: ${problem}. Write an address like 9.9.9.9, 192.0.2.53:5353 or [2001:db8::53]:53, or an https:// URL for DNS over HTTPS.`,
  );
}
