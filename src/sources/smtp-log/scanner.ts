import type { Session, SessionTable } from './sessions.ts';

/*
 * Reads rows of a receive log as bytes. Making strings is what costs, so only rows that say something about a session
 * become any: beginning, end, greeting, sender, permissions. The other two thirds are passed over after counting
 * commas. Date, session id, sequence number, endpoints and event never hold quotes or commas; a connector's name may,
 * and then the row goes the thorough way, like rows of a file with other columns.
 */

const [comma, quote, hash, lf, cr] = [0x2c, 0x22, 0x23, 0x0a, 0x0d];
const [plus, minus, lessThan, greaterThan, star] = [0x2b, 0x2d, 0x3c, 0x3e, 0x2a];
const [letterS, letterT, letterU, letterZ, space] = [0x53, 0x54, 0x55, 0x5a, 0x20];
const [lowerA, lowerE, lowerH, lowerI, lowerL, lowerM, lowerO, lowerX, colon] = [
  0x61, 0x65, 0x68, 0x69, 0x6c, 0x6d, 0x6f, 0x78, 0x3a,
];

/** Length of `2026-11-24T09:00:07.118Z`. */
const dateLength = 24;
const idLength = 16;
const mailLength = 'MAIL FROM:'.length;
const greetingLength = 'EHLO '.length;
/** A power of two; sessions open at the same time on a busy server are fewer. */
const slots = 4096;
/** Values of a recurring field that are kept; a server has few connectors and addresses. */
const mostKnown = 8;

const columnNames = [
  'date-time',
  'connector-id',
  'session-id',
  'sequence-number',
  'local-endpoint',
  'remote-endpoint',
  'event',
  'data',
  'context',
] as const;
type Column = (typeof columnNames)[number];

const anyRecipient = 'SMTPAcceptAnyRecipient';

export class RowScanner {
  readonly #table: SessionTable;
  /** Sessions by a hash of their key's bytes, so that most rows need no key made of them. */
  readonly #recent: (Session | undefined)[] = Array.from({ length: slots }, () => undefined);
  /** Beside each, what its connector was: the same one need not be compared again. */
  readonly #recentConnectors: (KnownText | undefined)[] = Array.from({ length: slots }, () => undefined);
  readonly #connectors = new RecurringField();
  readonly #locals = new RecurringField();
  readonly #permissions = new RecurringField();
  /** Where each column stands, when the file says so and it is not the usual order. */
  #columns: ReadonlyMap<string, number> | undefined;
  rows = 0;
  malformedRows = 0;
  /** ISO 8601 of the oldest and newest row; empty without any. */
  from = '';
  to = '';
  /** Files that are no receive log: what they are instead, as far as they say so, and how many. */
  readonly noReceiveLogs = new Map<string, number>();
  /** What the file says it is, when that is no receive log: its rows are passed over. */
  #otherKind: string | undefined;
  #rowsBefore = 0;
  #malformedBefore = 0;
  /** The first line of the file that is no row. */
  #firstMalformed: string | undefined;

  constructor(table: SessionTable) {
    this.#table = table;
  }

  /** Forgets what the last file said about its columns. */
  startFile(): void {
    this.#columns = undefined;
    this.#otherKind = undefined;
    this.#rowsBefore = this.rows;
    this.#malformedBefore = this.malformedRows;
    this.#firstMalformed = undefined;
  }

  /** Names the file when nothing in it was a row of a receive log. */
  endFile(): void {
    const rows = this.rows - this.#rowsBefore;
    const noneReadable = rows > 0 && rows === this.malformedRows - this.#malformedBefore;
    const kind = this.#otherKind ?? (noneReadable ? kindOf(this.#firstMalformed ?? '') : undefined);
    if (kind === undefined) return;
    this.noReceiveLogs.set(kind, (this.noReceiveLogs.get(kind) ?? 0) + 1);
    // The lines of another kind of log are no damaged rows of this one.
    this.rows = this.#rowsBefore;
    this.malformedRows = this.#malformedBefore;
  }

