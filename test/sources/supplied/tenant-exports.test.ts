import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../../src/sources/supplied/rows.ts';
import {
  acceptedDomainOf,
  kindOfExport,
  readTenantRows,
  signingConfigurationOf,
} from '../../../src/sources/supplied/tenant-exports.ts';
import { refusal } from './refusal.ts';

/** A row as Exchange Online sends it, directory noise included. */
const wire = {
  Domain: 'contoso.com',
  AdminDisplayName: '',
  'Selector1KeySize@data.type': 'System.UInt16',
  'Selector1KeySize@odata.type': '#Decimal',
  Selector1KeySize: 2048,
  Selector1CNAME: 'selector1-contoso-com._domainkey.contoso.y-v1.dkim.mail.microsoft',
  Selector1PublicKey: 'v=DKIM1; k=rsa; p=AAAA;',
  'Selector2KeySize@data.type': 'System.UInt16',
  Selector2KeySize: 1024,
  Selector2CNAME: 'selector2-contoso-com._domainkey.contoso.y-v1.dkim.mail.microsoft',
  Selector2PublicKey: 'v=DKIM1; k=rsa; p=BBBB;',
  Enabled: true,
  IsDefault: false,
  HeaderCanonicalization: 'Relaxed',
  Algorithm: 'RsaSHA256',
  'KeyCreationTime@data.type': 'System.DateTime',
  KeyCreationTime: '2026-07-14T18:54:40.7066975Z',
  'LastChecked@data.type': 'System.DateTime',
  LastChecked: '2026-07-14T18:54:40.7066975Z',
  'RotateOnDate@data.type': 'System.DateTime',
  RotateOnDate: '2026-07-18T18:54:40.7066975Z',
  SelectorBeforeRotateOnDate: 'selector2',
  SelectorAfterRotateOnDate: 'selector1',
  Status: 'Valid',
  Identity: 'contoso.com',
  IsValid: true,
  ExchangeVersion: '0.20 (15.0.0.0)',
  DistinguishedName: 'CN=contoso.com,CN=Dkim,CN=Configuration,CN=contoso.onmicrosoft.com,DC=EURPR01A001,DC=PROD',
  OrganizationId: 'EURPR01A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com',
  OriginatingServer: 'DB3PR01A001DC01.EURPR01A001.PROD.OUTLOOK.COM',
  ObjectClass: ['top', 'msExchHostedContentFilterConfig'],
};

const writtenAt = '2026-11-24T09:00:00.000Z';
const file = (name: string, value: unknown) => ({ ...rowsOf(name, value), name, writtenAt });
const readSigning = (value: unknown, inWords = false) =>
  readTenantRows(
    { ...file('signing.json', value), inWords },
    'signing-configuration',
    signingConfigurationOf,
    (row, note) => ({ ...row, note }),
  );
const readAccepted = (value: unknown) =>
  readTenantRows(file('domains.json', value), 'accepted-domain', acceptedDomainOf);

/** What is known, by domain. */
function signing(value: unknown, inWords = false) {
  const { rows } = readSigning(value, inWords);
  return new Map([...rows].flatMap(([name, row]) => (row.status === 'known' ? [[name, row.value] as const] : [])));
}
function accepted(value: unknown) {
  const { rows } = readAccepted(value);
  return new Map([...rows].flatMap(([name, row]) => (row.status === 'known' ? [[name, row.value] as const] : [])));
}

