import { isMicrosoftsOwn } from '../../domain/cloud.ts';
import { canonicalName } from '../../domain/domain-name.ts';
import type { Fail, Judgement, Manual, NotApplicable, Owner, Predecessor } from '../../domain/rule.ts';
import type { Instant } from '../../domain/time.ts';
import { minuteOf } from '../../domain/words.ts';
import type { SelectorCname, SelectorKey } from '../../facts/mail-domain/selector.ts';
import {
  type SelectorRole,
  type SigningConfiguration,
  type SigningConfigurationRow,
  selectorNames,
  selectorRoles,
} from '../../facts/mail-domain/signing-configuration.ts';
import { cnameState, ownTargets } from './cname.ts';
import { stepFor } from './damage.ts';
import type { RuleContext } from './rule.ts';

/** A key of a 1,024-bit RSA modulus is the least that receivers accept (RFC 8301 section 3.2). */
export const leastBits = 1024;

/** What signers should use (RFC 8301 section 3.1). */
export const recommendedBits = 2048;

/** Above this, verifiers in use refuse RSA keys; RFC 8301 section 3.2 obliges them to 1,024 to 4,096 bits alone. */
export const mostBits = 8192;

/** Every rule but `signing-configured` speaks only where there is a configuration to speak of. */
export const afterConfigured = () => [{ rule: 'dkim/signing-configured' }];

/**
 * The rules that look into the key record of an active selector: blocked by whatever left no single usable record.
 * A wrong CNAME blocks them only when nothing answers behind it, or when there are several and receivers differ about what
 * does: a key that answers is what receivers get.
 */