  /** Reads whole lines: `bytes[start..end)`, ending after a line feed. */
  scan(bytes: Buffer, start: number, end: number): void {
    let row = start;
    let first = -1;
    let last = -1;
    while (row < end) {
      const feed = bytes.indexOf(lf, row);
      const stop = feed > row && bytes[feed - 1] === cr ? feed - 1 : feed;
      if (stop > row) {
        if (bytes[row] === hash) {
          this.#header(bytes.toString('latin1', row, stop));
        } else if (this.#otherKind === undefined) {
          this.rows++;
          if (this.#row(bytes, row, stop)) {
            if (first === -1) first = row;
            last = row;
          } else {
            this.malformedRows++;
            this.#firstMalformed ??= bytes.toString('latin1', row, stop);
          }
        }
      }
      row = feed + 1;
    }
    // Rows stand in the order of their time, so the ends of a chunk are its oldest and newest.
    if (first === -1 || this.#columns !== undefined) return;
    const oldest = bytes.toString('latin1', first, first + dateLength);
    const newest = bytes.toString('latin1', last, last + dateLength);
    if (this.from === '' || oldest < this.from) this.from = oldest;
    if (newest > this.to) this.to = newest;
  }

  /** A line that is not whole: the server was still writing it, or it is no log. Counted when it is no row. */
  scanCut(bytes: Buffer, start: number, end: number): void {
    if (end <= start || bytes[start] === hash || this.#otherKind !== undefined) return;
    this.rows++;
    if (this.#row(bytes, start, end)) return;
    this.malformedRows++;
    this.#firstMalformed ??= bytes.toString('latin1', start, end);
  }

  /** @returns false when it is no row of a receive log */
  #row(bytes: Buffer, row: number, stop: number): boolean {
    if (this.#columns !== undefined) return this.#thorough(bytes.toString('latin1', row, stop));
    const connector = row + dateLength + 1;
    if (bytes[connector - 1] !== comma || bytes[connector - 2] !== letterZ || bytes[row + 10] !== letterT) return false;
    if (bytes[connector] === quote) return this.#thorough(bytes.toString('latin1', row, stop));

    let at = this.#connectors.end(bytes, connector, stop);
    const session = at + 1;
    // A session id has 16 hex digits; documentation shows GUIDs, so others are taken too.
    at = bytes[session + idLength] === comma ? session + idLength : session;
    while (at < stop && bytes[at] !== comma) at++;
    const sequence = at + 1;
    at = sequence;
    while (at < stop && bytes[at] !== comma) at++;
    const local = at + 1;
    at = this.#locals.end(bytes, local, stop);
    const remote = at + 1;
    at = remote;
    while (at < stop && bytes[at] !== comma) at++;
    const data = at + 3;
    if (data > stop || bytes[data - 1] !== comma) return false;
    // One more comma, before the context; most rows have none, so it is their last byte.
    if (bytes[stop - 1] !== comma) {
      const context = bytes.indexOf(comma, data);
      if (context === -1 || context >= stop) return false;
    }

    const kind = bytes[at + 1];
    if (kind === greaterThan) return true;
    const text = bytes[data] === quote ? data + 1 : data;
    const letter = bytes[text] ?? 0;
    switch (kind) {
      case lessThan: {
        const lower = letter | space;
        // Of all that clients say, only MAIL FROM, EHLO, HELO and AUTH count; two letters tell them from the rest.
        if (lower === lowerM && bytes[text + mailLength - 1] === colon) {
          const known = this.#session(bytes, connector, session, sequence, local, remote, at);
          known.mail = true;
          const sender = (bytes[text + mailLength + 1] ?? 0) | space;
          if ((sender === lowerI || sender === lowerH) && isHealthCheck(bytes.toString('latin1', text, stop))) {
            known.health = true;
          }
        } else if ((lower === lowerE || lower === lowerH) && isGreeting(bytes, text)) {
          let name = text + greetingLength;
          while (bytes[name] === space) name++;
          const end = endOfWord(bytes, name, stop);
          if (end > name) {
            const known = this.#session(bytes, connector, session, sequence, local, remote, at);
            this.#greeted(known, bytes.toString('latin1', name, end));
          }
        } else if ((lower === lowerA || lower === lowerX) && isSignIn(bytes.toString('latin1', text, text + 8))) {
          this.#session(bytes, connector, session, sequence, local, remote, at).signedIn = true;
        }
        return true;
      }
      case star: {
        if (letter === letterS) {
          const permissions = this.#permissions.text(bytes, text, stop);
          if (permissions.includes(anyRecipient)) {
            this.#granted(this.#session(bytes, connector, session, sequence, local, remote, at));
          }
        } else if (letter === comma && bytes[text + 1] === letterU) {
          const note = bytes.toString('latin1', text, stop);
          if (note.includes('HealthMailbox')) {
            this.#session(bytes, connector, session, sequence, local, remote, at).health = true;
          }
        }
        return true;
      }
      case plus:
      case minus: {
        const known = this.#session(bytes, connector, session, sequence, local, remote, at);
        known.newest = bytes.toString('latin1', row, row + dateLength);
        if (kind === plus) {
          known.connected = true;
        } else {
          known.ended = true;
          this.#table.close(known);
          this.#recent[slotOf(bytes, connector, sequence)] = undefined;
        }
        return true;
      }
      default:
        return false;
    }
  }

  /** `at` is the end of the remote endpoint. */
  #session(
    bytes: Buffer,
    connector: number,
    session: number,
    sequence: number,
    local: number,
    remote: number,
    at: number,
  ): Session {
    const slot = slotOf(bytes, connector, sequence);
    let known = this.#recent[slot];
    const current = this.#connectors.last;
    const isSame = current !== undefined && this.#recentConnectors[slot] === current;
    if (known === undefined || !isKey(known.key, bytes, connector, sequence - 1, isSame ? session : connector)) {
      const key = bytes.toString('latin1', connector, sequence - 1);
      known = this.#table.session(key, current?.text ?? key.slice(0, session - connector - 1));
      this.#recent[slot] = known;
      this.#recentConnectors[slot] = current;
    }
    if (known.local === '') known.local = this.#locals.last?.text ?? bytes.toString('latin1', local, remote - 1);
    if (known.remote === '') known.remote = bytes.toString('latin1', remote, at);
    return known;
  }

  /** What the client said: its name, or the sender of a mail. */
  #said(session: Session, data: string): void {
    if (/^MAIL FROM:/i.test(data)) {
      session.mail = true;
      if (isHealthCheck(data)) session.health = true;
      return;
    }
    if (isSignIn(data)) session.signedIn = true;
    const name = /^(?:EHLO|HELO) +([^\s,"]+)/i.exec(data)?.[1];
    if (name !== undefined) this.#greeted(session, name);
  }

  #greeted(session: Session, name: string): void {
    session.greeting = name.toLowerCase();
    if (session.greeting.startsWith('smtp.availability.')) session.health = true;
  }

  /** Rights after signing in are those of an account: no relaying. */
  #granted(session: Session): void {
    if (!session.signedIn) session.anyRecipient = true;
  }

  #noted(session: Session, note: string): void {
    if (note.includes(anyRecipient)) this.#granted(session);
    if (note.includes('HealthMailbox')) session.health = true;
  }

