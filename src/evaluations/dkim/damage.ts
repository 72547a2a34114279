import type { KeyRecordDamage } from '../../facts/mail-domain/key-record.ts';

const steps: Readonly<Record<KeyRecordDamage, string>> = {
  'backslash-semicolon':
    'take the backslashes out: the form of a DNS host wants plain semicolons, only a zone file escapes them',
  'literal-quotes': 'take the quotation marks out: they belong into a zone file, not into the form of a DNS host',
  'typographic-quotes':
    'take the typographic quotation marks out; copy the value from the signing service itself, not from a word processor or a mail',
  'byte-order-mark': 'delete the value and type its beginning (v=DKIM1) by hand: the mark came in with a copied file',
  'invisible-character':
    'delete the value and enter it anew from plain text: what came along from a web page or a word processor is not seen in the form',
  'missing-semicolon': 'put the semicolon between the two tags',
  'signature-algorithm-in-h': 'write h=sha256, or leave the tag h= out',
  'zone-line': 'enter the value alone, from v=DKIM1 on: the name and the type have fields of their own in the form',
  'target-in-txt':
    'delete the TXT record and enter the same target as a CNAME: the type of the record is wrong, not its text',
  'pem-lines': 'leave the lines with BEGIN and END out of p=, and put what stands between them into one line',
  'key-without-tags': 'put the whole record there, in one TXT record: v=DKIM1; k=rsa; p= and the whole key',
  abbreviated: 'copy the whole key: what stands there is what a page shows of it',
  'cut-short':
    'enter the whole record. A string of a TXT record holds 255 characters, so a longer record needs several strings in the same record; many DNS hosts split it themselves, others want it as "first part" "second part"',
};

/** The step that mends a damaged record, as a sentence. */
export function stepFor(damage: KeyRecordDamage, name: string): string {
  return `At ${name}: ${steps[damage]}.`;
}
