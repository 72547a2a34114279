// A small tenant as DNS and Exchange Online show it: two domains that verify and one whose active key Microsoft lost.
import type { ZoneRecord } from '../../src/local/dns-server.ts';
import { createZone, type Zone } from '../../src/local/dns-server.ts';
import { dkimKey, txtStrings } from '../dns-server/dkim-zone.ts';

const keys = [dkimKey(2048), dkimKey(2048)] as const;

/** One row of Get-DkimSigningConfig as PowerShell 7 writes it; selector1 has signed since the first of the month. */
export interface SigningRow {
  readonly Domain: string;
  readonly Enabled: boolean;
  readonly Status: string;
  readonly KeyCreationTime: string;
  readonly LastChecked: string;
  readonly RotateOnDate: string;
  readonly SelectorBeforeRotateOnDate: string;
  readonly SelectorAfterRotateOnDate: string;
  readonly Selector1CNAME: string;
  readonly Selector1PublicKey: string;
  readonly Selector1KeySize: number;
  readonly Selector2CNAME: string;
  readonly Selector2PublicKey: string;
  readonly Selector2KeySize: number;
}

export function signingRow(domain: string, changes: Partial<SigningRow> = {}): SigningRow {
  const suffix = `${domain.replaceAll('.', '-')}._domainkey.contoso.onmicrosoft.com`;
  return {
    Domain: domain,
    Enabled: true,
    Status: 'Valid',
    KeyCreationTime: '2026-10-28T08:00:00Z',
    LastChecked: '2026-11-24T03:00:00Z',
    RotateOnDate: '2026-11-01T08:00:00Z',
    SelectorBeforeRotateOnDate: 'selector2',
    SelectorAfterRotateOnDate: 'selector1',
    Selector1CNAME: `selector1-${suffix}`,
    Selector1PublicKey: keys[0],
    Selector1KeySize: 2048,
    Selector2CNAME: `selector2-${suffix}`,
    Selector2PublicKey: keys[1],
    Selector2KeySize: 2048,
    ...changes,
  };
}

/** What Get-AcceptedDomain says about a domain. */
export function acceptedRow(domain: string, changes: object = {}): object {
  return {
    DomainName: domain,
    DomainType: 'Authoritative',
    Default: false,
    InitialDomain: false,
    IsCoexistenceDomain: false,
    SendingFromDomainDisabled: false,
    PendingRemoval: false,
    ...changes,
  };
}

export interface Tenant {
  readonly zone: Zone;
  readonly rows: readonly SigningRow[];
  /** Publishes both CNAMEs of a row and the keys of the selectors named; the other targets do not exist. */
  publish(row: SigningRow, ...selectors: readonly ('selector1' | 'selector2')[]): void;
  /** Lets Microsoft publish the key of selector1. */
  mend(domain: string): void;
  /** Takes the key of selector1 away. */
  lose(domain: string): void;
}

/** The healthy ones answer the active selector1; `lost` are whose target exists nowhere. No passive selector has a key. */
export function createTenant(healthy: readonly string[], lost: readonly string[] = []): Tenant {
  const zone = createZone();
  const rows = [...healthy, ...lost].map((domain) => signingRow(domain));
  const rowOf = (domain: string) => rows.find((row) => row.Domain === domain) ?? signingRow(domain);
  const tenant: Tenant = {
    zone,
    rows,
    publish(row, ...selectors) {
      const both = [
        ['selector1', row.Selector1CNAME, row.Selector1PublicKey],
        ['selector2', row.Selector2CNAME, row.Selector2PublicKey],
      ] as const;
      for (const [selector, target, key] of both) {
        zone.set(`${selector}._domainkey.${row.Domain}`, { type: 'CNAME', data: target });
        if (selectors.includes(selector)) zone.set(target, txt(key));
        else zone.delete(target);
      }
    },
    mend: (domain) => tenant.publish(rowOf(domain), 'selector1'),
    lose: (domain) => tenant.publish(rowOf(domain)),
  };
  for (const domain of healthy) tenant.mend(domain);
  for (const domain of lost) tenant.lose(domain);
  return tenant;
}

function txt(text: string): ZoneRecord {
  return { type: 'TXT', data: txtStrings(text) };
}
