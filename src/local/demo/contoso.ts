// The demo organization: the field notes that started the product, made anew. 74 accepted domains; for 20 of them
// Microsoft's DNS does not answer the active selector, although every CNAME is right and Exchange Online says Valid.
// An Exchange organization that Teams cannot work with yet, and an SMTP service with one node half configured.

import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { dayMs } from '../../domain/time.ts';
import { createZone, type Zone, type ZoneData } from '../dns-server.ts';
import { bounceOf } from './bounce.ts';
import { exchangeOrganizationFacts, exchangeOrganizationSettings } from './exchange-organization.ts';
import { ex1File, ex2File, smtpService } from './smtp-nodes.ts';

/** What the demo keeps between starts, so that a second start finds the same world. */
export interface DemoState {
  /** Key records as TXT texts; domains take them in turn. */
  readonly keys: readonly string[];
  /** What the first failing domain signs with (PKCS#8, PEM); earlier versions kept none. */
  readonly privateKey?: string;
  /** What somebody has mended: domains, and names of {@link factFiles}. */
  readonly mended: readonly string[];
  /** Port of the Teams channel, because documents hold its address. */
  readonly channelPort?: number;
  /** ETag of the document as the demo wrote it last; one with another was changed by a person. */
  readonly etag?: string;
}

/** Files that an administrator posts. Their facts are of the time they are made, as those of a collector are. */
export interface FactFile {
  /** What the file is called, without its ending. */
  readonly name: string;
  content(mended: boolean, now: Date): object;
}

/** The file that `interop` or `smtp` mends, by these names. */
export const factFiles: Readonly<Record<string, FactFile>> = {
  interop: { name: 'exchange-organization', content: exchangeOrganizationFacts },
  smtp: { name: 'EX2', content: ex2File },
};

export interface Demo {
  /** The organization document, as a user would write it. */
  readonly document: object;
  /**
   * The files that a user would send: raw output of two cmdlets, as PowerShell's ConvertTo-Json writes it, the saved facts of
   * the Exchange organization, and the fact files of both nodes.
   */
  readonly facts: Readonly<Record<string, readonly object[]>>;
  /** What the name server of the demo answers. It refuses what lies in none of the zones. */
  readonly zone: ZoneData;
  /** The zones of the demo's domains and of their keys at Microsoft. */
  readonly zones: readonly string[];
  /** Domains whose active selector Microsoft does not answer. */
  readonly failing: readonly string[];
  /** A report about a message of the first failing domain that came back at `at`; undefined without keys to sign with. */
  bounce(at: Date): string | undefined;
  /** Lets Microsoft publish the missing key. @returns false when there is nothing to mend */
  mend(domain: string): boolean;
  /** Takes the key away again. @returns false when the domain is none of the demo's */
  break(domain: string): boolean;
}

const places =
  'amsterdam athens barcelona berlin bern bilbao bologna bordeaux bremen brno cologne cork dresden dublin essen faro florence gdansk geneva genoa ghent graz hamburg hanover helsinki innsbruck kiel krakow leeds leipzig lille limerick linz lisbon ljubljana london lugano luxembourg lyon madrid malmo marseille milan munich'.split(
    ' ',
  );

/** 44 places and 26 departments, and the four that every tenant has a version of. */
const departments =
  'billing brand careers catalog club contracts events export finance fleet forum grants help hr invest labs legal mailings media news orders parts press quality returns service'.split(
    ' ',
  );

const initial = 'contoso.onmicrosoft.com';
const keyDomain = 'contoso.n-v1.dkim.mail.microsoft';
const coexistence = 'contoso.mail.onmicrosoft.com';
const notSending = 'archive.fabrikam.com';

const sending = [
  'contoso.com',
  ...places.map((place) => `${place}.contoso.com`),
  ...departments.map((department) => `${department}.fabrikam.com`),
];

/** Of fabrikam.com only what is the demo's own: its other names are anybody's. */
const zones = [
  ...sending.filter((domain) => !domain.endsWith('.contoso.com')),
  notSending,
  initial,
  coexistence,
  keyDomain,
];

/** Every third domain from the second on, until there are 20. */
const failing = sending.filter((_, index) => index % 3 === 1).slice(0, 20);

/** How many keys the demo makes, and which of them the first failing domain signs with. */
export const demoKeyCount = 6;
const signingKey = 2;

