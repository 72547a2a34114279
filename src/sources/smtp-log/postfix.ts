import { isLoadBalancer, postfixServicePorts, vipPorts } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { otherAddresses } from './sessions.ts';
import type { RemoteCount } from './summary.ts';

/*
 * Reads the log of Postfix as bytes: of some eight lines about a mail, three say something about its client, and those are
 * searched for, not found by splitting every line. The shapes are those of the daemons' own sources (smtpd, qmgr,
 * postscreen), with the time stamps of syslog (RFC 3164) or of RFC 3339:
 *
 *   Nov 24 09:00:07 mx1 postfix/smtpd[812]: connect from mail.fabrikam.com[203.0.113.40]
 *   Nov 24 09:00:07 mx1 postfix/smtpd[812]: 4XyZ1: client=mail.fabrikam.com[203.0.113.40]
 *   Nov 24 09:00:08 mx1 postfix/qmgr[801]: 4XyZ1: from=<info@fabrikam.com>, size=812, nrcpt=1 (queue active)
 *   Nov 24 09:00:08 mx1 postfix/smtpd[812]: disconnect from mail.fabrikam.com[203.0.113.40] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5
 *   Nov 24 09:00:07 mx1 postfix/postscreen[799]: CONNECT from [203.0.113.40]:51234 to [192.0.2.25]:25
 *
 * The address is the client's own also behind a load balancer that speaks the PROXY protocol
 * (smtpd_upstream_proxy_protocol = haproxy).
 */

const [lf, space, openBracket, closeBracket, slash, colon, atSign, greater, comma] = [
  0x0a, 0x20, 0x5b, 0x5d, 0x2f, 0x3a, 0x40, 0x3e, 0x2c,
];
const [digitOne, digitNine, letterS] = [0x31, 0x39, 0x73];

const needles = ['connect from ', ': client=', ': from=<', 'CONNECT from ['].map((text) => Buffer.from(text, 'latin1'));
const [connecting = 0, accepted = 1, queued = 2, screened = 3] = needles.keys();
const lengths = needles.map((needle) => needle.length);
const smtpd = Buffer.from('smtpd', 'latin1');
const accepting = Buffer.from(' rcpt=', 'latin1');

/** Memory stays flat: beyond these counts it is counted together, or given up. The load balancer is never among those. */
const mostTallies = 60_000;
const mostQueued = 100_000;
const mostOpen = 10_000;
const mostDomains = 16;
const mostLocals = 60_000;

interface Tally {
  readonly remoteIp: string;
  /** Where postscreen told it. */
  readonly localIp: string;
  sessions: number;
  mailSessions: number;
}

interface Open {
  readonly remoteIp: string;
  mail: boolean;
}

/** Sessions of one service on one host. */
interface Group {
  /** `mx1\postfix/smtpd`. */
  readonly connector: string;
  /** Set when the service's name stands for a port that is none of ours. */
  readonly otherPort: number | undefined;
  readonly byRemote: Map<string, Tally>;
  /** By process id: each serves one client at a time. */
  readonly open: Map<number, Open>;
  /** ISO 8601. */
  newest: string;
  /** Where the last line of the group begins in what is being read. */
  lastLine: number;
}

