import { describe, expect, it } from 'vitest';
import { readSupplied, recognise } from '../../../../src/app/supplied/read.ts';
import { evaluations } from '../../../../src/evaluations/index.ts';
import { refusal } from '../../supplied/refusal.ts';

const writtenAt = '2026-11-24T09:00:00.000Z';
const dkim = evaluations.of('dkim');

type Kind = 'signing-configuration' | 'accepted-domain' | undefined;

function supplied(...files: readonly (readonly [name: string, kind: Kind, content: string])[]) {
  return readSupplied(
    dkim,
    files.map(([name, kind, content]) => ({ name, kind, writtenAt, content: new TextEncoder().encode(content) })),
  );
}

function factsOf(supply: ReturnType<typeof supplied>, id: string) {
  return supply.factsFor(dkim.subject.parse({ kind: 'mail-domain', id })).facts;
}

const row = {
  Domain: 'contoso.com',
  Enabled: true,
  Selector1CNAME: 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com',
  RotateOnDate: '2026-05-08T08:14:40.7066975Z',
  SelectorBeforeRotateOnDate: 'selector2',
  SelectorAfterRotateOnDate: 'selector1',
};
const json = JSON.stringify(row);
const domains = JSON.stringify([{ DomainName: 'contoso.com' }, { DomainName: 'fabrikam.com' }]);
const runSigning =
  'run this line and supply its file: Get-DkimSigningConfig | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 signing.json';
const runAccepted =
  'run this line and supply its file: Get-AcceptedDomain | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 domains.json';

describe('one configuration in every shape', () => {
  const properties = Object.entries(row);
  it.each([
    ['JSON', json],
    [
      'Format-List',
      `\r\n\r\n${properties.map(([name, value]) => `${name.padEnd(26)} : ${value}`).join('\r\n')}\r\n\r\n`,
    ],
    [
      'CSV',
      [properties.map(([name]) => `"${name}"`).join(), properties.map(([, value]) => `"${value}"`).join()].join('\r\n'),
    ],
    [
      'CLIXML',
      `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><Props>${properties.map(([name, value]) => `<S N="${name}">${value}</S>`).join('')}</Props></Obj></Objs>`,
    ],
  ])('%s, told by the door or by its content', (_, content) => {
    for (const kind of ['signing-configuration', undefined] as const) {
      const supply = supplied(['signing', kind, content]);
      expect(supply.subjects.map(({ id }) => id)).toEqual(['contoso.com']);
      expect(factsOf(supply, 'contoso.com')['signing-configuration']).toEqual({
        status: 'known',
        source: 'Get-DkimSigningConfig in signing',
        observedAt: writtenAt,
        value: {
          state: 'configured',
          row: {
            domain: 'contoso.com',
            enabled: true,
            rotateOnDate: '2026-05-08T08:14:40.706Z',
            selectorBeforeRotateOnDate: 'selector2',
            selectorAfterRotateOnDate: 'selector1',
            selectors: { selector1: { cname: row.Selector1CNAME }, selector2: {} },
          },
        },
      });
    }
  });
});

describe('nothing configured', () => {
  it('is what an empty list beside accepted domains says', () => {
    const supply = supplied(
      ['signing.json', 'signing-configuration', '[]'],
      ['domains.json', 'accepted-domain', domains],
    );
    expect(supply.subjects.map(({ id }) => id)).toEqual(['contoso.com', 'fabrikam.com']);
    expect(factsOf(supply, 'fabrikam.com')).toMatchObject({
      'signing-configuration': { status: 'known', value: { state: 'no-row' } },
      'accepted-domain': { status: 'known', value: { listed: true } },
    });
  });

  it('is not what an empty list of accepted domains can say, nor one of whatever', () => {
    expect(refusal(() => supplied(['domains.json', 'accepted-domain', '[]']))).toBe(
      `domains.json: is no export of Get-AcceptedDomain; it holds no rows; ${runAccepted}`,
    );
    expect(refusal(() => supplied(['x.json', undefined, '[]']))).toBe(
      'x.json: holds no rows, so nobody can tell what was exported',
    );
  });
});

describe('rows that cannot be read', () => {
  it('cost the fact of the domain they name', () => {
    const supply = supplied([
      'signing.json',
      undefined,
      JSON.stringify([row, { ...row, Domain: 'fabrikam.com', Enabled: 'x' }]),
    ]);
    expect(supply.subjects.map(({ id }) => id)).toEqual(['contoso.com', 'fabrikam.com']);
    expect(factsOf(supply, 'contoso.com')['signing-configuration']?.status).toBe('known');
    expect(factsOf(supply, 'fabrikam.com')['signing-configuration']).toMatchObject({
      reason: 'malformed',
      detail:
        'row 2 of Get-DkimSigningConfig in signing.json is that of fabrikam.com and cannot be read: Enabled: is neither true nor false',
    });
    expect(supply.notes).toEqual([]);
  });

  it('are told when they name none, and then nobody says that another domain has no row', () => {
    const supply = supplied(
      ['signing.json', undefined, JSON.stringify([row, 'x'])],
      ['domains.json', undefined, domains],
    );
    expect(supply.notes).toEqual([
      'signing.json, an export of Get-DkimSigningConfig: row 2: is no object with properties; the other rows count',
    ]);
    expect(factsOf(supply, 'fabrikam.com')['signing-configuration']).toMatchObject({
      reason: 'insufficient',
      detail:
        'row 2 of Get-DkimSigningConfig in signing.json has no readable domain name, and fabrikam.com is not among the others, which proves nothing',
    });
  });
});

describe('what is refused, with the whole line to run', () => {
  it.each([
    [
      'the files in each other’s place',
      'signing-configuration',
      domains,
      `signing.json: is no export of Get-DkimSigningConfig; its first row has the properties DomainName; ${runSigning}`,
    ],
    [
      'a table that the door expects',
      'accepted-domain',
      'Name  DomainType\n----  ----------\nx     Authoritative',
      `signing.json: is a table (Format-Table), which leaves properties out and cuts long values short; ${runAccepted}`,
    ],
    [
      'a table that looks like one of the two',
      undefined,
      'DomainName   DomainType\n----------   ----------\ncontoso.com  Authoritative',
      `signing.json: is a table (Format-Table), which leaves properties out and cuts long values short; ${runAccepted}`,
    ],
    [
      'an empty file',
      'signing-configuration',
      '',
      `signing.json: the file is empty: the command wrote nothing, or failed (nothing configured is []); ${runSigning}`,
    ],
  ] as const)('%s', (_, kind, content, sentence) => {
    expect(refusal(() => supplied(['signing.json', kind, content]))).toBe(sentence);
  });
});

it('an export that is posted is recognised in any shape', () => {
  const content = new TextEncoder().encode('Domain       : contoso.com\nRotateOnDate : 05/08/2026 18:14:40\n');
  const { evaluation, file } = recognise(evaluations.all, { name: 'supplied facts', content, writtenAt });
  expect(evaluation.id).toBe('dkim');
  expect(file).toMatchObject({ inWords: true, rows: [{ Domain: 'contoso.com', RotateOnDate: '05/08/2026 18:14:40' }] });
});
