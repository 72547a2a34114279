import { describe, expect, it } from 'vitest';
import { decodeText } from '../../../src/sources/supplied/powershell-json.ts';
import { readRows, rowsOf } from '../../../src/sources/supplied/rows.ts';
import { refusal } from './refusal.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => readRows('signing.json', text);
const rows = (value: unknown) => read(JSON.stringify(value)).rows;

function utf16(text: string, order: 'le' | 'be', mark: boolean): Uint8Array {
  const content = Buffer.from(mark ? `\ufeff${text}` : text, 'utf16le');
  return order === 'le' ? content : content.swap16();
}

const command = 'Get-DkimSigningConfig | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 signing.json';
const run = `; run this line and supply its file: ${command}`;

describe('encodings', () => {
  const text = '[{"Domain":"contoso.com","Name":"bücher"}]';
  it.each([
    ['UTF-8', bytes(text)],
    ['UTF-8 with byte order mark', bytes(`\ufeff${text}`)],
    ['UTF-16 LE with byte order mark, as Windows PowerShell writes', utf16(text, 'le', true)],
    ['UTF-16 LE without', utf16(text, 'le', false)],
    ['UTF-16 BE with byte order mark', utf16(text, 'be', true)],
    ['UTF-16 BE without', utf16(text, 'be', false)],
    ['Windows-1252, as Export-Csv -Encoding Default writes', Buffer.from(text, 'latin1')],
  ])('%s', (_, content) => {
    expect(decodeText(content)).toBe(text);
    expect(read(decodeText(content)).rows).toEqual([{ Domain: 'contoso.com', Name: 'bücher' }]);
  });
});

describe('JSON', () => {
  const row = { Domain: 'contoso.com' };
  const other = { Domain: 'fabrikam.com' };
  it.each([
    ['a list', [row, other]],
    ['the REST envelope', { '@odata.context': 'https://outlook.office365.com/adminapi/…', value: [row, other] }],
    ['a list that PowerShell 5 wraps', { value: [row, other], Count: 2 }],
    ['lists that it wraps in a list', [{ value: [row, other], Count: 2 }]],
    ['lists in a list', [[row], [other]]],
  ])('%s', (_, value) => {
    expect(rows(value)).toEqual([row, other]);
    expect(rowsOf('facts', value).rows).toEqual([row, other]);
  });

  it.each([
    [
      'one after the other, as ForEach-Object writes them',
      '{\r\n "Domain": "contoso.com"\r\n}\r\n{\r\n "Domain": "fabrikam.com"\r\n}',
    ],
    ['with commas between them', '{"Domain":"contoso.com"},\n{"Domain":"fabrikam.com"}'],
    ['a line each', '{"Domain":"contoso.com"}\n{"Domain":"fabrikam.com"}\n'],
    ['list after list', '[{"Domain":"contoso.com"}]\r\n\r\n[{"Domain":"fabrikam.com"}]'],
    ['wrapped by a console in the middle of a word', '[{"Domain":"conto\r\nso.com"},{"Domain":"fabri\nkam.com"}]'],
    [
      'behind a prompt and a warning',
      'PS C:\\> Get-DkimSigningConfig | ConvertTo-Json\r\nWARNING: truncated\r\n[{"Domain":"contoso.com"},{"Domain":"fabrikam.com"}]\r\nPS C:\\> ',
    ],
    ['in colours', '\u001b[32;1m[{"Domain":"contoso.com"},\u001b[0m{"Domain":"fabrikam.com"}]'],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual({ rows: [row, other], unread: new Map(), inWords: false });
  });

  it.each([
    ['of PowerShell 5', '/Date(1626817730517)/'],
    ['of PowerShell 5 with a zone, which changes nothing', '/Date(1626817730517+0200)/'],
    ['of PowerShell 5, wrapped', { value: '/Date(1626817730517)/', DisplayHint: 2, DateTime: 'Tuesday, 20 July 2021' }],
  ])('dates %s', (_, date) => {
    expect(rows([{ RotateOnDate: date }])).toEqual([{ RotateOnDate: '2021-07-20T21:48:50.517Z' }]);
  });

  it('enumerations by name, lists as lists, and no side keys', () => {
    expect(
      rows([
        {
          'Selector1KeySize@data.type': 'System.UInt16',
          Selector1KeySize: 2048,
          Status: { value: 1, Value: 'Valid' },
          Algorithm: { Value: 'RsaSHA256', value: 0 },
          ObjectClass: { value: ['top', 'x'], Count: 2 },
          a: '/Date(soon)/',
          b: { value: 1, Other: 2 },
        },
      ]),
    ).toEqual([
      {
        Selector1KeySize: 2048,
        Status: 'Valid',
        Algorithm: 'RsaSHA256',
        ObjectClass: ['top', 'x'],
        a: '/Date(soon)/',
        b: { value: 1, Other: 2 },
      },
    ]);
  });

  it('nothing at all, when that is what it says', () => {
    for (const text of ['[]', '[\r\n\r\n]', '{"value":[]}', 'null']) expect(read(text).rows).toEqual([]);
  });

  it('an entry that is none costs itself', () => {
    expect(read('[{"Domain":"contoso.com"},null,"x"]')).toEqual({
      rows: [row, {}, {}],
      unread: new Map([
        [1, 'is no object with properties'],
        [2, 'is no object with properties'],
      ]),
      inWords: false,
    });
    expect([...read('{"Domain":"contoso.com"}\n{"Domain":nobody}\n').unread.values()]).toEqual([
      expect.stringMatching(/^is no JSON \(.+\)$/s),
    ]);
  });
});