/** Is this the beginning of a log that Postfix writes to? */
export function isPostfixLog(beginning: string): boolean {
  return /(^|\s)postfix[^\s/[]*\/\S+\[\d+\]: /m.test(beginning);
}

export class PostfixScanner {
  readonly #service: SmtpService;
  readonly #now: Date;
  readonly #ports: ReadonlySet<number>;
  readonly #groups = new Map<string, Group>();
  #lastKey = '';
  #lastGroup: Group | undefined;
  #tallies = 0;
  /** Whose mail it is, by queue id. */
  readonly #queued = new Map<string, string>();
  /** Domains of senders, by the address that sent. */
  readonly #domains = new Map<string, Set<string>>();
  /** To which of our addresses postscreen saw a client connect. */
  readonly #locals = new Map<string, string>();
  readonly #otherPorts = new Map<number, number>();
  /** Lines about clients. */
  rows = 0;
  malformedRows = 0;
  /** ISO 8601, UTC; empty without any. */
  from = '';
  to = '';

  /** @param now tells the year, which a time stamp of syslog lacks; its zone is taken for UTC */
  constructor(service: SmtpService, now: Date) {
    this.#service = service;
    this.#now = now;
    this.#ports = new Set(vipPorts(service));
  }

  /** Sessions and mails go on in the next file. */
  startFile(): void {}
  endFile(): void {}

  /** Reads whole lines: `bytes[start..end)`, ending after a line feed. */
  scan(bytes: Buffer, start: number, end: number): void {
    const lines = bytes.subarray(0, end);
    const next = needles.map((needle) => lines.indexOf(needle, start));
    let first = -1;
    for (;;) {
      let which = -1;
      for (let one = 0; one < next.length; one++) {
        const at = next[one] ?? -1;
        if (at !== -1 && (which === -1 || at < (next[which] ?? -1))) which = one;
      }
      if (which === -1) break;
      const at = next[which] ?? 0;
      const after = at + (lengths[which] ?? 0);
      const line = this.#found(which, lines, at, after);
      if (line !== -1 && first === -1) first = line;
      next[which] = lines.indexOf(needles[which] ?? '', after);
    }
    if (first === -1) return;
    const oldest = this.#timeAt(bytes, first);
    if (oldest !== undefined && (this.from === '' || oldest < this.from)) this.from = oldest;
    for (const group of this.#groups.values()) {
      if (group.lastLine === -1) continue;
      const newest = this.#timeAt(bytes, group.lastLine);
      group.lastLine = -1;
      if (newest === undefined) continue;
      if (newest > group.newest) group.newest = newest;
      if (newest > this.to) this.to = newest;
    }
  }

  /** The last line may lack its end. */
  scanCut(bytes: Buffer, start: number, end: number): void {
    this.scan(bytes, start, end);
  }

  /** Counts what is still open. */
  finish(): void {
    for (const group of this.#groups.values()) {
      for (const open of group.open.values()) this.#count(group, open.remoteIp, open.mail);
      group.open.clear();
    }
  }

  get remotes(): RemoteCount[] {
    return [...this.#groups.values()].flatMap(({ connector, newest, byRemote }) =>
      [...byRemote.values()].map(({ remoteIp, localIp, sessions, mailSessions }) => ({
        connector,
        remoteIp,
        localIps: localIp === '' ? [] : [localIp],
        sessions,
        mailSessions,
        probeSessions: sessions - mailSessions,
        ehloNames: this.#domains.get(remoteIp)?.size ?? 0,
        anyRecipientSessions: 0,
        ofPostfix: true,
        ...(newest === '' ? {} : { newest }),
      })),
    );
  }

  get otherPorts(): { port: number; sessions: number }[] {
    return [...this.#otherPorts].map(([port, sessions]) => ({ port, sessions })).sort((a, b) => a.port - b.port);
  }

  /** @returns where the line begins, when it is about a client; else -1 */
  #found(which: number, lines: Buffer, at: number, after: number): number {
    if (which === connecting) {
      const before = lines[at - 1];
      if (before !== space && before !== letterS) return -1;
      // `: connect from`, `: disconnect from`
      const isEnd = before === letterS;
      return this.#ofClient(lines, isEnd ? at - 3 : at, after, isEnd);
    }
    if (which === accepted) return this.#accepted(lines, at, after);
    if (which === queued) this.#queuedFrom(lines, at, after);
    else if (which === screened) this.#screened(lines, after);
    return -1;
  }

  /** `connect from NAME[ADDRESS]` and its end; the message begins at `message`. */
  #ofClient(lines: Buffer, message: number, after: number, isEnd: boolean): number {
    const process = processBefore(lines, message);
    if (process === undefined) return -1;
    const [from, to] = addressAfter(lines, after);
    if (to === -1) return -1;
    this.rows++;
    const group = this.#group(lines, process);
    group.lastLine = process.line;
    const { pid } = process;
    const open = group.open.get(pid);
    const remoteIp = lines.toString('latin1', from, to);
    if (isEnd) {
      if (open !== undefined) group.open.delete(pid);
      this.#count(group, remoteIp, open?.mail === true || acceptedRecipient(lines, to));
      return process.line;
    }
    // Its end was lost, or stands in a file that was not given.
    if (open !== undefined) this.#count(group, open.remoteIp, open.mail);
    if (group.open.size < mostOpen) group.open.set(pid, { remoteIp, mail: false });
    return process.line;
  }

  /** `QUEUEID: client=NAME[ADDRESS]`: a recipient was accepted. */
  #accepted(lines: Buffer, at: number, after: number): number {
    const id = wordBefore(lines, at);
    const process = processBefore(lines, id);
    if (process === undefined) return -1;
    const [from, to] = addressAfter(lines, after);
    if (to === -1) return -1;
    this.rows++;
    const group = this.#group(lines, process);
    group.lastLine = process.line;
    const open = group.open.get(process.pid);
    const remoteIp = open?.remoteIp ?? lines.toString('latin1', from, to);
    if (open !== undefined) open.mail = true;
    else if (group.open.size < mostOpen) group.open.set(process.pid, { remoteIp, mail: true });
    if (this.#queued.size >= mostQueued) this.#queued.clear();
    this.#queued.set(lines.toString('latin1', id, at), remoteIp);
    return process.line;
  }

  /** `QUEUEID: from=<SENDER>` of the queue manager: the domain alone is kept, and counted. */
  #queuedFrom(lines: Buffer, at: number, after: number): void {
    if (this.#queued.size === 0) return;
    const id = lines.toString('latin1', wordBefore(lines, at), at);
    const remoteIp = this.#queued.get(id);
    if (remoteIp === undefined) return;
    this.#queued.delete(id);
    let end = after;
    let domain = -1;
    while (end < lines.length && lines[end] !== greater && lines[end] !== lf) {
      if (lines[end] === atSign) domain = end + 1;
      end++;
    }
    if (domain === -1) return;
    let domains = this.#domains.get(remoteIp);
    if (domains === undefined) {
      if (this.#domains.size >= mostTallies && !isLoadBalancer(this.#service, remoteIp)) return;
      domains = new Set();
      this.#domains.set(remoteIp, domains);
    }
    if (domains.size < mostDomains) domains.add(lines.toString('latin1', domain, end).toLowerCase());
  }

  /** `CONNECT from [ADDRESS]:PORT to [ADDRESS]:PORT` */
  #screened(lines: Buffer, after: number): void {
    const feed = lines.indexOf(lf, after);
    const end = feed === -1 ? lines.length : feed;
    const match = /^([^\]]+)\]:\d+ to \[([^\]]+)\]:/.exec(lines.toString('latin1', after, end));
    if (match === null) return;
    if (this.#locals.size >= mostLocals) this.#locals.clear();
    this.#locals.set(match[1] ?? '', match[2] ?? '');
  }

  #count(group: Group, remoteIp: string, mail: boolean): void {
    if (remoteIp === 'unknown' || remoteIp === '::1' || remoteIp.startsWith('127.')) return;
    const { otherPort } = group;
    if (otherPort !== undefined) {
      this.#otherPorts.set(otherPort, (this.#otherPorts.get(otherPort) ?? 0) + 1);
      return;
    }
    const tally = this.#tally(group, remoteIp);
    tally.sessions++;
    if (mail) tally.mailSessions++;
  }

  #tally(group: Group, remoteIp: string): Tally {
    const localIp = this.#locals.size === 0 ? '' : (this.#locals.get(remoteIp) ?? '');
    const key = localIp === '' ? remoteIp : `${remoteIp} ${localIp}`;
    let tally = group.byRemote.get(key);
    if (tally === undefined) {
      const isFull = this.#tallies >= mostTallies && remoteIp !== otherAddresses;
      if (isFull && !isLoadBalancer(this.#service, remoteIp)) return this.#tally(group, otherAddresses);
      tally = { remoteIp, localIp, sessions: 0, mailSessions: 0 };
      group.byRemote.set(key, tally);
      this.#tallies++;
    }
    return tally;
  }

  /** Most lines are of the host and service of the one before. */
  #group(lines: Buffer, { host, end }: Process): Group {
    if (this.#lastGroup !== undefined && isText(this.#lastKey, lines, host, end)) return this.#lastGroup;
    const key = lines.toString('latin1', host, end);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const blank = key.indexOf(' ');
      const [name, tag] = [key.slice(0, blank), key.slice(blank + 1)];
      // `postfix/submission/smtpd`: what syslog_name of the service says.
      const service = tag.split('/').at(-2) ?? '';
      const port = postfixServicePorts[service] ?? (/^\d+$/.test(service) ? Number(service) : undefined);
      group = {
        connector: `${name}\\${tag}`,
        otherPort: port === undefined || this.#ports.has(port) ? undefined : port,
        byRemote: new Map(),
        open: new Map(),
        newest: '',
        lastLine: -1,
      };
      this.#groups.set(key, group);
    }
    this.#lastKey = key;
    this.#lastGroup = group;
    return group;
  }

  /** The time stamp of a line as ISO 8601 in UTC; one of syslog is of the last twelve months. */
  #timeAt(bytes: Buffer, line: number): string | undefined {
    const text = bytes.toString('latin1', line, line + 35);
    const written = /^\d{4}-\d{2}-\d{2}T\S+/.exec(text)?.[0];
    if (written !== undefined) {
      const at = new Date(written);
      return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
    }
    const [, month = '', day, hour, minute, second] =
      /^([A-Z][a-z]{2}) +(\d{1,2}) (\d{2}):(\d{2}):(\d{2})/.exec(text) ?? [];
    const index = months.indexOf(month);
    if (index === -1) return undefined;
    const now = this.#now.getTime();
    const inYear = (year: number) => Date.UTC(year, index, Number(day), Number(hour), Number(minute), Number(second));
    const year = this.#now.getUTCFullYear();
    const thisYear = inYear(year);
    // A server's local time may be ahead of UTC: what is not written yet is of now.
    const at = thisYear > now + aheadOfUtc ? inYear(year - 1) : Math.min(thisYear, now);
    return new Date(at).toISOString();
  }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Milliseconds; the first zone to see a day is 14 hours ahead. */
