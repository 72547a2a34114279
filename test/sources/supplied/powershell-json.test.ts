import { describe, expect, it } from 'vitest';
import { InvalidDocument } from '../../../src/domain/organization.ts';
import { decodeText, readPowerShellJson } from '../../../src/sources/supplied/powershell-json.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const rows = (value: unknown) => readPowerShellJson('dkim.json', JSON.stringify(value));

function utf16(text: string, order: 'le' | 'be', mark: boolean): Uint8Array {
  const content = Buffer.from(mark ? `\ufeff${text}` : text, 'utf16le');
  return order === 'le' ? content : content.swap16();
}

/** The sentence a person reads. */
function refusal(content: Uint8Array): string {
  try {
    readPowerShellJson('dkim.json', decodeText(content));
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidDocument);
    return (error as Error).message;
  }
  return expect.fail('was read');
}

describe('encodings', () => {
  const text = '[{"Domain":"contoso.com","Name":"bücher"}]';
  it.each([
    ['UTF-8', bytes(text)],
    ['UTF-8 with byte order mark', bytes(`\ufeff${text}`)],
    ['UTF-16 LE with byte order mark, as Windows PowerShell writes', utf16(text, 'le', true)],
    ['UTF-16 LE without', utf16(text, 'le', false)],
    ['UTF-16 BE with byte order mark', utf16(text, 'be', true)],
    ['UTF-16 BE without', utf16(text, 'be', false)],
  ])('%s', (_, content) => {
    expect(readPowerShellJson('dkim.json', decodeText(content))).toEqual([{ Domain: 'contoso.com', Name: 'bücher' }]);
    expect(decodeText(content).replace('\ufeff', '')).toBe(text);
  });
});

describe('shapes', () => {
  const row = { Domain: 'contoso.com' };
  it.each([
    ['a list', [row]],
    ['one object alone', row],
    ['the REST envelope', { '@odata.context': 'https://outlook.office365.com/adminapi/…', value: [row] }],
    ['a list that PowerShell 5 wraps', { value: [row], Count: 1 }],
  ])('%s', (_, value) => {
    expect(rows(value)).toEqual([row]);
  });

  it('drops the side keys of the REST shape', () => {
    expect(
      rows({
        value: [
          {
            Domain: 'contoso.com',
            'Selector1KeySize@data.type': 'System.UInt16',
            'Selector1KeySize@odata.type': '#Decimal',
            Selector1KeySize: 2048,
            'KeyCreationTime@data.type': 'System.DateTime',
            KeyCreationTime: '2026-07-14T18:54:40.7066975Z',
          },
        ],
      }),
    ).toEqual([{ Domain: 'contoso.com', Selector1KeySize: 2048, KeyCreationTime: '2026-07-14T18:54:40.7066975Z' }]);
  });

  it.each([
    ['of PowerShell 5', '/Date(1626817730517)/'],
    ['of PowerShell 5 with a zone, which changes nothing', '/Date(1626817730517+0200)/'],
    [
      'of PowerShell 5, wrapped',
      { value: '/Date(1626817730517)/', DisplayHint: 2, DateTime: 'Tuesday, 20 July 2021 21:48:50' },
    ],
  ])('reads dates %s', (_, date) => {
    expect(rows([{ RotateOnDate: date }])).toEqual([{ RotateOnDate: '2021-07-20T21:48:50.517Z' }]);
  });

  it('leaves alone what only looks like a date', () => {
    expect(rows([{ a: '/Date(soon)/', b: '/Date(99999999999999999999)/' }])).toEqual([
      { a: '/Date(soon)/', b: '/Date(99999999999999999999)/' },
    ]);
  });
});

describe('what is refused, and how to mend it', () => {
  it.each([
    [
      'an empty file',
      bytes(' \r\n'),
      'dkim.json: the file is empty; export it again, e.g. Get-AcceptedDomain | ConvertTo-Json | Out-File domains.json',
    ],
    ['an empty list', bytes('[]'), 'dkim.json: holds no rows'],
    ['an envelope without rows', bytes('{"value":[]}'), 'dkim.json: holds no rows'],
    [
      'the first page of several',
      bytes('{"value":[{"Domain":"contoso.com"}],"@odata.nextLink":"https://outlook.office365.com/next"}'),
      'dkim.json: holds only the first page of the rows (it has an @odata.nextLink); export all of them, e.g. with -ResultSize Unlimited',
    ],
    [
      'a list of something else',
      bytes('[{"Domain":"contoso.com"},"contoso.com"]'),
      'dkim.json: [1]: is no object; expected a row of properties',
    ],
    ['a bare value', bytes('42'), 'dkim.json: [0]: is no object; expected a row of properties'],
  ])('%s', (_, content, sentence) => {
    expect(refusal(content)).toBe(sentence);
  });

  it.each([
    ['what Format-List prints', 'Domain  : contoso.com\r\nEnabled : True\r\n'],
    ['a file that was cut short', '[{"Domain":"contoso.com","Enabled":tr'],
    ['zero bytes', '\0\0\0\0'],
  ])('%s', (_, text) => {
    expect(refusal(bytes(text))).toMatch(/^dkim\.json: is no JSON \(.+\); export it with ConvertTo-Json$/s);
  });
});