export function makeDemoKeys(): Required<Pick<DemoState, 'keys' | 'privateKey'>> {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = Array.from({ length: demoKeyCount }, (_, index) =>
    // One key is short, so that the advice about 1,024 bits has something to say.
    index === signingKey ? pair.publicKey : unsignedKey(index === demoKeyCount - 1 ? 1024 : 2048),
  );
  return {
    keys: keys.map((key) => `v=DKIM1; k=rsa; p=${key.export({ type: 'spki', format: 'der' }).toString('base64')};`),
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A public key with which nobody signs: its modulus need be no product of primes, which take a while to find. */
function unsignedKey(bits: number): KeyObject {
  const modulus = randomBytes(bits / 8);
  modulus.writeUInt8(modulus.readUInt8(0) | 0x80, 0);
  modulus.writeUInt8(modulus.readUInt8(modulus.length - 1) | 1, modulus.length - 1);
  return createPublicKey({ key: { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }, format: 'jwk' });
}

/** @param sink where the Teams channel of the demo posts to */
export function createDemo(state: DemoState, sink: string, now: Date): Demo {
  const zone = createZone();
  const mended = new Set(state.mended);
  const rows = sending.map((domain, index) => signingConfiguration(domain, index, state.keys, now));
  for (const [index, row] of rows.entries())
    publish(zone, row, index, failing.includes(row.Domain) && !mended.has(row.Domain));
  const acceptedDomains = [
    ...sending.map((domain) => accepted(domain, {})),
    accepted(initial, { InitialDomain: true }),
    accepted(coexistence, { IsCoexistenceDomain: true }),
    accepted(notSending, { SendingFromDomainDisabled: true }),
  ];
  const setKey = (domain: string, present: boolean) => {
    const index = rows.findIndex((row) => row.Domain === domain);
    const row = rows[index];
    if (row === undefined) return false;
    publish(zone, row, index, !present);
    return true;
  };
  return {
    document: {
      id: 'contoso',
      name: 'Contoso',
      channels: { 'mail-team': { kind: 'teams-workflow', url: sink } },
      evaluations: {
        dkim: { schedule: '0 0 6 * * *', channels: ['mail-team'] },
        'teams-exchange-interop': { ...exchangeOrganizationSettings(now), channels: ['mail-team'] },
        'smtp-source-ip': { services: [smtpService], channels: ['mail-team'] },
      },
    },
    facts: {
      dkim: [acceptedDomains, rows],
      'teams-exchange-interop': [exchangeOrganizationFacts(mended.has('interop'), now)],
      'smtp-source-ip': [ex1File(now), ex2File(mended.has('smtp'), now)],
    },
    zone: {
      lookup: (name) =>
        zones.some((apex) => name === apex || name.endsWith(`.${apex}`))
          ? zone.lookup(name)
          : { records: [], behaviour: 'refused' },
    },
    zones,
    failing,
    bounce(at) {
      const row = rows.find(({ Domain }) => Domain === failing[0]);
      if (row === undefined) return undefined;
      const selector = row.SelectorAfterRotateOnDate;
      const { key } = activeOf(row);
      const { privateKey } = state;
      if (privateKey === undefined || key !== state.keys[signingKey]) return undefined;
      return bounceOf({ domain: row.Domain, selector, privateKey, at });
    },
    mend: (domain) => failing.includes(domain) && setKey(domain, true),
    break: (domain) => setKey(domain, false),
  };
}

type Row = ReturnType<typeof signingConfiguration>;

function signingConfiguration(domain: string, index: number, keys: readonly string[], now: Date) {
  // Two thirds of the domains were rotated, so that the passive selector's key is gone or stale in some.
  const created = new Date(now.getTime() - (40 + ((index * 29) % 300)) * dayMs);
  const rotated = index % 3 !== 0;
  const rotateOn = new Date(created.getTime() + (rotated ? 4 * dayMs : 0));
  const label = domain.replaceAll('.', '-');
  const suffix = `_domainkey.${index % 2 === 0 ? initial : keyDomain}`;
  return {
    Domain: domain,
    AdminDisplayName: '',
    Selector1KeySize: 2048,
    Selector1CNAME: `selector1-${label}.${suffix}`,
    Selector1PublicKey: keys[index % keys.length] ?? '',
    Selector2KeySize: 2048,
    Selector2CNAME: `selector2-${label}.${suffix}`,
    Selector2PublicKey: keys[(index + 1) % keys.length] ?? '',
    Enabled: true,
    IsDefault: false,
    HeaderCanonicalization: 'Relaxed',
    BodyCanonicalization: 'Relaxed',
    Algorithm: 'RsaSHA256',
    NumberOfBytesToSign: 'All',
    IncludeSignatureCreationTime: true,
    IncludeKeyExpiration: false,
    KeyCreationTime: `/Date(${created.getTime()})/`,
    LastChecked: `/Date(${created.getTime()})/`,
    RotateOnDate: `/Date(${rotateOn.getTime()})/`,
    SelectorBeforeRotateOnDate: rotated ? 'selector1' : 'selector2',
    SelectorAfterRotateOnDate: rotated ? 'selector2' : 'selector1',
    Status: 'Valid',
    Identity: domain,
    IsValid: true,
  };
}

/** Both CNAMEs as the customer has them, and in Microsoft's zone the active key, unless it is missing; no passive one. */
function publish(zone: Zone, row: Row, index: number, missing: boolean): void {
  zone.set(`selector1._domainkey.${row.Domain}`, { type: 'CNAME', data: row.Selector1CNAME, ttl: 3600 });
  zone.set(`selector2._domainkey.${row.Domain}`, { type: 'CNAME', data: row.Selector2CNAME, ttl: 3600 });
  const { target, key } = activeOf(row);
  if (!missing)
    zone.set(target, {
      type: 'TXT',
      data: [key.slice(0, 255), key.slice(255)].filter((part) => part !== ''),
      ttl: 3600,
    });
  // Half of the missing keys leave an empty name behind (no such record), half no name at all.
  else if (index % 2 === 0) zone.set(target);
  else zone.delete(target);
}

function activeOf(row: Row): { readonly target: string; readonly key: string } {
  return row.SelectorAfterRotateOnDate === 'selector1'
    ? { target: row.Selector1CNAME, key: row.Selector1PublicKey }
    : { target: row.Selector2CNAME, key: row.Selector2PublicKey };
}

function accepted(domain: string, special: object): object {
  return {
    DomainName: domain,
    DomainType: 'Authoritative',
    Default: domain === 'contoso.com',
    InitialDomain: false,
    IsCoexistenceDomain: false,
    SendingFromDomainDisabled: false,
    OutboundOnly: false,
    PendingRemoval: false,
    ...special,
  };
}