const aheadOfUtc = 14 * 3_600_000;

/** Who wrote a line, as positions in it: the line's begin, the host, the end of the process' name, and its id. */
interface Process {
  readonly line: number;
  readonly host: number;
  readonly end: number;
  readonly pid: number;
}

/** `HOST postfix/smtpd[PID]: ` before a message; undefined when that is not what stands there. */
function processBefore(lines: Buffer, message: number): Process | undefined {
  let at = message - 3;
  if (lines[at] !== closeBracket || lines[at + 1] !== colon) return undefined;
  let pid = 0;
  let place = 1;
  for (at--; lines[at] !== openBracket; at--) {
    const digit = (lines[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9 || place > 1e9) return undefined;
    pid += digit * place;
    place *= 10;
  }
  const end = at;
  for (let letter = 0; letter < smtpd.length; letter++) {
    if (lines[end - smtpd.length + letter] !== smtpd[letter]) return undefined;
  }
  if (lines[end - smtpd.length - 1] !== slash) return undefined;
  while (at > 0 && (lines[at - 1] ?? 0) > space) at--;
  let host = at - 1;
  while (host > 0 && (lines[host - 1] ?? 0) > space) host--;
  let line = host;
  while (line > 0 && lines[line - 1] !== lf) line--;
  return { line, host, end, pid };
}

function isText(text: string, lines: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== lines[from + at]) return false;
  return true;
}

