import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

// X.509 certificates (RFC 5280) with P-256 keys, written as DER: enough of it for a chain that OpenSSL accepts.

const dayMs = 86_400_000;

export interface ServerCertificate {
  /** PEM: leaf, then the intermediates that the server sends. */
  readonly cert: string;
  readonly key: string;
}

/** A certification authority of the tests, with an intermediate below it. */
export interface Authority {
  readonly root: string;
  /**
   * @param options.chain false leaves the intermediate out, as a server does that does not send it; `cross-signed` adds the
   *   root once more, issued by an older one, in a certificate that has expired
   */
  issue(
    names: readonly string[],
    options?: { readonly from?: Date; readonly to?: Date; readonly chain?: boolean | 'cross-signed' },
  ): ServerCertificate;
}

export function createAuthority(name = 'Test'): Authority {
  const root = authority(`${name} Root CA`);
  const intermediate = authority(`${name} Intermediate CA`, root);
  const crossSigned = authorityCertificate(root, authority(`Old ${name} Root CA`), new Date('2021-01-01T00:00:00Z'));
  return {
    root: root.pem,
    issue(names, { from = new Date(Date.now() - dayMs), to = new Date(Date.now() + 300 * dayMs), chain = true } = {}) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const leaf = certificate({
        subject: names[0] ?? 'nobody',
        issuer: intermediate,
        publicKey,
        from,
        to,
        extensions: [
          extension('2.5.29.17', sequence(...names.map(generalName))),
          extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))),
        ],
      });
      return {
        cert: `${leaf}${chain === false ? '' : intermediate.pem}${chain === 'cross-signed' ? crossSigned : ''}`,
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

interface Issuer {
  readonly name: string;
  readonly privateKey: KeyObject;
}

function authority(name: string, issuer?: Issuer): Issuer & { readonly publicKey: KeyObject; readonly pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = authorityCertificate({ name, publicKey }, issuer ?? { name, privateKey });
  return { name, publicKey, privateKey, pem };
}

function authorityCertificate(
  { name, publicKey }: { readonly name: string; readonly publicKey: KeyObject },
  issuer: Issuer,
  to = new Date('2040-01-01T00:00:00Z'),
): string {
  return certificate({
    subject: name,
    issuer,
    publicKey,
    from: new Date('2020-01-01T00:00:00Z'),
    to,
    extensions: [
      extension('2.5.29.19', sequence(tagged(0x01, Buffer.from([0xff]))), true),
      // keyCertSign and cRLSign
      extension('2.5.29.15', tagged(0x03, Buffer.from([1, 0x06])), true),
    ],
  });
}

function certificate(of: {
  readonly subject: string;
  readonly issuer: Issuer;
  readonly publicKey: KeyObject;
  readonly from: Date;
  readonly to: Date;
  readonly extensions: readonly Buffer[];
}): string {
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    commonName(of.issuer.name),
    sequence(time(of.from), time(of.to)),
    commonName(of.subject),
    of.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...of.extensions)),
  );
  const signature = sign('sha256', body, of.issuer.privateKey);
  const whole = sequence(body, ecdsaWithSha256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest.flatMap(base128)];
  return tagged(0x06, Buffer.from(bytes));
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

function commonName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(name)))));
}

function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return tagged(0x18, Buffer.from(`${digits}Z`));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [tagged(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, tagged(0x04, value));
}

function generalName(name: string): Buffer {
  return isIP(name) === 4 ? tagged(0x87, Buffer.from(name.split('.').map(Number))) : tagged(0x82, Buffer.from(name));
}