/** What PowerShell 7.6 prints with 80 columns. */
const formatList = `
Domain                     : contoso.com
AdminDisplayName           :${' '}
Selector1PublicKey         : v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AM
                             IIBCgKCAQEAsMWAwfXzJdTP9ktMHF6dsTE61X817JLPgKywGnS5
                             AB;
Enabled                    : True
RotateOnDate               : 05/08/2026 18:14:40

Domain                     : fabrikam.com
AdminDisplayName           :${' '}
Selector1PublicKey         :${' '}
Enabled                    : False
RotateOnDate               : 05/08/2026 18:14:40

`;

describe('Format-List', () => {
  const expected = {
    rows: [
      {
        Domain: 'contoso.com',
        AdminDisplayName: '',
        Selector1PublicKey:
          'v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsMWAwfXzJdTP9ktMHF6dsTE61X817JLPgKywGnS5AB;',
        Enabled: 'True',
        RotateOnDate: '05/08/2026 18:14:40',
      },
      {
        Domain: 'fabrikam.com',
        AdminDisplayName: '',
        Selector1PublicKey: '',
        Enabled: 'False',
        RotateOnDate: '05/08/2026 18:14:40',
      },
    ],
    unread: new Map(),
    inWords: true,
  };
  it.each([
    ['as it is printed', formatList],
    ['with the line ends of Windows', formatList.replaceAll('\n', '\r\n')],
    ['with two blank lines between objects', formatList.replaceAll('\n\n', '\n\n\n')],
    ['without blank lines', formatList.replaceAll('\n\n', '\n')],
    ['a blank line after every line', formatList.replaceAll('\n', '\n\n')],
    ['wrapped without indentation, as a mail does', formatList.replace(/^ +(?=\S)/gm, '')],
    ['copied from a console', `PS C:\\Users\\adele> Get-DkimSigningConfig | fl\n${formatList}PS C:\\Users\\adele> `],
    ['trailing blanks lost', formatList.replace(/ +$/gm, '')],
    ['in colours', formatList.replace(/^(\w+ +: )/gm, '\u001b[32;1m$1\u001b[0m')],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual(expected);
  });
});