export function afterKeyFound(
  facts: {
    readonly 'selector-key'?: SelectorKey | undefined;
    readonly 'selector-cname'?: SelectorCname | undefined;
  },
  { part }: Pick<RuleContext, 'part'>,
): readonly Predecessor[] {
  const key = facts['selector-key'];
  const cname = facts['selector-cname'];
  const nothingThere =
    (key !== undefined && key.outcome !== 'records') || (cname !== undefined && ownTargets(cname).length > 1);
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

/** The whole line to run for an export that says every time exactly. */
export const exportCommand = 'Get-DkimSigningConfig | ConvertTo-Json -Depth 4 | Out-File -Encoding utf8 dkim.json';

/** What people try first when a key is missing at Microsoft. */
export const rotationIsNoHelp =
  'Rotate-DkimSigningConfig does not help at once: it makes a new key for the selector that is not in use, and the switch to it comes 96 hours later.';

/** Does a configuration leave open which selector is active? Then each of them is judged as if it were. */
export function rolesOpen(configuration: SigningConfiguration | undefined, now: Instant): boolean {
  const row = configuration === undefined ? undefined : rowOf(configuration);
  return row !== undefined && selectorRoles(row, now) === undefined;
}

/** Where the roles are open a fault of one selector is no more than a suspicion: a person has to look. */
export function unlessRolesOpen(
  judgement: Judgement,
  configuration: SigningConfiguration,
  { now }: Pick<RuleContext, 'now'>,
): Judgement {
  if (judgement.verdict !== 'fail' || !rolesOpen(configuration, now)) return judgement;
  const { message, remedy } = activeUnknown(rowOf(configuration));
  const { evidence, dns } = judgement;
  return {
    verdict: 'manual',
    message: `${judgement.message} That matters only in its turn. ${message}`,
    remedy,
    ...(evidence === undefined ? {} : { evidence }),
    ...(dns === undefined ? {} : { dns }),
  };
}

/** Why nobody can tell which selector is active. */
function activeUnknown(row: SigningConfigurationRow | undefined): Manual {
  const readings = row?.rotateOnReadings;
  return {
    verdict: 'manual',
    message:
      readings === undefined
        ? 'The signing configuration does not say which selector is active: RotateOnDate or the selectors around it are missing.'
        : `Which selector is active nobody can tell: RotateOnDate "${readings.text}" is text without a zone, any time from ${readings.earliest} to ${readings.latest}, and now lies in between.`,
    remedy: `Export the whole of it, with exact times, and supply that file:\n${exportCommand}`,
  };
}

/** Made once: each rule on a domain asks for one of them. */
const alone = selectorNames.map((name) => [name] as const);

/**
 * The selectors in `role`, all of them where the roles are open, or a judgement where there is none.
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
  if (row === undefined) return activeUnknown(row);
  const roles = selectorRoles(row, now);
  if (roles === undefined) return selectorNames;
  // One of them is the active one, so that none but the other has another role.
  const inRole = alone.find(([name]) => roles[name] === role);
  return inRole ?? { verdict: 'not_applicable', message: absent };
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
    remedy: `Look whether Selector1CNAME and Selector2CNAME are filled:\nGet-DkimSigningConfig -Identity ${domain} | Format-List Selector1CNAME, Selector2CNAME`,
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

/** The target of the other one of the two selectors. */
export function otherTarget(configuration: SigningConfiguration | undefined, selector: string): string | undefined {
  return configured(configuration, selector === 'selector1' ? 'selector2' : 'selector1')?.cname;
}

/**
 * Does the key of this selector stand in the domain itself, so that there is no CNAME to follow? So it is for initial
 * domains (`*.onmicrosoft.com` and its sovereign kin), whatever their suffix: the configured target lies in the domain.
 */
export function hasNoHop(configuration: SigningConfiguration | undefined, selector: string, domain: string): boolean {
  const target = configured(configuration, selector)?.cname;
  return target !== undefined && canonicalName(target).endsWith(`._domainkey.${domain}`);
}

/** As {@link hasNoHop}; nor does a domain of Microsoft's want a CNAME, in which nobody else can publish. */
export function needsNoCname(
  configuration: SigningConfiguration | undefined,
  selector: string,
  domain: string,
): boolean {
  return isMicrosoftsOwn(domain) || hasNoHop(configuration, selector, domain);
}

/** Is it Exchange Online that this selector belongs to? Without a signing configuration only the chain says so. */
export function leadsToMicrosoft(cname: SelectorCname | undefined, domain: string): boolean {
  const targets = (cname?.chain ?? []).map(({ target }) => canonicalName(target));
  return [domain, ...targets].some((name) => isMicrosoftsOwn(name) || name.endsWith('.dkim.mail.microsoft'));
}

/** Who has to mend a bad key: whoever owns the zone in which it stands. */
export function keyOwner(
  cname: SelectorCname | undefined,
  configuration: SigningConfiguration | undefined,
  selector: string,
  domain: string,
): Owner {
  if (hasNoHop(configuration, selector, domain)) return 'microsoft';
  // No customer can publish there; that it is Microsoft's fault takes a configuration that names the key.
  if (isMicrosoftsOwn(domain)) return 'dns-operator';
  if (configuration === undefined) return cname?.outcome === 'cname' ? 'dns-operator' : 'customer-dns';
  const target = configured(configuration, selector)?.cname;
  return cname !== undefined && target !== undefined && cnameState(cname, target) === 'match'
    ? 'microsoft'
    : 'customer-dns';
}

/** What is known of the other selectors. */
interface Others {
  readonly peers: Readonly<
    Record<
      string,
      { readonly 'selector-key'?: SelectorKey | undefined; readonly 'selector-cname'?: SelectorCname | undefined }
    >
  >;
}

/**
 * While a rotation is pending, a break of the active selector ends with it when the next one answers.
 *
 * @returns when, and which selector takes over; undefined when nothing ends by itself
 */
export function endsByItself(
  configuration: SigningConfiguration | undefined,
  { part, now, peers }: Pick<RuleContext, 'part' | 'now'> & Others,
): { readonly next: string; readonly at: string } | undefined {
  const row = configuration === undefined ? undefined : rowOf(configuration);
  const roles = row === undefined ? undefined : selectorRoles(row, now);
  const next = selectorNames.find((name) => roles?.[name] === 'next');
  if (next === undefined || next === part || row?.rotateOnDate === undefined) return undefined;
  const key = peers[next]?.['selector-key'];
  if (verifies(key) !== true || key?.sameAsConfigured === false) return undefined;
  return { next, at: minuteOf(row.rotateOnDate) };
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
  cname: SelectorCname | undefined,
  { subject, part, now, peers }: Pick<RuleContext, 'subject' | 'part' | 'now'> & Others,
): Judgement {
  const open = rolesOpen(configuration, now);
  if (configuration !== undefined && !open) return fail;
  const others = (open ? selectorNames : subject.selectors)
    .filter((name) => name !== part)
    .map((name) => [name, verifies(peers[name]?.['selector-key'])] as const);
  if (others.every(([, state]) => state === false)) return fail;
  const exchange = [cname, ...Object.values(peers).map((peer) => peer['selector-cname'])].some((one) =>
    leadsToMicrosoft(one, subject.id),
  );
  const better = others.filter(([, state]) => state === true).map(([name]) => name);
  if (configuration !== undefined) return unlessRolesOpen(fail, configuration, { now });
  const why = better.length > 0 ? `${better.join(' and ')} does verify` : 'the other selector could not be looked at';
  return {
    verdict: 'manual',
    message: `${fail.message} But ${why}, and only the signing ${exchange ? 'configuration' : 'service'} says which selector is active.`,
    remedy: exchange
      ? 'Supply the output of Get-DkimSigningConfig (--signing-config FILE): it names the active selector, its target and its key.'
      : `Look at a message that ${subject.id} sent lately: s= of its DKIM-Signature names the selector that signs. Then ask for that one alone (--selector NAME).`,
    ...(fail.evidence === undefined ? {} : { evidence: fail.evidence }),
  };
}

/** What DNS alone does not tell, for sentences about a domain without a signing configuration. */
export function withoutConfiguration(
  configuration: SigningConfiguration | undefined,
  cname: SelectorCname | undefined,
  domain: string,
): string {
  if (configuration !== undefined) return '';
  return leadsToMicrosoft(cname, domain)
    ? ' Which selector is active, and whether this is the right key, only the signing configuration says.'
    : ' Whether its owner signs with this key now, DNS does not say.';
}

/** Where a record stands, for sentences: a wildcard's stands elsewhere. */
export function recordAt({ owner, wildcard }: SelectorKey): string {
  return wildcard === undefined ? `the record at ${owner}` : `the record at ${owner} (from the wildcard ${wildcard})`;
}

/** What mends a bad record of a selector, for whoever has to do it. */
export function mendRecord(
  owner: Owner,
  key: SelectorKey,
  cname: SelectorCname | undefined,
  configuration: SigningConfiguration | undefined,
  { part, subject }: Pick<RuleContext, 'part' | 'subject'>,
): string {
  if (owner === 'microsoft') return `Open a support case with Microsoft: the record at ${key.owner} is theirs to mend.`;
  if (isMicrosoftsOwn(subject.id))
    return `Supply the output of Get-DkimSigningConfig (--signing-config FILE): it names the selectors of ${subject.id}. Nobody but Microsoft can change what stands in that domain.`;
  if (key.wildcard !== undefined) {
    const what = configuration === undefined ? 'record that the signing service' : 'CNAME that Get-DkimSigningConfig';
    return `Publish the ${what} names for ${part} at ${key.name}: it takes precedence over the wildcard ${key.wildcard} (RFC 4592), which may stay.`;
  }
  if (configuration !== undefined)
    return `Put the CNAME that Get-DkimSigningConfig names for ${part} in place of the record at ${key.owner}.`;
  if (leadsToMicrosoft(cname, subject.id))
    return `Compare ${key.owner} with the target that Get-DkimSigningConfig names for ${part}: if it is the same, the record is Microsoft's to mend; if not, point the CNAME there.`;
  const damage = key.records.length === 1 ? key.records[0]?.says.damage : undefined;
  return damage === undefined
    ? `Put at ${key.owner} the record that the signing service shows for ${part}, whole and as one TXT record.`
    : stepFor(damage, key.owner);
}
