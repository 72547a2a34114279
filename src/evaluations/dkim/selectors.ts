import { canonicalName } from '../../domain/domain-name.ts';
import type { Fail, Judgement, Manual, NotApplicable, Owner, Predecessor } from '../../domain/rule.ts';
import type { Instant } from '../../domain/time.ts';
import type { SelectorCname, SelectorKey } from '../../facts/mail-domain/selector.ts';
import {
  type SelectorRole,
  type SigningConfiguration,
  type SigningConfigurationRow,
  selectorNames,
  selectorRoles,
} from '../../facts/mail-domain/signing-configuration.ts';
import type { RuleContext } from './rule.ts';

/** A key of a 1,024-bit RSA modulus is the least that receivers accept (RFC 8301 section 3.2). */
export const leastBits = 1024;

/** What signers should use (RFC 8301 section 3.1). */
export const recommendedBits = 2048;

/** Every rule but `signing-configured` speaks only where there is a configuration to speak of. */
export const afterConfigured = () => [{ rule: 'dkim/signing-configured' }];

/**
 * The rules that look into the key record of an active selector: blocked by whatever left no single usable record.
 * A wrong CNAME blocks them only when nothing answers behind it: a key that answers is what receivers get.
 */
export function afterKeyFound(
  facts: { readonly 'selector-key'?: SelectorKey | undefined },
  { part }: Pick<RuleContext, 'part'>,
): readonly Predecessor[] {
  const key = facts['selector-key'];
  const nothingThere = key !== undefined && key.outcome !== 'records';
  return [
    ...afterConfigured(),
    ...(nothingThere ? [{ rule: 'dkim/active-cname-correct', target: part }] : []),
    { rule: 'dkim/active-key-published', target: part },
    { rule: 'dkim/active-key-single', target: part },
  ];
}

/** The one record to look into, or the judgement where there is none (only ever seen without a signing configuration). */
export function soleRecord(key: SelectorKey, selector: string): SelectorKey['records'][number] | NotApplicable {
  const [record, ...more] = key.records;
  if (record !== undefined && more.length === 0) return record;
  return { verdict: 'not_applicable', message: `${selector} has no single key record to look into.` };
}

const noRotationFields: Manual = {
  verdict: 'manual',
  message:
    'The signing configuration does not say which selector is active: RotateOnDate or the selectors around it are missing.',
  remedy: 'Export the whole of Get-DkimSigningConfig, without Select-Object, and supply it again.',
};

/**
 * The selectors in `role`, or a judgement where there is none.
 *
 * @param absent the sentence for a domain that has no selector in that role now
 */
export function selectorsInRole(
  role: SelectorRole,
  configuration: SigningConfiguration,
  now: Instant,
  absent: string,
): readonly string[] | Judgement {
  const row = rowOf(configuration);
  const roles = row === undefined ? undefined : selectorRoles(row, now);
  if (roles === undefined) return noRotationFields;
  const names = selectorNames.filter((name) => roles[name] === role);
  return names.length > 0 ? names : { verdict: 'not_applicable', message: absent };
}

/** The active selector; without a signing configuration every named one, because any of them may be it. */
export function activeSelectors(
  configuration: SigningConfiguration | undefined,
  at: Pick<RuleContext, 'subject' | 'now'>,
): readonly string[] | Judgement {
  if (configuration === undefined) return at.subject.selectors;
  return selectorsInRole('active', configuration, at.now, 'No selector is active.');
}

/** The judgement on a selector whose target Exchange Online does not name; undefined when it does. */
export function unlessTargetNamed(
  configuration: SigningConfiguration | undefined,
  selector: string,
  domain: string,
): Manual | undefined {
  if ((configured(configuration, selector)?.cname ?? '') !== '') return undefined;
  return {
    verdict: 'manual',
    message: `The signing configuration does not name the target of ${selector}.`,
    remedy: `Look at Get-DkimSigningConfig -Identity ${domain}: Selector1CNAME and Selector2CNAME should be filled.`,
  };
}

export function rowOf(configuration: SigningConfiguration): SigningConfigurationRow | undefined {
  return configuration.state === 'configured' ? configuration.row : undefined;
}

/** What the configuration says about one selector. */
export function configured(configuration: SigningConfiguration | undefined, selector: string) {
  const row = configuration === undefined ? undefined : rowOf(configuration);
  return selector === 'selector1' || selector === 'selector2' ? row?.selectors[selector] : undefined;
}

/**
 * Does the key of this selector stand in the domain itself, so that there is no CNAME to follow? So it is for initial
 * domains (`*.onmicrosoft.com` and its sovereign kin), whatever their suffix: the configured target lies in the domain.
 */
export function hasNoHop(configuration: SigningConfiguration | undefined, selector: string, domain: string): boolean {
  const target = configured(configuration, selector)?.cname;
  return target !== undefined && canonicalName(target).endsWith(`._domainkey.${domain}`);
}

export type CnameState = 'match' | 'mismatch' | 'missing' | 'wrong-type';

/** How the CNAME that the zone has compares with the target that Exchange Online wants. */
export function cnameState(cname: SelectorCname, target: string): CnameState {
  switch (cname.outcome) {
    case 'cname':
      return canonicalName(cname.chain[0]?.target ?? '') === canonicalName(target) ? 'match' : 'mismatch';
    case 'other-record':
      return 'wrong-type';
    case 'no-name':
    case 'no-record':
      return 'missing';
  }
}

