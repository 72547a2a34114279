import { isCoexistence, isMicrosoftsOwn } from '../../domain/cloud.ts';
import { matchesDomainPattern, normaliseDomainName } from '../../domain/domain-name.ts';
import { evaluation, type FactReader } from '../../domain/evaluation.ts';
import type { Gathered } from '../../domain/fact-set.ts';
import type { Judged } from '../../domain/finding.ts';
import { tenantPropertiesOf } from '../../domain/organization.ts';
import { enumerate } from '../../domain/words.ts';
import { type MailDomainFacts, mailDomainFacts } from '../../facts/mail-domain/index.ts';
import type { MailRefusal } from '../../facts/mail-domain/mail-refusal.ts';
import type { SigningConfiguration } from '../../facts/mail-domain/signing-configuration.ts';
import { selectorNames } from '../../facts/mail-domain/signing-configuration.ts';
import { type MailDomain, mailDomain } from '../../facts/mail-domain/subject.ts';
import { patient } from './patience.ts';
import { activeCnameCorrect } from './rules/active-cname-correct.ts';
import { activeKeyMatchesConfiguration } from './rules/active-key-matches-configuration.ts';
import { activeKeyNotInTestMode } from './rules/active-key-not-in-test-mode.ts';
import { activeKeyPublished } from './rules/active-key-published.ts';
import { activeKeySingle } from './rules/active-key-single.ts';
import { activeKeyStrong } from './rules/active-key-strong.ts';
import { activeKeyWellFormed } from './rules/active-key-well-formed.ts';
import { nextSelectorReady } from './rules/next-selector-ready.ts';
import { passiveCnameCorrect } from './rules/passive-cname-correct.ts';
import { rotationOnSchedule } from './rules/rotation-on-schedule.ts';
import { signingConfigured } from './rules/signing-configured.ts';
import { signingEnabled } from './rules/signing-enabled.ts';
import { statusConsistent } from './rules/status-consistent.ts';
import { configured, hasNoHop } from './selectors.ts';
import { dkimSettings } from './settings.ts';

/** Can receivers verify what a mail domain signs, today and after the next rotation? */
export const dkim = evaluation({
  id: 'dkim',
  title: 'DKIM',
  subjectKind: 'mail-domain',
  subject: mailDomain,
  facts: mailDomainFacts,
  subjectId: { is: 'a mail domain', example: 'contoso.com', counted: ['domain', 'domains'] },
  settings: dkimSettings,
  discovery: ({ domains }) => (domains === undefined ? ['tenant', 'supplied-facts'] : []),
  normaliseId(name) {
    const domain = normaliseDomainName(name);
    return 'name' in domain ? domain.name : name;
  },
  subjects(document, { domains, ignore, selectors }, discovered) {
    return [...new Set(domains ?? discovered)].sort().map((id): MailDomain => {
      const ignoredBy = ignore.find((pattern) => matchesDomainPattern(pattern, id));
      return {
        kind: 'mail-domain',
        id,
        selectors,
        ...(ignoredBy === undefined ? {} : { ignoredBy }),
        ...tenantPropertiesOf(document),
      };
    });
  },
  questions: [
    {
      id: 'verifiable-now',
      title: 'Can receivers verify what is signed now?',
      short: 'Now',
      broken: 'receivers cannot verify %',
    },
    {
      id: 'verifiable-after-rotation',
      title: 'Will they still after the next key rotation?',
      short: 'After rotation',
      broken: 'the next key rotation breaks %',
    },
  ],
  rules: [
    signingConfigured,
    signingEnabled,
    activeCnameCorrect,
    activeKeyPublished,
    activeKeySingle,
    activeKeyWellFormed,
    activeKeyMatchesConfiguration,
    activeKeyStrong,
    activeKeyNotInTestMode,
    nextSelectorReady,
    passiveCnameCorrect,
    rotationOnSchedule,
    statusConsistent,
  ].map(patient),
  reads: ['accepted-domain', 'signing-configuration', 'mail-refusal'],
  scope,
  proof,
});

type Read = FactReader<MailDomainFacts, 'accepted-domain' | 'signing-configuration' | 'mail-refusal'>;