  #header(line: string): void {
    const kind = /^#Log-type:\s*(.*)$/i.exec(line)?.[1]?.trim();
    if (kind !== undefined) this.#otherKind = /receive/i.test(kind) ? undefined : kind;
    const fields = /^#Fields:\s*(.*)$/i.exec(line)?.[1];
    if (fields === undefined) return;
    const names = fields.split(',').map((name) => name.trim().toLowerCase());
    const usual = columnNames.every((name, index) => names[index] === name) && names.length === columnNames.length;
    this.#columns = usual ? undefined : new Map(names.map((name, index) => [name, index]));
  }

  /** A row with a quoted connector, or of a file with other columns. */
  #thorough(line: string): boolean {
    const fields = splitRow(line);
    const columns = this.#columns ?? new Map(columnNames.map((name, index) => [name as string, index]));
    const field = (name: Column) => fields[columns.get(name) ?? -1];
    const [time, connector, id, event] = [
      field('date-time'),
      field('connector-id'),
      field('session-id'),
      field('event'),
    ];
    if (time === undefined || connector === undefined || id === undefined || fields.length < columns.size) return false;
    if (!/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(time) || event === undefined || !/^[-+<>*]$/.test(event)) return false;
    if (this.from === '' || time < this.from) this.from = time;
    if (time > this.to) this.to = time;
    if (event === '>') return true;
    const key = `${connector},${id}`;
    const session = this.#table.session(key, connector);
    session.local ||= field('local-endpoint') ?? '';
    session.remote ||= field('remote-endpoint') ?? '';
    if (event === '+' || event === '-') session.newest = time;
    if (event === '+') session.connected = true;
    if (event === '<') this.#said(session, field('data') ?? '');
    if (event === '*') this.#noted(session, `${field('data') ?? ''},${field('context') ?? ''}`);
    if (event === '-') {
      session.ended = true;
      this.#table.close(session);
    }
    return true;
  }
}

interface KnownText {
  readonly text: string;
  readonly length: number;
  /** Where words of eight bytes stand in it, the last one overlapping, and what they are. */
  readonly offsets: readonly number[];
  readonly words: readonly number[];
}

/**
 * Finds the end of a field that has one of a few values: the connector, the local endpoint. What was seen before is
 * compared eight bytes at a time instead of searched byte by byte, which saves a fifth of all time. The words are read as
 * doubles, which need no memory; one that is no number equals nothing, and its field is searched.
 */
class RecurringField {
  #view: DataView = new DataView(new ArrayBuffer(0));
  readonly #known: KnownText[] = [];
  #last: KnownText | undefined;

  /** What the field was that was looked at last; undefined when it is not one of the few. */
  get last(): KnownText | undefined {
    return this.#last;
  }