describe('Get-DkimSigningConfig', () => {
  const contoso = {
    domain: 'contoso.com',
    enabled: true,
    isDefault: false,
    status: 'Valid',
    keyCreationTime: '2026-07-14T18:54:40.706Z',
    lastChecked: '2026-07-14T18:54:40.706Z',
    rotateOnDate: '2026-07-18T18:54:40.706Z',
    selectorBeforeRotateOnDate: 'selector2',
    selectorAfterRotateOnDate: 'selector1',
    selectors: {
      selector1: { cname: wire.Selector1CNAME, publicKey: wire.Selector1PublicKey, keySize: 2048 },
      selector2: { cname: wire.Selector2CNAME, publicKey: wire.Selector2PublicKey, keySize: 1024 },
    },
  };

  it.each([
    ['the REST envelope', { '@odata.context': '…', value: [wire], '@adminapi.warnings': [] }],
    ['a list of PowerShell 7', [wire]],
    ['a single object', wire],
    [
      'PowerShell 5',
      {
        ...wire,
        KeyCreationTime: `/Date(${Date.parse(wire.KeyCreationTime)})/`,
        LastChecked: { value: `/Date(${Date.parse(wire.LastChecked)})/`, DisplayHint: 2, DateTime: 'Tuesday' },
        RotateOnDate: `/Date(${Date.parse(wire.RotateOnDate)})/`,
      },
    ],
    ['times without a zone, which are UTC', [{ ...wire, RotateOnDate: '2026-07-18T18:54:40.7066975' }]],
    ['times in another zone', [{ ...wire, RotateOnDate: '2026-07-18T20:54:40.7066975+02:00' }]],
    ['flags and sizes as text', [{ ...wire, Enabled: 'True', IsDefault: 'False', Selector1KeySize: '2048' }]],
    ['a domain that became an object', [{ ...wire, Domain: { Domain: 'Contoso.COM', IncludeSubDomains: false } }]],
    ['selector names in other case', [{ ...wire, SelectorAfterRotateOnDate: 'Selector1' }]],
    ['properties nobody knows', [{ ...wire, PublishTxtRecords: { deep: [1] } }]],
    ['enumerations as objects', [{ ...wire, Status: { value: 1, Value: 'Valid' } }]],
    [
      'columns in other case',
      [Object.fromEntries(Object.entries(wire).map(([key, value]) => [key.toLowerCase(), value]))],
    ],
    ['flags as Excel writes them', [{ ...wire, Enabled: 'WAHR', IsDefault: 'FALSCH' }]],
    ['a name in place of the domain', [{ ...wire, Domain: undefined, Name: 'contoso.com' }]],
    [
      'values that a console wrapped',
      [
        {
          ...wire,
          Selector1PublicKey: 'v=DKIM1; k=rsa; p=AA\r\n    AA;',
          Selector2CNAME: wire.Selector2CNAME.replace('.', '.\n'),
        },
      ],
    ],
    ['unreadable values that decide nothing', [{ ...wire, HeaderCanonicalization: { x: 1 }, Selector1KeySize: 2048 }]],
  ])('reads %s, without directory noise', (_, value) => {
    expect([...signing(value)]).toEqual([['contoso.com', contoso]]);
  });

  it('takes a row without keys, and missing properties, as they are', () => {
    const none = {
      Domain: 'fabrikam.com',
      Status: 'NoDKIMKeys',
      Selector1CNAME: '',
      Selector2CNAME: null,
      RotateOnDate: null,
      Selector1KeySize: null,
    };
    expect(signing([none]).get('fabrikam.com')).toEqual({
      domain: 'fabrikam.com',
      status: 'NoDKIMKeys',
      selectors: { selector1: {}, selector2: {} },
    });
  });

  it('keeps a status that nobody has published yet', () => {
    expect(signing([{ ...wire, Status: 'Rotating' }]).get('contoso.com')?.status).toBe('Rotating');
    expect(signing([{ ...wire, Status: 3 }]).get('contoso.com')?.status).toBe('3');
  });

  it('writes international domains as DNS does', () => {
    expect([...signing([{ ...wire, Domain: 'bücher.example' }]).keys()]).toEqual(['xn--bcher-kva.example']);
  });

  it('takes DateTime.MinValue for no time at all', () => {
    for (const never of ['0001-01-01T00:00:00Z', '/Date(-62135596800000)/', '1/1/0001 12:00:00 AM']) {
      const row = signing([{ ...wire, KeyCreationTime: never, LastChecked: never, RotateOnDate: never }]).get(
        'contoso.com',
      );
      expect(row).not.toHaveProperty('keyCreationTime');
      expect(row).not.toHaveProperty('lastChecked');
      expect(row).not.toHaveProperty('rotateOnDate');
      expect(row).toMatchObject({ enabled: true, selectorAfterRotateOnDate: 'selector1' });
    }
  });

  it('keeps all readings of times in a text export', () => {
    const { keyCreationTime, rotateOnDate, lastChecked, ...row } = contoso;
    const texts = {
      KeyCreationTime: '14.07.2026 18:54:40',
      RotateOnDate: '7/8/2026 6:54:40 PM',
      LastChecked: '14.07.2026 18:54',
    };
    expect(signing([{ ...wire, ...texts }], true).get('contoso.com')).toEqual({
      ...row,
      keyCreationReadings: {
        text: '14.07.2026 18:54:40',
        earliest: '2026-07-14T04:54:40.000Z',
        latest: '2026-07-15T08:54:40.000Z',
      },
      rotateOnReadings: {
        text: '7/8/2026 6:54:40 PM',
        earliest: '2026-07-08T04:54:40.000Z',
        latest: '2026-08-08T08:54:40.000Z',
      },
    });
    expect(signing([wire], true).get('contoso.com')).toEqual(contoso);
  });

  it.each([
    ['a flag that is none', { Enabled: 'perhaps' }, 'Enabled: is neither true nor false'],
    ['a target that is no text', { Selector1CNAME: 7 }, 'Selector1CNAME: is no text'],
    ['a time that is none', { RotateOnDate: 'soon' }, 'RotateOnDate: "soon" is no time in ISO 8601'],
    [
      'a third selector',
      { SelectorAfterRotateOnDate: 'selector3' },
      'SelectorAfterRotateOnDate: "selector3" is neither selector1 nor selector2',
    ],
    [
      'a target that was cut short',
      { Selector1CNAME: 'selector1-contoso-com._domai…' },
      'Selector1CNAME: "selector1-contoso-com._domai…" was cut short',
    ],
  ])('%s costs its row, and no other', (_, fault, sentence) => {
    const { rows, gap, notes } = readSigning([
      { ...wire, Domain: 'fabrikam.com' },
      { ...wire, ...fault },
    ]);
    expect(rows.get('fabrikam.com')).toMatchObject({ status: 'known' });
    expect(rows.get('contoso.com')).toEqual({
      status: 'unobtainable',
      reason: 'malformed',
      detail: `row 2 of Get-DkimSigningConfig in signing.json is that of contoso.com and cannot be read: ${sentence}`,
      source: 'Get-DkimSigningConfig in signing.json',
      observedAt: writtenAt,
    });
    expect([gap, notes]).toEqual([undefined, []]);
  });

  it('a name that is none is told, and leaves no doubt about other domains', () => {
    const { rows, gap, notes } = readSigning([wire, { ...wire, Domain: 'not a domain' }]);
    expect([...rows.keys()]).toEqual(['contoso.com']);
    expect(gap).toBeUndefined();
    expect(notes).toEqual([
      'signing.json, an export of Get-DkimSigningConfig: row 2: "not a domain" is no domain name; write the part after the @ of an address, e.g. contoso.com; the other rows count',
    ]);
  });

  it.each([
    ['without a name', { ...wire, Domain: undefined, Identity: undefined }, 'Domain: is missing, or no domain name'],
    ['whose name was cut short', { ...wire, Domain: 'contoso.c…' }, 'Domain: "contoso.c…" was cut short'],
    ['that is none', null, 'is no object with properties'],
  ])('a row %s may be that of any other domain', (_, row, why) => {
    const { gap, notes } = readSigning([wire, row]);
    expect(gap).toBe('row 2 of Get-DkimSigningConfig in signing.json has no readable domain name');
    expect(notes).toEqual([`signing.json, an export of Get-DkimSigningConfig: row 2: ${why}; the other rows count`]);
  });

  it('refuses a file of which no row can be read, naming the first faults and the line to run', () => {
    const sentence = refusal(() => readSigning(Array.from({ length: 500 }, () => ({ ...wire, Domain: 'no domain' }))));
    expect(sentence).toContain('row 20: ');
    expect(sentence).not.toContain('row 21: ');
    expect(sentence).toMatch(
      /; run this line and supply its file: Get-DkimSigningConfig \| ConvertTo-Json -Depth 4 \| Out-File -Encoding utf8 signing\.json$/,
    );
  });

  describe('twice', () => {
    const older = { ...wire, Enabled: false, KeyCreationTime: '2025-01-02T03:04:05Z' };
    it.each([
      ['KeyCreationTime', [wire, older], 1],
      ['KeyCreationTime', [older, wire], 2],
      [
        'WhenChanged',
        [
          { ...wire, WhenChanged: '2026-08-01T00:00:00Z' },
          { ...older, WhenChanged: '2026-07-01T00:00:00Z' },
        ],
        1,
      ],
    ])('the newer %s counts, and a sentence says so', (column, rows, number) => {
      const note = `contoso.com stands twice in signing.json (rows 1 and 2): row ${number} counts, its ${column} is the newer.`;
      const { rows: read, notes } = readSigning(rows);
      expect(read.get('contoso.com')).toMatchObject({ status: 'known', value: { enabled: true, note } });
      expect(notes).toEqual([note]);
    });

    it('with the same values is once', () => {
      const { rows, notes } = readSigning([wire, { ...wire }]);
      expect(rows.get('contoso.com')).toMatchObject({ status: 'known', value: contoso });
      expect(notes).toEqual([]);
    });

    it('is neither when nothing tells which is the newer', () => {
      expect(readSigning([wire, { ...wire, Enabled: false }]).rows.get('contoso.com')).toMatchObject({
        status: 'unobtainable',
        reason: 'malformed',
        detail: expect.stringContaining(
          'contoso.com stands twice in signing.json (rows 1 and 2) with different values, and neither says that it is the newer',
        ),
      });
    });

    it('is neither when one of them cannot be read', () => {
      expect(readSigning([wire, { ...older, RotateOnDate: 'soon' }]).rows.get('contoso.com')).toMatchObject({
        status: 'unobtainable',
        detail: expect.stringContaining('(rows 1 and 2), and row 2 cannot be read: RotateOnDate: "soon" is no time'),
      });
    });
  });
});