/** Domains that cannot publish, do not send or are not watched are classified, with the reason, and out of every alarm. */
function scope(
  fact: Read,
  { subject: { id, ignoredBy, selectors } }: { readonly subject: MailDomain },
): string | undefined {
  const accepted = fact('accepted-domain');
  const configuration = fact('signing-configuration');
  const listed = accepted.status === 'known' ? accepted.value : undefined;
  const initial = listed?.initialDomain === true || isMicrosoftsOwn(id);
  if (ignoredBy !== undefined) return `${id} is on the ignore list (${ignoredBy}).`;
  if (listed?.listed === false && configuration.status === 'known' && configuration.value.state === 'configured') {
    return `${id} is no accepted domain (any more): its row of Get-DkimSigningConfig is a leftover, and nothing is sent from it.`;
  }
  if (listed?.isCoexistenceDomain === true || isCoexistence(id)) {
    return `${id} is a coexistence domain: nobody can publish DNS records in it.`;
  }
  if (listed?.sendingFromDomainDisabled === true)
    return `Sending from ${id} is switched off (SendingFromDomainDisabled).`;
  if (initial && configuration.status === 'known' && configuration.value.state === 'no-row') {
    return `${id} is an initial domain without a DKIM configuration of its own: Microsoft signs for it by default.`;
  }
  if (initial && isMissing(configuration) && selectors.every(isPlain)) {
    return `${id} is an initial domain, whose selectors have names of their own: supply the output of Get-DkimSigningConfig, or name them.`;
  }
  const row =
    configuration.status === 'known' && configuration.value.state === 'configured' ? configuration : undefined;
  if (initial && row !== undefined && keysElsewhere(row.value, id)) {
    return `${id} is an initial or fallback domain of the tenant without DNS of its own: nobody but Microsoft can publish in it, and the keys that its configuration names stand in another domain.`;
  }
  const refusal = fact('mail-refusal');
  return refusal.status === 'known' ? parked(id, refusal.value) : undefined;
}

/** The configuration names targets, none of them in the domain itself. */
function keysElsewhere(configuration: SigningConfiguration, domain: string): boolean {
  const named = selectorNames.filter((name) => (configured(configuration, name)?.cname ?? '') !== '');
  return named.length > 0 && !named.some((name) => hasNoHop(configuration, name, domain));
}

/** Two signs at least, and no key: one alone may be a slip of a domain that sends. */
function parked(id: string, { noKey, revokedBy, nullMx, nobodySends }: MailRefusal): string | undefined {
  const signs = [
    ...(revokedBy === undefined ? [] : [`the wildcard ${revokedBy} revokes every selector (empty p=)`]),
    ...(nullMx === true ? ['its MX record names no host (null MX, RFC 7505)'] : []),
    ...(nobodySends === true ? ['its SPF record lets nobody send (v=spf1 -all)'] : []),
  ];
  if (!noKey || signs.length < 2) return undefined;
  return `${id} is parked and sends no mail: ${enumerate(signs)}.`;
}

/** `selector1` and `selector2`: the names on which custom domains carry their CNAMEs. */
function isPlain(selector: string): boolean {
  return selectorNames.some((name) => name === selector);
}

/** Nobody supplied it. A configuration that could not be read is another matter: there may be one. */
function isMissing(configuration: Gathered<unknown>): boolean {
  return configuration.status === 'unobtainable' && configuration.reason === 'not_supplied';
}

const decidingWithoutConfiguration: ReadonlySet<string> = new Set([
  'dkim/active-key-published',
  'dkim/active-key-single',
  'dkim/active-key-well-formed',
  'dkim/active-key-strong',
]);

/**
 * Without a signing configuration both questions are answered by what DNS alone can prove of the named selectors: yes
 * when every one verifies, whichever is active now or next; no when none does; undetermined when some do.
 */
function proof(_question: string, blocking: readonly Judged[], fact: Read, all: readonly Judged[]): readonly Judged[] {
  return isMissing(fact('signing-configuration'))
    ? all.filter(({ finding }) => decidingWithoutConfiguration.has(finding.rule))
    : blocking;
}