  /** The position of the comma after the field, or `stop`. */
  end(bytes: Buffer, start: number, stop: number): number {
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    const last = this.#last;
    if (last !== undefined && this.#is(last, bytes, start, stop)) return start + last.length;
    for (const known of this.#known) {
      if (known === last || !this.#is(known, bytes, start, stop)) continue;
      this.#last = known;
      return start + known.length;
    }
    let at = start;
    while (at < stop && bytes[at] !== comma) at++;
    this.#last = this.#known.length < mostKnown && at - start >= 8 ? this.#remember(bytes, start, at) : undefined;
    return at;
  }

  text(bytes: Buffer, start: number, stop: number): string {
    const end = this.end(bytes, start, stop);
    return this.#last?.text ?? bytes.toString('latin1', start, end);
  }

  #is(text: KnownText, bytes: Buffer, start: number, stop: number): boolean {
    const end = start + text.length;
    if (end >= stop || bytes[end] !== comma) return false;
    const { offsets, words } = text;
    const from = bytes.byteOffset + start;
    let index = 0;
    while (index < words.length && this.#view.getFloat64(from + (offsets[index] ?? 0)) === words[index]) index++;
    return index === words.length;
  }

  #remember(bytes: Buffer, start: number, end: number): KnownText {
    const length = end - start;
    const offsets: number[] = [];
    for (let offset = 0; offset + 8 < length; offset += 8) offsets.push(offset);
    offsets.push(length - 8);
    const words = offsets.map((offset) => this.#view.getFloat64(bytes.byteOffset + start + offset));
    const known = { text: bytes.toString('latin1', start, end), length, offsets, words };
    this.#known.push(known);
    return known;
  }
}

/** `AUTH …`, and `X-EXPS …` of other Exchange servers. */
function isSignIn(said: string): boolean {
  return /^(AUTH|X-EXPS)\b/i.test(said);
}

/** How archives begin, as bytes. */
const archives: readonly (readonly [start: string, kind: string])[] = [
  ['PK\u0003\u0004', 'ZIP archive'],
  ['7z\u00bc\u00af', '7-Zip archive'],
  ['Rar!', 'RAR archive'],
  ['BZh', 'bzip2 file'],
  ['\u00fd7zXZ', 'xz file'],
];

/** What a file is that holds no row of a receive log, by its first line. */
function kindOf(line: string): string {
  if (/\bpostfix\/\S+\[\d+\]:/.test(line)) return 'Postfix log';
  const archive = archives.find(([start]) => line.startsWith(start));
  if (archive !== undefined) return `${archive[1]}, which has to be unpacked first`;
  return 'unknown text';
}

/** Exchange checking itself: the mail of Managed Availability. */
function isHealthCheck(data: string): boolean {
  return /inboundproxy@|HealthMailbox/i.test(data);
}

/** From the last bytes of the session id, which differ most. */
function slotOf(bytes: Buffer, connector: number, sequence: number): number {
  let hash = sequence - connector;
  for (let at = sequence - 9; at < sequence - 1; at++) hash = (hash * 31 + (bytes[at] ?? 0)) | 0;
  return hash & (slots - 1);
}

/** Is `bytes[start..end)` this key? What stands before `from` is known to be the same when the lengths are. */
function isKey(key: string, bytes: Buffer, start: number, end: number, from: number): boolean {
  if (key.length !== end - start) return false;
  // From the end: ids differ there, connectors hardly.
  for (let at = end - 1; at >= from; at--) if (key.charCodeAt(at - start) !== bytes[at]) return false;
  return true;
}

/** `EHLO ` or `HELO ` in any case; that it begins with E or H was seen. */
function isGreeting(bytes: Buffer, at: number): boolean {
  const first = (bytes[at] ?? 0) | space;
  return (
    ((bytes[at + 1] ?? 0) | space) === (first === lowerE ? lowerH : lowerE) &&
    ((bytes[at + 2] ?? 0) | space) === lowerL &&
    ((bytes[at + 3] ?? 0) | space) === lowerO &&
    bytes[at + 4] === space
  );
}

/** Up to the next blank, comma or quote. */
function endOfWord(bytes: Buffer, from: number, stop: number): number {
  let at = from;
  while (at < stop && bytes[at] !== comma && bytes[at] !== quote && (bytes[at] ?? 0) > space) at++;
  return at;
}

/** One row of comma-separated values (RFC 4180), without line breaks inside a field. */
function splitRow(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  while (at <= line.length) {
    if (line[at] === '"') {
      let text = '';
      let end = line.indexOf('"', at + 1);
      while (end !== -1 && line[end + 1] === '"') {
        text += line.slice(at + 1, end + 1);
        at = end + 1;
        end = line.indexOf('"', at + 1);
      }
      if (end === -1) end = line.length;
      fields.push(text + line.slice(at + 1, end));
      at = end + 2;
    } else {
      const end = line.indexOf(',', at);
      fields.push(line.slice(at, end === -1 ? line.length : end));
      at = end === -1 ? line.length + 1 : end + 1;
    }
  }
  return fields;
}