describe('Get-AcceptedDomain', () => {
  it('reads what classifies a domain, and drops the rest', () => {
    const value = [
      {
        DomainName: 'contoso.com',
        DomainType: 'Authoritative',
        Default: true,
        InitialDomain: false,
        IsCoexistenceDomain: false,
        SendingFromDomainDisabled: false,
        PendingRemoval: false,
        OriginatingServer: 'DB3PR01A001DC01.EURPR01A001.PROD.OUTLOOK.COM',
      },
      { DomainName: { Address: 'Contoso.mail.onmicrosoft.com' }, DomainType: 0, IsCoexistenceDomain: true },
      { DomainName: '*.fabrikam.com', SendingFromDomainDisabled: 'True', InitialDomain: null },
    ];
    expect([...accepted(value)]).toEqual([
      [
        'contoso.com',
        {
          listed: true,
          domainType: 'Authoritative',
          initialDomain: false,
          isCoexistenceDomain: false,
          sendingFromDomainDisabled: false,
          pendingRemoval: false,
        },
      ],
      ['contoso.mail.onmicrosoft.com', { listed: true, domainType: '0', isCoexistenceDomain: true }],
      ['fabrikam.com', { listed: true, sendingFromDomainDisabled: true }],
    ]);
  });

  it('refuses a domain that is none', () => {
    expect(refusal(() => accepted([{ DomainName: '192.0.2.1' }]))).toBe(
      'domains.json, an export of Get-AcceptedDomain: row 1: "192.0.2.1" is an address, not a domain name; run this line and supply its file: Get-AcceptedDomain | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 domains.json',
    );
  });

  it('a domain beside its sub-domains is itself', () => {
    const own = { DomainName: 'contoso.com', SendingFromDomainDisabled: true };
    const below = { DomainName: '*.contoso.com', SendingFromDomainDisabled: false };
    for (const rows of [
      [own, below],
      [below, own],
    ]) {
      expect(accepted(rows).get('contoso.com')).toEqual({ listed: true, sendingFromDomainDisabled: true });
    }
  });
});

describe('kindOfExport', () => {
  it.each([
    ['signing-configuration', wire],
    ['signing-configuration', { Domain: 'contoso.com', SelectorBeforeRotateOnDate: 'selector1' }],
    ['accepted-domain', { DomainName: 'contoso.com', DomainType: 'Authoritative' }],
    [undefined, { Identity: 'contoso', PrimarySmtpAddress: 'adele@contoso.com' }],
  ])('%s', (kind, row) => {
    expect(kindOfExport([row])).toBe(kind);
  });

  it('is undefined without rows', () => {
    expect(kindOfExport([])).toBeUndefined();
  });
});