/** Where the word before a position begins. */
function wordBefore(lines: Buffer, at: number): number {
  let begin = at;
  while (begin > 0 && (lines[begin - 1] ?? 0) > space) begin--;
  return begin;
}

/** The address in `NAME[ADDRESS]`; its end is -1 when there is none on the line. */
function addressAfter(lines: Buffer, after: number): readonly [from: number, to: number] {
  let at = after;
  while (at < lines.length && lines[at] !== openBracket && lines[at] !== lf && lines[at] !== comma) at++;
  if (lines[at] !== openBracket) return [at, -1];
  const from = at + 1;
  while (at < lines.length && lines[at] !== closeBracket && lines[at] !== lf) at++;
  return lines[at] === closeBracket ? [from, at] : [from, -1];
}

/** Does the count of commands at the end of a session (Postfix 3.0 and later) say `rcpt=` with one that was accepted? */
function acceptedRecipient(lines: Buffer, from: number): boolean {
  for (let at = from; at < lines.length && lines[at] !== lf; at++) {
    if (lines[at] !== space || lines[at + 1] !== accepting[1]) continue;
    let letter = 1;
    while (letter < accepting.length && lines[at + letter] === accepting[letter]) letter++;
    if (letter < accepting.length) continue;
    const count = lines[at + letter] ?? 0;
    return count >= digitOne && count <= digitNine;
  }
  return false;
}
