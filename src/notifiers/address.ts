import { createHash } from 'node:crypto';

/** A channel whose address cannot be used. The message says why and what to do, and never shows the address. */
export class InvalidChannel extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'InvalidChannel';
  }
}

/**
 * A channel's address, taken apart but not rewritten: what is sent is what was written, byte for byte. The signature in
 * a Workflows address counts on that, and the WHATWG parser drops `:443` and may encode the query again.
 */
export interface ChannelAddress {
  readonly scheme: 'http' | 'https';
  /** Host and port as written, the port included when it stands there. */
  readonly authority: string;
  /** Lower case, without the port. */
  readonly host: string;
  /** Path and query as written; at least `/`. */
  readonly target: string;
  /** How logs and errors call it. */
  readonly shown: string;
}

/**
 * How an address is called in logs and errors: `https://host/…#1a2b3c4d`. The address is a credential, so of its path
 * and query only the first eight hexadecimal digits of the SHA-256 of the whole remain, enough to tell two apart.
 */
export function redactUrl(url: string): string {
  const digest = createHash('sha256').update(url).digest('hex').slice(0, 8);
  const [, scheme, authority] = addressShape.exec(url) ?? [];
  return scheme === undefined ? `(no address)#${digest}` : `${scheme}://${authority}/…#${digest}`;
}

/** RFC 3986 section 3, of http and https only, without user-info and fragment; visible ASCII only. */
const addressShape =
  /^(https?):\/\/((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)((?:[/?](?:(?![#\\"<>^`{|}])[!-~])*)?)$/;

/** Hosts of the Office 365 connectors, which Microsoft switched off in May 2026 (message center MC1181996). */
const retiredConnector = /(^|\.)webhook\.office(365)?\.(com|us|de)$|^outlook\.office(365)?\.com$/;

/**
 * Takes an address apart, or says in one sentence, without showing it, why it cannot be used and what to do.
 * `allowLocal` admits plain http to this machine's loopback addresses.
 */
export function readAddress(
  url: string | undefined,
  { allowLocal = false }: { readonly allowLocal?: boolean },
): ChannelAddress | { readonly problem: string } {
  if (url === undefined || url === '') {
    return {
      problem: 'The channel has no address: set its url to "secret:NAME", NAME being the setting that holds it.',
    };
  }
  if (url.startsWith('@Microsoft.KeyVault(')) {
    return {
      problem:
        'The setting holds the text of a Key Vault reference, so Azure could not resolve it: check the name of the secret, ' +
        'give the app\'s identity the role "Key Vault Secrets User" on that vault, then restart the app.',
    };
  }
  if (url.startsWith('secret:')) {
    return {
      problem: 'The channel names a setting that does not exist: create the setting, its value being the address.',
    };
  }
  if (url !== url.trim()) {
    return { problem: "The channel's address has spaces or a line break at its ends: store it again without them." };
  }
  const [, scheme, authority, target] = addressShape.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || target === undefined) return { problem: shapeProblem(url) };
  const host = authority.replace(/:\d+$/, '').toLowerCase();
  if (!URL.canParse(`${scheme}://${authority}/`)) {
    return { problem: "The host or port in the channel's address is not legal: copy the whole address again." };
  }
  const address: ChannelAddress = {
    scheme: scheme === 'https' ? 'https' : 'http',
    authority,
    host,
    target: target.startsWith('/') ? target : `/${target}`,
    shown: redactUrl(url),
  };
  if (retiredConnector.test(host)) {
    return {
      problem:
        'This is the address of an Office 365 connector (incoming webhook). Microsoft switched those off in May 2026, so ' +
        'nothing would arrive. In Teams open the channel\'s Workflows, add "Send webhook alerts to a channel", and ' +
        'store the address that it shows.',
    };
  }
  if (scheme === 'http' && !(allowLocal && isLoopback(host))) {
    return {
      problem: isLoopback(host)
        ? `${address.shown} is on this machine: only the local host posts there. Use an https address.`
        : `${address.shown} is not encrypted: what is posted and the address itself could be read on the way. Use https.`,
    };
  }
  return address;
}

function shapeProblem(url: string): string {
  if (!/^https?:\/\//.test(url))
    return "The channel's address does not start with https://: copy the whole address again.";
  if (/^https?:\/\/[^/?#]*@/.test(url)) {
    return "The channel's address holds a user name or password before the host: remove that part, up to and including the @.";
  }
  if (url.includes('#')) return "The channel's address holds a # part, which is never sent: remove it, from the # on.";
  return "The channel's address holds characters that no address has, e.g. a space, a quote or a letter beyond ASCII: copy it again.";
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
