import { generateKeyPairSync } from 'node:crypto';
import { zoneHead } from './nsd.ts';

/** The zone in which all domains of {@link dkimZones} lie, and the one that their selectors point into. */
export const CUSTOMER_ZONE = 'customers.example';
export const MICROSOFT_ZONE = 'contoso.onmicrosoft.com';

/** The TXT text of a DKIM key as Microsoft publishes it. */
export function dkimKey(bits: number): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')};`;
}

/** The character-strings of a TXT record, of 255 bytes and what is left, as Microsoft cuts them. */
export function txtStrings(text: string): string[] {
  return text.match(/.{1,255}/gs) ?? [''];
}

/** A TXT record's data in a master file. */
export function txtData(text: string): string {
  return txtStrings(text)
    .map((part) => `"${part}"`)
    .join(' ');
}

export function dkimDomain(index: number): string {
  return `d${index}.${CUSTOMER_ZONE}`;
}

/** The selector names of a domain: what is asked for each domain, TXT. */
export function selectorNames(domain: string): [string, string] {
  return [`selector1._domainkey.${domain}`, `selector2._domainkey.${domain}`];
}

/** Master files of `domains` healthy domains: both selectors as CNAMEs to 2,048-bit keys. Keys repeat; making one takes long. */
export function dkimZones(domains: number): Record<string, string> {
  const keys = Array.from({ length: 8 }, () => txtData(dkimKey(2048)));
  const customers = [zoneHead(CUSTOMER_ZONE)];
  const microsoft = [zoneHead(MICROSOFT_ZONE)];
  for (let i = 0; i < domains; i++) {
    for (const selector of ['selector1', 'selector2']) {
      const target = `${selector}-d${i}-customers-example._domainkey`;
      customers.push(`${selector}._domainkey.d${i} IN CNAME ${target}.${MICROSOFT_ZONE}.\n`);
      microsoft.push(`${target} IN TXT ${keys[(i * 2 + selector.length) % keys.length]}\n`);
    }
  }
  return { [CUSTOMER_ZONE]: customers.join(''), [MICROSOFT_ZONE]: microsoft.join('') };
}
