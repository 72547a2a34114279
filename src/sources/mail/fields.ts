// Header fields as they stand in a message (RFC 5322 section 2.2), byte for byte: a character is a byte here.

export interface Field {
  /** In lower case. */
  readonly name: string;
  /** Name, colon and value, with CRLF where it is folded, without the line end behind it. */
  readonly raw: string;
}

/** A name that header fields have: printable, no colon (RFC 5322 section 3.6.8); spaces before the colon are obsolete, not gone. */
const start = /^([!-9;-~]{1,76})[ \t]{0,8}:/;

/** DKIM-Signature fields (RFC 6376 section 3.5), from the top. */
export function signaturesIn(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name }) => /^DKIM-Signature$/i.test(name));
}

/** A header, and what stands behind the empty line that ends it; no body where there is no such line. */
export interface Split {
  readonly fields: readonly Field[];
  readonly body: Buffer | undefined;
}

/** Longer headers are nobody's; what is beyond is not read. */
const mostHeader = 1_000_000;

/** Splits what begins with a header field; undefined when its first line is none. */
export function splitMessage(content: Buffer): Split | undefined {
  const fields: Field[] = [];
  let raw: string[] = [];
  let at = 0;
  const finish = () => {
    const name = start.exec(raw[0] ?? '')?.[1];
    if (name !== undefined) fields.push({ name: name.toLowerCase(), raw: raw.join('\r\n') });
    raw = [];
  };
  while (at < content.length && at < mostHeader) {
    const next = content.indexOf(0x0a, at);
    const end = next < 0 ? content.length : next;
    const line = content.toString('latin1', at, content[end - 1] === 0x0d && end > at ? end - 1 : end);
    at = end + 1;
    if (line === '') {
      finish();
      return fields.length === 0 ? undefined : { fields, body: content.subarray(at) };
    }
    if (/^[ \t]/.test(line) && raw.length > 0) raw.push(line);
    else if (start.test(line)) {
      finish();
      raw.push(line);
    } else if (fields.length === 0 && raw.length === 0) {
      // The line that mailbox files put before each message.
      if (!line.startsWith('From ')) return undefined;
    } else {
      // Not a header any more, and no empty line before it: what stands there was copied together.
      return undefined;
    }
  }
  finish();
  return fields.length === 0 ? undefined : { fields, body: undefined };
}

/** The value of a field, unfolded, its bytes read as UTF-8. */
export function textOf({ raw }: Field): string {
  const value = raw.slice(raw.indexOf(':') + 1).replaceAll('\r\n', '');
  return Buffer.from(value, 'latin1').toString('utf8').trim();
}

export function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter((field) => field.name === name).map(textOf);
}

/** Of fields of which one at most makes sense the first. */
export function valueIn(fields: readonly Field[], name: string): string | undefined {
  const field = fields.find((one) => one.name === name);
  return field === undefined ? undefined : textOf(field);
}

/** Fields that copied headers hold; a text without any of them is no header, whatever its colons. */
const telling =
  /^(?:DKIM-Signature|received|authentication-results|arc-[a-z-]+|return-path|message-id|mime-version|from)$/i;

export function tellsOfMail(fields: readonly Field[]): boolean {
  return fields.some(({ name }) => telling.test(name));
}

/** Fields that only the header of a message brings, not what somebody types. */
const traces = /^(?:DKIM-Signature|received|authentication-results|arc-authentication-results)$/i;

export function isTraced(fields: readonly Field[]): boolean {
  return fields.some(({ name }) => traces.test(name));
}

/** As fields begin in copied text: what stands in `h=` of a signature has no space behind its colons. */
const copiedStart = /^([A-Za-z][A-Za-z0-9-]{0,75})[ \t]{0,8}:(?:[ \t]|$)/;

/** With which field a copied header may begin. */
const known =
  /^(?:DKIM-Signature|received(?:-spf)?|authentication-results|arc-(?:seal|message-signature|authentication-results)|return-path|delivered-to|message-id|mime-version|from|x-[a-z0-9-]{3,60}|content-type|date|to|subject)[ \t]{0,8}:(?:[ \t]|$)/i;

/**
 * Finds header fields in a text that somebody copied: with sentences before and behind, empty lines between, quotation
 * marks or indentation before each line, folded lines that lost their indentation.
 *
 * @returns the fields, and the text before them; undefined when there are none
 */
export function copiedFields(content: Buffer): Copied | undefined {
  const lines = content
    .toString('latin1', 0, mostHeader)
    .split(/\r?\n|\r/)
    .map((line) => line.replace(/^(?:[ \t]{0,8}>){1,8} ?/, '').replaceAll('\xc2\xa0', ' '));
  let copied: Copied | undefined;
  for (let first = 0; first < lines.length && copied?.isTraced !== true; first++) {
    if (!known.test(lines[first]?.trimStart() ?? '')) continue;
    const block = blockAt(lines, first);
    // Pages that show a header put a summary before it: what servers wrote counts more.
    if (block.isTraced || (copied === undefined && tellsOfMail(block.fields) && block.fields.length > 1)) {
      copied = { ...block, before: lines.slice(0, first).join('\n') };
    }
    first = block.end - 1;
  }
  return copied;
}

interface Block {
  readonly fields: readonly Field[];
  /** It holds what only servers write. */
  readonly isTraced: boolean;
  /** The line behind it. */
  readonly end: number;
}

interface Copied extends Block {
  readonly before: string;
}

function blockAt(lines: readonly string[], first: number): Block {
  const indent = indentOf(lines[first]);
  // Some pages put an empty line behind each.
  const isSpaced = [1, 3, 5].every((ahead) => (lines[first + ahead] ?? '').trim() === '');
  const fields: Field[] = [];
  let raw: string[] = [];
  let name = '';
  let isBehindGap = false;
  const finish = () => {
    if (raw.length > 0) fields.push({ name, raw: raw.join('\r\n') });
    raw = [];
  };
  let end = first;
  for (; end < lines.length; end++) {
    const whole = lines[end] ?? '';
    const line = whole.slice(Math.min(indent, indentOf(whole)));
    if (line.trim() === '') {
      isBehindGap = !isSpaced;
      continue;
    }
    const begins = copiedStart.exec(line)?.[1]?.toLowerCase();
    if (begins !== undefined) {
      if (isBehindGap && !traces.test(begins) && fields.some((field) => field.name === 'from')) break;
      finish();
      name = begins;
      raw.push(line);
    } else if (isBehindGap) break;
    else raw.push(/^[ \t]/.test(line) ? line : ` ${line}`);
    isBehindGap = false;
  }
  finish();
  return { fields, isTraced: isTraced(fields), end: Math.max(end, first + 1) };
}

function indentOf(line = ''): number {
  return line.length - line.trimStart().length;
}