/** The verdict on a CNAME, in the words that `active-`, `next-` and `passive-` rules share. */
export function judgeCname(
  cname: SelectorCname,
  target: string,
): { state: CnameState; sentence: string; observed: string; remedy: string } {
  const state = cnameState(cname, target);
  const wanted = canonicalName(target);
  const found = canonicalName(cname.chain[0]?.target ?? '');
  const publish = `Publish in the zone of the domain: ${cname.name}. CNAME ${wanted}. (TTL 3600 or more, no proxying).`;
  switch (state) {
    case 'match': {
      const ttl = cname.chain[0]?.ttl ?? 0;
      // A resolver's cache counts the TTL down, so a low one is a hint and no more.
      const short = ttl < 3600 ? ` (TTL seen: ${ttl} s; Microsoft recommends 3600 s or more in the zone)` : '';
      return {
        state,
        sentence: `${cname.name} points to ${wanted}${short}.`,
        observed: `CNAME ${found}, TTL ${ttl}`,
        remedy: '',
      };
    }
    case 'mismatch':
      return {
        state,
        sentence: `${cname.name} points to ${found}; the signing configuration wants ${wanted}.`,
        observed: `CNAME ${found}`,
        remedy: `${publish} Take the target from Get-DkimSigningConfig, never build it.`,
      };
    case 'wrong-type':
      return {
        state,
        sentence: `${cname.name} holds ${cname.otherTypes.join(' and ')} records instead of a CNAME to ${wanted}.`,
        observed: `${cname.otherTypes.join(', ')} in place of a CNAME`,
        remedy: `Remove what stands at that name. ${publish}`,
      };
    case 'missing': {
      const hint = cname.doubledZone ? ' It stands at the name with the zone appended twice.' : '';
      return {
        state,
        sentence: `${cname.name} does not exist as a CNAME (${cname.outcome === 'no-name' ? 'no such name' : 'no such record'}); it should point to ${wanted}.${hint}`,
        observed: outcomesOf(cname.asked),
        remedy: publish,
      };
    }
  }
}

/** `NXDOMAIN from 192.0.2.53 and 198.51.100.53`, or with one resolver `NXDOMAIN from 192.0.2.53, asked twice`. */
export function outcomesOf(asked: SelectorKey['asked']): string {
  return [...Map.groupBy(asked, ({ outcome }) => outcome)]
    .map(([outcome, questions]) => {
      const resolvers = [...new Set(questions.map(({ resolver }) => resolver))];
      const again = resolvers.length === 1 && questions.length > 1 ? ', asked twice' : '';
      return `${outcome} from ${resolvers.join(' and ')}${again}`;
    })
    .join('; ');
}

/** Who has to mend a bad key: whoever owns the zone in which it stands. */
export function keyOwner(
  cname: SelectorCname | undefined,
  configuration: SigningConfiguration | undefined,
  selector: string,
  domain: string,
): Owner {
  if (hasNoHop(configuration, selector, domain)) return 'microsoft';
  if (configuration === undefined) return cname?.outcome === 'cname' ? 'dns-operator' : 'customer-dns';
  const target = configured(configuration, selector)?.cname;
  return cname !== undefined && target !== undefined && cnameState(cname, target) === 'match'
    ? 'microsoft'
    : 'customer-dns';
}

/** Can receivers verify with this selector? Undefined when its key could not be looked at. */
function verifies(key: SelectorKey | undefined): boolean | undefined {
  if (key === undefined) return undefined;
  const [record, ...more] = key.records;
  if (record === undefined || more.length > 0) return false;
  const { says } = record;
  return (
    says.problems.length === 0 &&
    says.key !== undefined &&
    (says.key.algorithm === 'ed25519' || says.key.bits >= leastBits)
  );
}

/**
 * Without a signing configuration a selector that does not verify is a fault only when no named selector does: one that
 * verifies may be the active one. Then a person has to look, and the sentence says what the configuration would add.
 */
export function unlessAnotherVerifies(
  fail: Fail,
  configuration: SigningConfiguration | undefined,
  {
    subject,
    part,
    peers,
  }: Pick<RuleContext, 'subject' | 'part'> & {
    readonly peers: Readonly<Record<string, { readonly 'selector-key'?: SelectorKey | undefined }>>;
  },
): Judgement {
  if (configuration !== undefined) return fail;
  const others = subject.selectors
    .filter((name) => name !== part)
    .map((name) => [name, verifies(peers[name]?.['selector-key'])] as const);
  if (others.every(([, state]) => state === false)) return fail;
  const better = others.filter(([, state]) => state === true).map(([name]) => name);
  const why = better.length > 0 ? `${better.join(' and ')} does verify` : 'the other selector could not be looked at';
  return {
    verdict: 'manual',
    message: `${fail.message} But ${why}, and only the signing configuration says which selector is active.`,
    remedy:
      'Supply the output of Get-DkimSigningConfig (--signing-config FILE): it names the active selector, its target and its key.',
    ...(fail.evidence === undefined ? {} : { evidence: fail.evidence }),
  };
}

/** What the signing configuration would add, for sentences about a domain without one. */
export function withoutConfiguration(configuration: SigningConfiguration | undefined): string {
  return configuration === undefined
    ? ' Which selector is active, and whether this is the right key, only the signing configuration says.'
    : '';
}
