import { isMicrosoftsOwn } from '../../../domain/cloud.ts';
import type { MailRefusal } from '../../../facts/mail-domain/mail-refusal.ts';
import type { SelectorCname, SelectorKey } from '../../../facts/mail-domain/selector.ts';
import type { SigningConfiguration } from '../../../facts/mail-domain/signing-configuration.ts';
import { outcomesOf } from '../cname.ts';
import { openIncidents } from '../incidents.ts';
import { type RuleContext, rule } from '../rule.ts';
import {
  activeSelectors,
  afterKeyFound,
  endsByItself,
  hasNoHop,
  keyOwner,
  leadsToMicrosoft,
  mendRecord,
  rolesOpen,
  rotationIsNoHelp,
  unlessAnotherVerifies,
  withoutConfiguration,
} from '../selectors.ts';
import { supportCase } from '../support-case.ts';

/** See active-key-published.md. */
export const activeKeyPublished = rule({
  id: 'dkim/active-key-published',
  title: 'The key of the active selector is published',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['selector-key'],
  optional: ['signing-configuration', 'selector-cname', 'exchange-online-incidents', 'mail-refusal'],
  per: 'selector',
  optionalPeers: ['selector-key', 'selector-cname'],
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  // A key that answers is judged even behind a wrong CNAME: it is what receivers get.
  after: (facts, at) => afterKeyFound(facts, at).filter(({ rule: id }) => !id.startsWith('dkim/active-key-')),
  judge(facts, at) {
    const { 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key } = facts;
    const { subject, part } = at;
    const owner = keyOwner(cname, configuration, part, subject.id);
    const open = openIncidents(owner === 'microsoft' ? facts['exchange-online-incidents'] : undefined);
    if (key.outcome === 'records') {
      const [first] = key.records;
      const evidence = [
        {
          fact: 'selector-key',
          observed: `${key.records.length} TXT record${key.records.length === 1 ? '' : 's'} at ${key.owner}${first === undefined ? '' : `, TTL ${first.ttl}`}`,
        },
      ] as const;
      if (first?.says.revoked === true && key.records.length === 1) {
        return unlessAnotherVerifies(
          {
            verdict: 'fail',
            owner,
            message: `The key of ${part} is revoked: ${key.wildcard === undefined ? `the record at ${key.owner}` : `the wildcard ${key.wildcard}, which answers for ${key.owner},`} has an empty p=.${perhapsNoMail(facts['mail-refusal'])}${open.sentence}`,
            remedy:
              owner === 'microsoft'
                ? 'Open a support case with Microsoft; the text to paste is in the finding.'
                : configuration === undefined && key.wildcard !== undefined
                  ? `If ${subject.id} sends mail: the signing service's own record at ${key.name} takes precedence over the wildcard (RFC 4592). If it sends none, nothing is to be done.`
                  : mendRecord(owner, key, cname, configuration, at),
            evidence: [...evidence, ...open.evidence],
            ...(owner === 'microsoft' ? { supportCase: supportCase(subject.id, part, cname, key) } : {}),
          },
          configuration,
          cname,
          at,
        );
      }
      return {
        verdict: 'pass',
        message: `${key.name} answers with a key record.${withoutConfiguration(configuration, cname, subject.id)}`,
        evidence,
      };
    }
    const what = key.outcome === 'no-name' ? 'the name does not exist' : 'the name has no TXT record';
    const evidence = [{ fact: 'selector-key', observed: outcomesOf(key.asked) }] as const;
    if (owner === 'microsoft') {
      const end = endsByItself(configuration, at);
      return unlessAnotherVerifies(
        {
          verdict: 'fail',
          owner,
          message: `${rolesOpen(configuration, at.now) ? 'The selector' : 'The active selector'} ${part} of ${subject.id} has no key: ${hasNoHop(configuration, part, subject.id) ? '' : 'the CNAME is right, but '}in Microsoft's DNS ${what} (${key.owner}). Receivers cannot verify what is signed now.${end === undefined ? '' : ` This ends by itself on ${end.at}, when ${end.next} takes over, whose key answers.`}${open.sentence}`,
          remedy:
            end === undefined
              ? `Open a support case with Microsoft; the text to paste is in the finding. ${rotationIsNoHelp}`
              : `Nothing is to be done but to wait for ${end.at}; nobody can bring the switch forward. If it cannot wait, open a support case with Microsoft; the text to paste is in the finding.`,
          evidence: [...evidence, ...open.evidence],
          supportCase: supportCase(subject.id, part, cname, key),
        },
        configuration,
        cname,
        at,
      );
    }
    return unlessAnotherVerifies(
      {
        verdict: 'fail',
        owner,
        message: `No key for ${part} of ${subject.id}: ${what} (${key.owner}).${perhapsNoMail(facts['mail-refusal'])}`,
        remedy: whereToPublish(configuration, cname, key, at),
        evidence,
      },
      configuration,
      cname,
      at,
    );
  },
});

/** One sign alone that the domain sends no mail; with two it is not asked about keys at all. */
function perhapsNoMail(refusal: MailRefusal | undefined): string {
  if (refusal?.nullMx === true)
    return ' Its MX record names no host (null MX, RFC 7505): a domain that sends no mail needs no key.';
  return refusal?.nobodySends === true
    ? ' Its SPF record lets nobody send (v=spf1 -all): a domain that sends no mail needs no key.'
    : '';
}

/** Where no key is: what belongs there, and who says so. */
function whereToPublish(
  configuration: SigningConfiguration | undefined,
  cname: SelectorCname | undefined,
  key: SelectorKey,
  { subject, part }: Pick<RuleContext, 'subject' | 'part'>,
): string {
  if (isMicrosoftsOwn(subject.id))
    return `Supply the output of Get-DkimSigningConfig (--signing-config FILE): it names the selectors of ${subject.id}. Nobody but Microsoft can change what stands in that domain.`;
  if (configuration !== undefined)
    return `Publish the CNAME that Get-DkimSigningConfig names for ${part} at ${key.name}.`;
  if (leadsToMicrosoft(cname, subject.id))
    return `Compare ${key.owner} with the target that Get-DkimSigningConfig names for ${part}: if it is the same, the key is missing at Microsoft; if not, point the CNAME there.`;
  return `Publish the record for ${key.name} that the signing service names, if it signs with ${part} at all: s= in the DKIM-Signature of a message says with which selector.`;
}