describe('CSV', () => {
  const expected = [
    { Domain: 'contoso.com', Enabled: 'True', Selector1PublicKey: 'v=DKIM1; k=rsa, p=AA' },
    { Domain: 'fabrikam.com', Enabled: 'False', Selector1PublicKey: '' },
  ];
  const csv = (delimiter: string) =>
    [
      ['Domain', 'Enabled', 'Selector1PublicKey'],
      ['contoso.com', 'True', 'v=DKIM1; k=rsa, p=AA'],
      ['fabrikam.com', 'False', ''],
    ]
      .map((fields) => fields.map((field) => `"${field}"`).join(delimiter))
      .join('\r\n');
  it.each([
    ['with commas', csv(',')],
    ['with semicolons', csv(';')],
    ['with tabs, as Excel saves Unicode text', csv('\t')],
    ['with its type', `#TYPE System.Management.Automation.PSCustomObject\r\n${csv(',')}\r\n`],
    ['with the separator that Excel wants to know', `sep=;\r\n${csv(';')}`],
    [
      'two exports in one file',
      `${csv(',').split('\r\n').slice(0, 2).join('\r\n')}\r\n${csv(',').split('\r\n')[0]}\r\n${csv(',').split('\r\n')[2]}`,
    ],
    [
      'unquoted where it can be',
      'Domain;Enabled;Selector1PublicKey\r\ncontoso.com;True;"v=DKIM1; k=rsa, p=AA"\r\nfabrikam.com;False;\r\n\r\n',
    ],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual({ rows: expected, unread: new Map(), inWords: true });
  });

  it('a line with too many fields costs itself', () => {
    expect(read('Domain,Enabled\ncontoso.com,True\nfabrikam.com,True,x\ncontoso.net,True')).toEqual({
      rows: [{ Domain: 'contoso.com', Enabled: 'True' }, {}, { Domain: 'contoso.net', Enabled: 'True' }],
      unread: new Map([[1, 'has 3 fields in place of 2']]),
      inWords: true,
    });
  });

  it('one column, and a value on several lines', () => {
    expect(read('"DomainName"\n"contoso.com"').rows).toEqual([{ DomainName: 'contoso.com' }]);
    expect(read('"Domain","Key"\n"contoso.com","p=AA\r\nBB"').rows).toEqual([
      { Domain: 'contoso.com', Key: 'p=AA\r\nBB' },
    ]);
  });
});

/** What Export-Clixml of PowerShell 7.6 writes, shortened; properties of a deserialized object stand in Props. */
const clixml = `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">
  <Obj RefId="0">
    <TN RefId="0"><T>System.Management.Automation.PSCustomObject</T><T>System.Object</T></TN>
    <ToString>contoso.com</ToString>
    <Props>
      <S N="Domain">contoso.com</S>
      <S N="AdminDisplayName"></S>
      <U16 N="Selector1KeySize">2048</U16>
      <B N="Enabled">true</B>
      <DT N="RotateOnDate">2026-05-08T18:14:40Z</DT>
      <Obj N="Status" RefId="1">
        <TN RefId="1"><T>DkimStatus</T><T>System.Enum</T></TN>
        <ToString>Valid</ToString>
        <I32>1</I32>
      </Obj>
      <Obj N="ObjectClass" RefId="2"><TNRef RefId="2" /><LST><S>top</S></LST></Obj>
      <Nil N="Nothing" />
    </Props>
    <MS><S N="Lines">a_x000D__x000A_b &lt;c&gt;</S></MS>
  </Obj>
  <Obj RefId="3">
    <TNRef RefId="0" />
    <MS><S N="Domain">fabrikam.com</S><B N="Enabled">false</B><Ref N="Status" RefId="1" /></MS>
  </Obj>
</Objs>`;

describe('CLIXML', () => {
  const expected = [
    {
      Domain: 'contoso.com',
      AdminDisplayName: '',
      Selector1KeySize: '2048',
      Enabled: true,
      RotateOnDate: '2026-05-08T18:14:40Z',
      Status: 'Valid',
      ObjectClass: undefined,
      Nothing: null,
      Lines: 'a\r\nb <c>',
    },
    { Domain: 'fabrikam.com', Enabled: false, Status: 'Valid' },
  ];
  const objects = /<Obj RefId="0">.*(?=<\/Objs>)/s;
  it.each([
    ['object by object', clixml],
    [
      'a list',
      clixml.replace(
        objects,
        (all) => `<Obj RefId="9"><TN RefId="9"><T>System.Object[]</T></TN><LST>${all}</LST></Obj>`,
      ),
    ],
    ['with a declaration', `<?xml version="1.0" encoding="utf-16"?>\r\n${clixml}`],
    ['as another process hands it over', `#< CLIXML\r\n${clixml}`],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual({ rows: expected, unread: new Map(), inWords: false });
  });

  it('of nothing', () => {
    expect(read('<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04" />').rows).toEqual([]);
  });
});

