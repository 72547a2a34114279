import { describe, expect, it } from 'vitest';
import { InvalidDocument } from '../../../src/domain/organization.ts';
import { readPowerShellJson } from '../../../src/sources/supplied/powershell-json.ts';
import { acceptedDomains, kindOfExport, signingConfigurations } from '../../../src/sources/supplied/tenant-exports.ts';

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

const read = (value: unknown) => readPowerShellJson('dkim.json', JSON.stringify(value));
const signing = (value: unknown) => signingConfigurations('dkim.json', read(value));
const accepted = (value: unknown) => acceptedDomains('domains.json', read(value));

/** The sentence a person reads. */
function refusal(reading: () => unknown): string {
  try {
    reading();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidDocument);
    return (error as Error).message;
  }
  return expect.fail('was read');
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

  const where = 'dkim.json, an export of Get-DkimSigningConfig';
  it.each([
    [
      'a domain that is none',
      [wire, { ...wire, Domain: 'not a domain' }],
      `${where}: [1]: "not a domain" is no domain name; write the part after the @ of an address, e.g. contoso.com`,
    ],
    ['a row without domain', [{ ...wire, Domain: undefined }], `${where}: [0].Domain: is missing, or no domain name`],
    ['a flag that is none', [{ ...wire, Enabled: 'yes' }], `${where}: [0].Enabled: is neither true nor false`],
    ['a target that is no text', [{ ...wire, Selector1CNAME: 7 }], `${where}: [0].Selector1CNAME: is no text`],
    [
      'a time as a country writes it',
      [{ ...wire, RotateOnDate: '7/8/2026 6:54:40 PM' }],
      `${where}: [0].RotateOnDate: "7/8/2026 6:54:40 PM" is no time in ISO 8601; export with ConvertTo-Json, not as a table or CSV`,
    ],
    [
      'a third selector',
      [{ ...wire, SelectorAfterRotateOnDate: 'selector3' }],
      `${where}: [0].SelectorAfterRotateOnDate: "selector3" is neither selector1 nor selector2`,
    ],
  ])('refuses %s', (_, value, sentence) => {
    expect(refusal(() => signing(value))).toBe(sentence);
  });

  it('names the first faults of many', () => {
    const many = Array.from({ length: 500 }, () => ({ ...wire, Enabled: 'yes' }));
    const sentence = refusal(() => signing(many));
    expect(sentence).toContain('[19].Enabled');
    expect(sentence).not.toContain('[20].Enabled');
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
      'domains.json, an export of Get-AcceptedDomain: [0]: "192.0.2.1" is an address, not a domain name',
    );
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
