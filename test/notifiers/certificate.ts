import { generateKeyPairSync, sign } from 'node:crypto';
import * as asn1 from 'asn1js';

const oids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  rsaWithSha256: '1.2.840.113549.1.1.11',
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
};

/**
 * Makes a key and a certificate for `host` that signs itself, valid for a day around now (RFC 5280 section 4.1), as PEM.
 * Servers take either kind of key; an application signs in to Entra ID with an RSA key only.
 */
export function selfSigned(host: string, kind: 'ec' | 'rsa' = 'ec'): { key: string; cert: string } {
  const { privateKey, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const algorithm =
    kind === 'ec' ? sequence(oid(oids.ecdsaWithSha256)) : sequence(oid(oids.rsaWithSha256), new asn1.Null());
  const name = sequence(
    new asn1.Set({ value: [sequence(oid(oids.commonName), new asn1.Utf8String({ value: host.slice(0, 64) }))] }),
  );
  const dnsName = new asn1.Primitive({
    idBlock: { tagClass: 3, tagNumber: 2 },
    valueHex: bytes(Buffer.from(host)),
  });
  const day = (days: number) => new asn1.UTCTime({ valueDate: new Date(Date.now() + days * 86_400_000) });
  const toSign = sequence(
    tagged(0, new asn1.Integer({ value: 2 })),
    new asn1.Integer({ value: 1 }),
    algorithm,
    name,
    sequence(day(-1), day(1)),
    name,
    asn1.fromBER(bytes(publicKey.export({ type: 'spki', format: 'der' }))).result,
    tagged(
      3,
      sequence(
        extension(oids.subjectAltName, sequence(dnsName)),
        extension(oids.basicConstraints, sequence(new asn1.Boolean({ value: true }))),
      ),
    ),
  );
  const signature = sign('sha256', Buffer.from(toSign.toBER()), privateKey);
  const certificate = sequence(toSign, algorithm, new asn1.BitString({ valueHex: bytes(signature) }));
  const base64 = Buffer.from(certificate.toBER())
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

function sequence(...value: asn1.AsnType[]): asn1.Sequence {
  return new asn1.Sequence({ value });
}

function tagged(tagNumber: number, value: asn1.AsnType): asn1.Constructed {
  return new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });
}

function extension(id: string, value: asn1.Sequence): asn1.Sequence {
  return sequence(oid(id), new asn1.OctetString({ valueHex: value.toBER() }));
}

function oid(value: string): asn1.ObjectIdentifier {
  return new asn1.ObjectIdentifier({ value });
}

function bytes(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}
