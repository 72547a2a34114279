import { parseBuild } from '../../../facts/exchange-organization/builds.ts';
import type { MailBuilds } from '../../../facts/exchange-organization/on-premises.ts';

type Hop = MailBuilds['hops'][number];

/** Headers above this size are not read: a message's trace is some kilobytes. */
const maximumBytes = 256 * 1024;

/**
 * Reads transport and mailbox-home builds from the `Received` headers of a message that the organization sent: the
 * `Microsoft SMTP Server` hop names the build of the server that took it over, the `mapi` hop that of the server that
 * homes the sender's mailbox.
 *
 * Hops of Exchange Online (15.20) are left out: they say nothing about servers on premises.
 */
export function mailBuildsOf(headers: string): MailBuilds {
  const hops = new Map<string, Hop>();
  for (const value of receivedValues(headers.slice(0, maximumBytes))) {
    const hop = hopOf(value);
    if (hop !== undefined) hops.set(`${hop.kind} ${hop.server} ${hop.build.text}`, hop);
  }
  return { hops: [...hops.values()] };
}

/** Is this text the header of a message, by its first `Received` line? */
export function looksLikeMessageHeaders(text: string): boolean {
  return /^received:[ \t]/im.test(text.slice(0, maximumBytes));
}

/** The `Received` fields up to the end of the header, unfolded (RFC 5322 section 2.2.3). */
function receivedValues(text: string): readonly string[] {
  const values: string[] = [];
  let current: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^[ \t]/.test(line)) {
      if (current !== undefined) current += ` ${line.trim()}`;
      continue;
    }
    if (current !== undefined) values.push(current);
    const field = /^received:[ \t]*(.*)$/i.exec(line);
    current = field?.[1];
    if (line === '' && values.length > 0) break;
  }
  if (current !== undefined) values.push(current);
  return values;
}

function hopOf(value: string): Hop | undefined {
  const server = /(?:^|\s)by\s+([A-Za-z0-9._-]{1,253})/.exec(value)?.[1];
  const smtp = /\bwith Microsoft SMTP Server\b.{0,300}?\bid\s+(\d+\.\d+\.\d+\.\d+)/.exec(value)?.[1];
  const mapi = /\bwith mapi id\s+(\d+\.\d+\.\d+\.\d+)/.exec(value)?.[1];
  const build = parseBuild(smtp ?? mapi ?? '');
  const isCloud = build?.parts[0] === 15 && build.parts[1] === 20;
  if (server === undefined || build === undefined || isCloud) return undefined;
  return { server, kind: mapi === undefined ? 'transport' : 'mailbox', build };
}
