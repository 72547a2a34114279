// The domains that the benches look at: names, signing configurations, records, and what the right answers are. All of
// it follows from a number, so that server and client processes need not hand it to each other.
import { createHash } from 'node:crypto';
import type { FactSet } from '../../src/domain/fact-set.ts';
import type { Run } from '../../src/domain/finding.ts';
import type { SelectorName, SigningConfigurationRow } from '../../src/facts/mail-domain/signing-configuration.ts';
import type { MailDomain } from '../../src/facts/mail-domain/subject.ts';
import { txtData } from '../dns-server/dkim-zone.ts';
import { zoneHead } from '../dns-server/nsd.ts';

/** The zone in which all domains lie, and the one that their selectors point into. */
const customerZone = 'customers.example';
const microsoftZone = 'contoso.onmicrosoft.com';

/** What is the matter with a domain. A passive selector without a key is healthy. */
const states = [
  'healthy',
  'passive-key-missing',
  'active-key-missing',
  'active-cname-missing',
  'active-cname-wrong',
  'active-key-other',
  'passive-cname-missing',
] as const;
type State = (typeof states)[number];

export interface World {
  readonly domains: number;
  /** One domain in so many has one of the faults, in turn; 0: all are healthy. */
  readonly faultEvery: number;
  /** Nobody answers for one domain in so many; left out: somebody for all. */
  readonly silentEvery?: number;
}

export function domainAt(index: number): string {
  return `d${index}.${customerZone}`;
}

function stateAt({ faultEvery }: World, index: number): State {
  if (faultEvery === 0 || index % faultEvery !== 0) return 'healthy';
  return states[1 + ((index / faultEvery) % (states.length - 1))] ?? 'healthy';
}

export function isSilentAt({ silentEvery }: World, index: number): boolean {
  return silentEvery !== undefined && index % silentEvery === 0;
}

/** The answers that a domain must get, whatever happens on the way. */
export function rightAnswers(world: World, index: number): Run['answers'] {
  if (isSilentAt(world, index))
    return { 'verifiable-now': 'undetermined', 'verifiable-after-rotation': 'undetermined' };
  const state = stateAt(world, index);
  return {
    'verifiable-now': state.startsWith('active-') ? 'no' : 'yes',
    'verifiable-after-rotation': state === 'passive-cname-missing' ? 'no' : 'yes',
  };
}

export function subjectAt(index: number): MailDomain {
  return { kind: 'mail-domain', id: domainAt(index), selectors: ['selector1', 'selector2'] };
}

/** The selector that signs now; every domain has rotated once. */
const active: SelectorName = 'selector2';

export function signingConfigurationAt(index: number): SigningConfigurationRow {
  const selector = (name: SelectorName) => ({
    cname: targetOf(name, index),
    publicKey: keyText(`${name}.${index}`),
    keySize: 2048,
  });
  return {
    domain: domainAt(index),
    enabled: true,
    isDefault: false,
    status: 'Valid',
    keyCreationTime: '2026-06-01T06:00:00.000Z',
    lastChecked: '2026-06-05T06:00:00.000Z',
    rotateOnDate: '2026-06-05T06:00:00.000Z',
    selectorBeforeRotateOnDate: 'selector1',
    selectorAfterRotateOnDate: active,
    selectors: { selector1: selector('selector1'), selector2: selector('selector2') },
  };
}

export function suppliedAt(index: number): FactSet {
  return {
    facts: {
      'signing-configuration': {
        status: 'known',
        value: { state: 'configured', row: signingConfigurationAt(index) },
        source: 'Get-DkimSigningConfig',
        observedAt: '2026-11-24T06:00:00.000Z',
      },
    },
    parts: {},
  };
}

/** The names that are asked, TXT, for one domain. */
export function selectorNamesAt(index: number): readonly string[] {
  return [nameOf('selector1', index), nameOf('selector2', index)];
}

/** The name that the field note's script asks. */
export function activeSelectorAt(index: number): string {
  return nameOf(active, index);
}

type WorldRecord = { readonly name: string } & (
  | { readonly type: 'CNAME'; readonly target: string }
  | { readonly type: 'TXT'; readonly text: string }
);

/** What stands in DNS about one domain. */
export function recordsAt(world: World, index: number): readonly WorldRecord[] {
  const state = stateAt(world, index);
  return (['selector1', 'selector2'] as const).flatMap((selector): WorldRecord[] => {
    const role = selector === active ? 'active' : 'passive';
    const target = targetOf(selector, index);
    const key = keyText(state === `${role}-key-other` ? `other.${index}` : `${selector}.${index}`);
    return [
      ...(state === `${role}-cname-missing`
        ? []
        : [
            {
              name: nameOf(selector, index),
              type: 'CNAME' as const,
              target: state === `${role}-cname-wrong` ? targetOf('selector1', index) : target,
            },
          ]),
      ...(state === `${role}-key-missing` ? [] : [{ name: target, type: 'TXT' as const, text: key }]),
    ];
  });
}

/** All of the world's records as master files, by zone. */
export function masterFiles(world: World): Record<string, string> {
  const customers = [zoneHead(customerZone)];
  const microsoft = [zoneHead(microsoftZone)];
  for (let index = 0; index < world.domains; index++) {
    for (const record of recordsAt(world, index)) {
      if (record.type === 'CNAME') customers.push(`${record.name}. IN CNAME ${record.target}.\n`);
      else microsoft.push(`${record.name}. IN TXT ${txtData(record.text)}\n`);
    }
  }
  return { [customerZone]: customers.join(''), [microsoftZone]: microsoft.join('') };
}

function nameOf(selector: SelectorName, index: number): string {
  return `${selector}._domainkey.${domainAt(index)}`;
}

function targetOf(selector: SelectorName, index: number): string {
  return `${selector}-d${index}-customers-example._domainkey.${microsoftZone}`;
}

const rsaHead = Buffer.from('30820122300d06092a864886f70d01010105000382010f003082010a0282010100', 'hex');
const rsaExponent = Buffer.from('0203010001', 'hex');

/** The TXT text of a 2,048-bit key of its own. Its modulus is drawn, not made of primes: who only reads it cannot tell. */
function keyText(seed: string): string {
  const modulus = createHash('shake256', { outputLength: 256 }).update(seed).digest();
  modulus[0] = 0x80 | (modulus[0] ?? 0);
  modulus[255] = 1 | (modulus[255] ?? 0);
  return `v=DKIM1; k=rsa; p=${Buffer.concat([rsaHead, modulus, rsaExponent]).toString('base64')};`;
}
