// Signs messages as RFC 6376 says, with canonicalizations of its own, so that what is tested is not tested by itself.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface SigningKey {
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  readonly key: KeyObject;
  /** The key record that belongs to it. */
  readonly record: string;
}

export function rsaKey(bits = 1024): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const data = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  return { algorithm: 'rsa-sha256', key: privateKey, record: `v=DKIM1; k=rsa; p=${data}` };
}

export function ed25519Key(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const data = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
  return { algorithm: 'ed25519-sha256', key: privateKey, record: `v=DKIM1; k=ed25519; p=${data}` };
}

export interface Signing {
  readonly by: SigningKey;
  readonly domain?: string;
  readonly selector?: string;
  /** `header/body` */
  readonly how?: string;
  readonly fields?: readonly string[];
  /** `l=` */
  readonly length?: number;
  /** Tags in place of what there would be; undefined leaves one out. */
  readonly tags?: Readonly<Record<string, string | undefined>>;
}

/** The message with its DKIM-Signature on top. @param message with CRLF */
export function signed(message: string, signing: Signing): string {
  const { by, domain = 'contoso.com', selector = 'selector1', how = 'relaxed/relaxed', length, tags = {} } = signing;
  const fields = signing.fields ?? ['From', 'To', 'Subject', 'Date', 'Message-ID'];
  const [headerHow = 'simple', bodyHow = 'simple'] = how.split('/');
  const end = message.indexOf('\r\n\r\n');
  const header = message.slice(0, end + 2).match(/[^\r\n][\s\S]*?\r\n(?![ \t])/g) ?? [];
  const body = bodyHow === 'relaxed' ? relaxedBody(message.slice(end + 4)) : simpleBody(message.slice(end + 4));
  const hash = createHash('sha256').update(Buffer.from(body, 'utf8').subarray(0, length)).digest('base64');
  const all = {
    v: '1',
    a: by.algorithm,
    c: how,
    d: domain,
    s: selector,
    t: '1795500000',
    ...(length === undefined ? {} : { l: String(length) }),
    h: fields.join(':'),
    bh: hash,
    ...tags,
  };
  const list = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const field = `DKIM-Signature: ${list.join(';\r\n ')};\r\n b=`;
  const left = [...header];
  const picked = fields.flatMap((name) => {
    const at = left.findLastIndex((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return at < 0 ? [] : left.splice(at, 1);
  });
  const canonical = (line: string) => (headerHow === 'relaxed' ? relaxedField(line) : line);
  const data = `${picked.map(canonical).join('')}${canonical(`${field}\r\n`).replace(/\r\n$/, '')}`;
  const signature =
    by.algorithm === 'rsa-sha256'
      ? sign('sha256', Buffer.from(data), by.key)
      : sign(null, createHash('sha256').update(data).digest(), by.key);
  const folded = (signature.toString('base64').match(/.{1,70}/g) ?? []).join('\r\n  ');
  return `${field}${folded}\r\n${message}`;
}

function relaxedField(line: string): string {
  const [name = '', ...value] = line.split(':');
  const one = value
    .join(':')
    .replaceAll('\r\n', '')
    .replaceAll(/[ \t]+/g, ' ');
  return `${name.toLowerCase().trim()}:${one.trim()}\r\n`;
}

function relaxedBody(body: string): string {
  const lines = body.split('\r\n').map((line) => line.replaceAll(/[ \t]+/g, ' ').replace(/ $/, ''));
  const text = lines.join('\r\n').replace(/(?:\r\n)*$/, '');
  return text === '' ? '' : `${text}\r\n`;
}

function simpleBody(body: string): string {
  return `${body.replace(/(?:\r\n)*$/, '')}\r\n`;
}

/** A message as Exchange Online would send it, unsigned; with CRLF. */
export function plainMessage({
  from = 'Adele Vance <adele@contoso.com>',
  body = 'Dear Ben,\r\n\r\nas  agreed \r\nwith regards\r\n',
  received = 'Tue, 24 Nov 2026 09:30:00 +0000',
  extra = [],
}: {
  readonly from?: string;
  readonly body?: string;
  readonly received?: string;
  readonly extra?: readonly string[];
} = {}): string {
  return [
    `Received: from mail.contoso.com (192.0.2.7) by mx.fabrikam.com\r\n with ESMTPS id 4711 for <ben@fabrikam.com>; ${received}`,
    ...extra,
    `From: ${from}`,
    'To: Ben Smith <ben@fabrikam.com>',
    'Subject: The  offer\r\n for the garden',
    'Date: Tue, 24 Nov 2026 09:29:58 +0000',
    'Message-ID: <offer-1@contoso.com>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    body,
  ].join('\r\n');
}