describe('what is refused, with the whole line to run instead', () => {
  it.each([
    [
      'an empty file',
      ' \r\n',
      /^signing\.json: the file is empty: the command wrote nothing, or failed \(nothing configured is \[\]\)$/,
    ],
    [
      'the first page of several',
      '{"value":[{"Domain":"contoso.com"}],"@odata.nextLink":"https://outlook.office365.com/next"}',
      /^signing\.json: holds only the first page of the rows \(it has an @odata\.nextLink\)$/,
    ],
    [
      'a file that was cut short',
      '[{"Domain":"contoso.com","Enabled":tr',
      /^signing\.json: is no JSON, or was cut short \(.+\)$/s,
    ],
    ['one cut inside a text', '[{"Domain":"contoso.c', /^signing\.json: is no JSON, or was cut short \(.+\)$/s],
    [
      'a list of something else',
      '["contoso.com"]',
      /^signing\.json: holds no rows: what stands there is no object with properties$/,
    ],
    ['a bare value', '42', /^signing\.json: is neither JSON nor CSV, Format-List or CLIXML; it begins with "42"$/],
    ['zero bytes', '\0\0\0\0', /^signing\.json: is neither JSON nor CSV/],
    ['prose', 'See the attached file, please.', /^signing\.json: is neither JSON nor CSV/],
    [
      'Format-Table',
      'Domain       Enabled Selector1CNAME\r\n------       ------- --------------\r\ncontoso.com  True    selector1-contoso-com._domai…\r\n',
      /^signing\.json: is a table \(Format-Table\), which leaves properties out and cuts long values short$/,
    ],
    ['a web page', '<html><body>Sign in</body></html>', /^signing\.json: is a markup that nobody exports rows with$/],
    ['CLIXML cut short', clixml.slice(0, 400), /^signing\.json: is no CLIXML, or was cut short \(.+\)$/s],
    ['XML with entities of its own', `<!DOCTYPE Objs [<!ENTITY a "b">]>${clixml}`, /^signing\.json: is a markup/],
    [
      'CSV cut inside a text',
      'Domain,Enabled\ncontoso.com,"Tr',
      /^signing\.json: is no CSV, or was cut short \(.+\)$/s,
    ],
    [
      'an error in place of rows',
      "Get-DkimSigningConfig : The term 'Get-DkimSigningConfig' is not recognized as the name of a cmdlet.\r\nAt line:1 char:1\r\n+ Get-DkimSigningConfig\r\n    + CategoryInfo          : ObjectNotFound: (…) [], CommandNotFoundException\r\n",
      /^signing\.json: holds an error of PowerShell and no rows: Get-DkimSigningConfig : The term 'Get-DkimSigningConfig' is not recognized as the name of a cmdlet\.$/,
    ],
    [
      'an error that hides its reason',
      'The running command stopped because the preference variable "ErrorActionPreference" or common parameter is set to Stop: Access is denied.',
      /^signing\.json: holds an error of PowerShell and no rows: Access is denied\.$/,
    ],
  ])('%s', (_, text, why) => {
    const sentence = refusal(() => readRows('signing.json', text, () => command));
    expect(sentence.endsWith(run)).toBe(true);
    expect(sentence.slice(0, -run.length)).toMatch(why);
  });

  it('names a line even when nobody knows what it should be', () => {
    expect(refusal(() => read(''))).toContain(
      'run this line and supply its file: Get-AcceptedDomain | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 domains.json',
    );
  });
});
