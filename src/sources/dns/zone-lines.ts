// Lines of a zone file (RFC 1035 section 5.1, `$TTL` of RFC 2308 section 4), read strictly: what a name server would refuse
// or take for something else than it looks like is refused with its line.
import { isIPv4, isIPv6 } from 'node:net';
import { canonicalName } from '../../domain/domain-name.ts';
import { InvalidDocument } from '../../domain/organization.ts';
import type { DnsRecord } from './answer.ts';
import { nameProblem } from './message.ts';

/** A record of a zone file, and where it stands. */
export type ZoneRecord = DnsRecord & {
  /** `planned.zone, line 3`. */
  readonly from: string;
};

export interface ZoneLines {
  readonly records: readonly ZoneRecord[];
  /** Types that nothing here asks for, each once: they are legal and left out. */
  readonly leftOut: readonly string[];
}

/** What a record without one has. */
const usualTtl = 3600;
const longestString = 255;

/** Types of a whole zone that are none of what is asked for. */
const otherTypes: ReadonlySet<string> = new Set(
  'SOA NS SRV CAA PTR DS DNSKEY RRSIG NSEC NSEC3 NSEC3PARAM CDS CDNSKEY TLSA SMIMEA SSHFP SVCB HTTPS NAPTR LOC HINFO RP SPF URI OPENPGPKEY'.split(
    ' ',
  ),
);

/**
 * The records of a zone file; none where comments say so, as of a plan with nothing to do.
 *
 * @param name of the file, for the sentences
 * @throws InvalidDocument naming file, line, fault and how to mend it
 */
export function readZoneLines(name: string, text: string): ZoneLines {
  const faults: { readonly line: number; readonly sentence: string }[] = [];
  const records: ZoneRecord[] = [];
  const leftOut = new Set<string>();
  let origin: string | undefined;
  let ttl = usualTtl;
  let owner: string | undefined;
  const entries = entriesOf(text, (line, sentence) => faults.push({ line, sentence }));
  for (const { line, indented, tokens } of entries) {
    try {
      const [first] = tokens;
      if (first === undefined) continue;
      if (!first.quoted && first.text.startsWith('$')) {
        const directive = first.text.toUpperCase();
        const value = tokens[1]?.text;
        if (directive === '$ORIGIN' && value !== undefined) origin = absolute(value, origin);
        else if (directive === '$TTL' && value !== undefined && ttlOf(value) !== undefined) ttl = ttlOf(value) ?? ttl;
        else throw new Error(directiveFault(directive, value));
        continue;
      }
      if (!indented) owner = absolute(first.text, origin);
      if (owner === undefined)
        throw new Error(
          'begins with a space, which repeats the name of the record before it, and there is none; write the name first',
        );
      const rest = indented ? tokens : tokens.slice(1);
      const read = recordOf(owner, ttl, rest, origin);
      if (typeof read === 'string') leftOut.add(read);
      else records.push({ ...read, from: `${name}, line ${line}` });
    } catch (error) {
      faults.push({ line, sentence: (error as Error).message });
    }
  }
  const found =
    faults.length > 0
      ? faults.sort((a, b) => a.line - b.line).map(({ line, sentence }) => `line ${line}: ${sentence}`)
      : records.length > 0 || /^\s*;/m.test(text)
        ? conflicts(records)
        : ['holds no record; write lines like: selector1._domainkey.contoso.com. 3600 IN CNAME target.example.'];
  if (found.length > 0) throw new InvalidDocument(name, found.slice(0, 20));
  return { records, leftOut: [...leftOut] };
}

interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

interface Entry {
  /** Of its first token, counted from 1. */
  readonly line: number;
  /** Its first line begins with a space or a tab. */
  readonly indented: boolean;
  readonly tokens: readonly Token[];
}

/** Entries with their tokens: comments are gone, parentheses join lines. Escapes in quoted strings are resolved. */
function entriesOf(text: string, fault: (line: number, sentence: string) => void): Entry[] {
  const entries: Entry[] = [];
  let entry: { line: number; indented: boolean; tokens: Token[] } | undefined;
  let depth = 0;
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = index + 1;
    if (depth === 0) {
      entry = { line, indented: /^[ \t]/.test(raw), tokens: [] };
      entries.push(entry);
    }
    for (let at = 0; at < raw.length; ) {
      const character = raw[at] ?? '';
      if (character === ';') break;
      if (/\s/.test(character)) at += 1;
      else if (character === '(' || character === ')') {
        depth += character === '(' ? 1 : -1;
        if (depth < 0) {
          fault(line, 'closes a parenthesis that nothing opened');
          depth = 0;
        }
        at += 1;
      } else {
        const quoted = character === '"';
        const found = (quoted ? /^"((?:[^"\\]|\\.)*)"(?=[\s;()]|$)/ : /^((?:[^\s;()"\\]|\\.)+)/).exec(raw.slice(at));
        if (found === null) {
          fault(
            line,
            quoted
              ? 'opens a quote that does not close on its line, or goes on right behind it; close it, and put a space between strings'
              : `cannot be read from "${raw.slice(at, at + 20)}" on`,
          );
          break;
        }
        entry?.tokens.push({ text: found[1] ?? '', quoted });
        at += found[0].length;
      }
    }
  }
  if (depth > 0) fault(entry?.line ?? 1, 'opens a parenthesis that nothing closes');
  return entries.filter(({ tokens }) => tokens.length > 0);
}

function directiveFault(directive: string, value: string | undefined): string {
  if (directive === '$ORIGIN') return '$ORIGIN wants a name, e.g. $ORIGIN contoso.com.';
  if (directive === '$TTL') return `$TTL wants seconds, e.g. $TTL 3600${value === undefined ? '' : `, not ${value}`}`;
  return `${directive} is not read; write the records themselves`;
}

