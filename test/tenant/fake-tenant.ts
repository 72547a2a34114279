import { createHash } from 'node:crypto';

/** A row as a cmdlet or a Graph list holds it. */
export type Row = Readonly<Record<string, unknown>>;

/** A tenant as the fake cloud has it; tests change it as they go. */
export interface FakeTenant {
  readonly id: string;
  /** Application permissions that its administrator consented to, by value. */
  permissions: string[];
  /** A directory role lets the application read Exchange Online. */
  directoryRole: boolean;
  /** Does it have Exchange Online at all? */
  exchangeOnline: boolean;
  /** What each cmdlet gives; for one object by its `Identity` a function. */
  cmdlets: Record<string, readonly Row[] | ((parameters: Row) => readonly Row[])>;
  /** Its mailboxes by address, and whether the application may send as each (role `Application Mail.Send`, scoped to it). */
  mailboxes?: Record<string, boolean>;
  /** Mails that were sent from them, as they were handed in (MIME). */
  sent?: string[];
  /** What each Graph list or object gives, by path without query. A list is paged. */
  graph: Record<string, readonly Row[] | Row>;
}

/** Every permission that fieldcheck asks for. */
export const everyPermission = [
  'Exchange.ManageAsApp',
  'Domain.Read.All',
  'ServiceHealth.Read.All',
  'Organization.Read.All',
  'User.Read.All',
  'Application.Read.All',
  'Synchronization.Read.All',
];

/** A tenant that has granted everything, with these domains: each accepted, and configured to sign. */
export function fakeTenant(id: string, domains: readonly string[] = []): FakeTenant {
  return {
    id,
    permissions: [...everyPermission],
    directoryRole: true,
    exchangeOnline: true,
    cmdlets: {
      'Get-AcceptedDomain': domains.map((domain) => acceptedDomainRow(domain)),
      'Get-DkimSigningConfig': domains.map((domain) => signingRow(domain)),
    },
    graph: {
      '/v1.0/domains': domains.map((domain) => ({ id: domain, isVerified: true, supportedServices: ['Email'] })),
      '/v1.0/admin/serviceAnnouncement/issues': [],
      '/v1.0/subscribedSkus': [subscribedSkuRow('SPE_E3', { enabled: 25, consumed: 13 })],
    },
  };
}

/** An id for the subscription; the real ones are Microsoft's. */
export function skuIdOf(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  return [8, 12, 16, 20, 32].map((end, at, ends) => hash.slice(ends[at - 1] ?? 0, end)).join('-');
}

/** A subscription in Graph `subscribedSkus`, with the plans TEAMS1 and EXCHANGE_S_ENTERPRISE unless others are named. */
export function subscribedSkuRow(
  name: string,
  units: { readonly enabled: number; readonly consumed: number },
  plans: readonly Row[] = [
    { servicePlanId: '57ff2da0-773e-42df-b2af-ffb7a2317929', provisioningStatus: 'Success' },
    { servicePlanId: 'efb87545-963c-4e0d-99df-69c6916d9eb0', provisioningStatus: 'Success' },
  ],
): Row {
  return {
    skuId: skuIdOf(name),
    capabilityStatus: 'Enabled',
    skuPartNumber: name,
    consumedUnits: units.consumed,
    prepaidUnits: { enabled: units.enabled, suspended: 0, warning: 0, lockedOut: 0 },
    servicePlans: plans,
  };
}

/** `Get-AcceptedDomain` on the wire. */
export function acceptedDomainRow(domain: string, more: Row = {}): Row {
  return {
    DomainName: domain,
    DomainType: 'Authoritative',
    Default: false,
    InitialDomain: domain.endsWith('.onmicrosoft.com') && !domain.endsWith('.mail.onmicrosoft.com'),
    IsCoexistenceDomain: domain.endsWith('.mail.onmicrosoft.com'),
    SendingFromDomainDisabled: false,
    OutboundOnly: false,
    PendingRemoval: false,
    Identity: domain,
    Name: domain,
    'WhenCreated@data.type': 'System.DateTime',
    WhenCreated: '2026-01-14T18:54:40.7066975Z',
    ...more,
  };
}

/** `Get-DkimSigningConfig` on the wire, with the side keys that tell types. */
export function signingRow(domain: string, more: Row = {}): Row {
  const label = domain.replaceAll('.', '-');
  return {
    Domain: domain,
    AdminDisplayName: '',
    'Selector1KeySize@data.type': 'System.UInt16',
    'Selector1KeySize@odata.type': '#Decimal',
    Selector1KeySize: 2048,
    Selector1CNAME: `selector1-${label}._domainkey.contoso.y-v1.dkim.mail.microsoft`,
    Selector1PublicKey: 'v=DKIM1; k=rsa; p=AAAA;',
    'Selector2KeySize@data.type': 'System.UInt16',
    'Selector2KeySize@odata.type': '#Decimal',
    Selector2KeySize: 2048,
    Selector2CNAME: `selector2-${label}._domainkey.contoso.y-v1.dkim.mail.microsoft`,
    Selector2PublicKey: 'v=DKIM1; k=rsa; p=BBBB;',
    Enabled: true,
    IsDefault: false,
    HeaderCanonicalization: 'Relaxed',
    BodyCanonicalization: 'Relaxed',
    Algorithm: 'RsaSHA256',
    NumberOfBytesToSign: 'All',
    IncludeSignatureCreationTime: true,
    IncludeKeyExpiration: false,
    'KeyCreationTime@data.type': 'System.DateTime',
    KeyCreationTime: '2026-07-14T18:54:40.7066975Z',
    'LastChecked@data.type': 'System.DateTime',
    LastChecked: '2026-07-14T18:54:40.7066975Z',
    'RotateOnDate@data.type': 'System.DateTime',
    RotateOnDate: '2026-07-14T18:54:40.7066975Z',
    SelectorBeforeRotateOnDate: 'selector2',
    SelectorAfterRotateOnDate: 'selector1',
    Status: 'Valid',
    Identity: domain,
    Id: domain,
    IsValid: true,
    ExchangeVersion: '0.20 (15.0.0.0)',
    Name: domain,
    ...more,
  };
}