/** A record, or its type where that is legal and left out. @throws Error saying what is wrong */
function recordOf(
  name: string,
  ttlBefore: number,
  tokens: readonly Token[],
  origin: string | undefined,
): DnsRecord | string {
  let ttl = ttlBefore;
  let at = 0;
  // Time to live and class stand in either order, or not at all.
  for (const seen = new Set<string>(); at < 2; at++) {
    const text = tokens[at]?.text.toUpperCase() ?? '';
    const seconds = ttlOf(text);
    const what = seconds === undefined ? 'class' : 'TTL';
    if ((seconds === undefined && !/^(IN|CH|HS|CS|ANY)$/.test(text)) || seen.has(what)) break;
    if (seconds !== undefined) ttl = seconds;
    else if (text !== 'IN') throw new Error(`is of class ${text}; only IN (internet) is read`);
    seen.add(what);
  }
  const type = tokens[at]?.text.toUpperCase();
  const data = tokens.slice(at + 1);
  if (type === undefined)
    throw new Error(`names no type behind ${name}; write e.g. ${name}. ${ttl} IN CNAME target.example.`);
  const only = (wanted: number, what: string): string[] => {
    if (data.length !== wanted)
      throw new Error(
        `${type} of ${name} wants ${what}, and there ${data.length === 1 ? 'is 1 field' : `are ${data.length} fields`}`,
      );
    return data.map(({ text }) => text);
  };
  switch (type) {
    case 'CNAME': {
      const [target = ''] = only(1, 'one name');
      return { name, ttl, type, data: absolute(target, origin) };
    }
    case 'TXT':
      if (data.length === 0) throw new Error(`TXT of ${name} wants a text in quotes`);
      return { name, ttl, type, data: data.map(characterString) };
    case 'A':
    case 'AAAA': {
      const [address = ''] = only(1, 'one address');
      if (!(type === 'A' ? isIPv4 : isIPv6)(address))
        throw new Error(`${type} of ${name} wants an IPv${type === 'A' ? 4 : 6} address, not ${address}`);
      return { name, ttl, type, data: address };
    }
    case 'MX': {
      const [preference = '', exchange = ''] = only(2, 'a preference and a host');
      if (!/^\d{1,5}$/.test(preference))
        throw new Error(`MX of ${name} begins with its preference, a number, not ${preference}`);
      return { name, ttl, type, data: { preference: Number(preference), exchange: absolute(exchange, origin) } };
    }
    case 'DNAME':
      throw new Error('DNAME is not read; write the CNAME that it makes');
    default:
      if (otherTypes.has(type) || /^TYPE\d+$/.test(type)) return type;
      throw new Error(
        `"${tokens[at]?.text}" is no record type behind ${name}; write name, TTL, IN, type and data in this order`,
      );
  }
}

/** Seconds, also as `1h30m`. */
function ttlOf(text: string): number | undefined {
  if (!/^(\d+[smhdw]?)+$/i.test(text)) return undefined;
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  return [...text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * seconds[(unit || 's') as keyof typeof seconds],
    0,
  );
}

/** One string of a TXT record, its escapes resolved (RFC 1035 section 5.1). Bytes above 127 are read as UTF-8. */
function characterString({ text }: Token): string {
  const bytes = Buffer.concat(
    [...text.matchAll(/\\(\d{3})|\\(.)|([^\\]+)/gs)].map(([, code, escaped, plain]) =>
      code === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from([Number(code)]),
    ),
  );
  if (bytes.length > longestString)
    throw new Error(
      `a string has ${bytes.length} bytes, and one string of a TXT record holds 255: write it as several, "…" "…", which receivers join`,
    );
  return bytes.toString();
}

/** A name in full, without its last dot. @throws Error when it is none, or relative to nothing */
function absolute(text: string, origin: string | undefined): string {
  const relative = text === '@' || !text.endsWith('.') || text.endsWith('\\.');
  if (relative && origin === undefined)
    throw new Error(
      `${text} has no dot at its end, so it is relative, and no $ORIGIN says to what: write ${text === '@' ? 'the name in full' : `${text}.`}, or $ORIGIN and the zone's name with a dot before it`,
    );
  const name =
    text === '@'
      ? (origin ?? '')
      : relative
        ? [text, origin].filter((part) => part !== '').join('.')
        : text.slice(0, -1);
  if (name === '') return '';
  if (name.startsWith('*.'))
    throw new Error(`${name} is a wildcard, which is not read: write the names that it is to answer for`);
  const problem = nameProblem(name);
  if (problem !== undefined) throw new Error(`${name} is no name: ${problem}`);
  return canonicalName(name);
}

/** What a name server refuses: two CNAMEs of one name, or a CNAME beside anything else (RFC 1034 section 3.6.2). */
function conflicts(records: readonly ZoneRecord[]): string[] {
  return [...Map.groupBy(records, ({ name }) => name)].flatMap(([name, own]) => {
    const aliases = own.filter(({ type }) => type === 'CNAME');
    const targets = new Set(aliases.map(({ data }) => data));
    const at = own.map(({ from }) => from.slice(from.lastIndexOf('line '))).join(' and ');
    if (targets.size > 1) return [`${at}: ${name} has ${targets.size} CNAMEs, and a name has one; leave the right one`];
    return targets.size === 1 && aliases.length < own.length
      ? [`${at}: ${name} has a CNAME and other records, and a name with a CNAME has no others; leave the right ones`]
      : [];
  });
}
