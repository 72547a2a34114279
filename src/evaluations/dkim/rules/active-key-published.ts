import { openIncidents } from '../incidents.ts';
import { rule } from '../rule.ts';
import {
  activeSelectors,
  afterKeyFound,
  hasNoHop,
  keyOwner,
  outcomesOf,
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
  optional: ['signing-configuration', 'selector-cname', 'exchange-online-incidents'],
  per: 'selector',
  optionalPeers: ['selector-key'],
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
            message: `The key of ${part} is revoked: the record at ${key.owner} has an empty p=.${open.sentence}`,
            remedy:
              owner === 'microsoft'
                ? 'Open a support case with Microsoft; the text to paste is in the finding.'
                : `Publish the CNAME that Get-DkimSigningConfig names in place of the record at ${key.owner}.`,
            evidence: [...evidence, ...open.evidence],
            ...(owner === 'microsoft' ? { supportCase: supportCase(subject.id, part, cname, key) } : {}),
          },
          configuration,
          at,
        );
      }
      return {
        verdict: 'pass',
        message: `${key.name} answers with a key record.${withoutConfiguration(configuration)}`,
        evidence,
      };
    }
    const what = key.outcome === 'no-name' ? 'the name does not exist' : 'the name has no TXT record';
    const evidence = [{ fact: 'selector-key', observed: outcomesOf(key.asked) }] as const;
    if (owner === 'microsoft') {
      return {
        verdict: 'fail',
        owner,
        message: `The active selector ${part} of ${subject.id} has no key: ${hasNoHop(configuration, part, subject.id) ? '' : 'the CNAME is right, but '}in Microsoft's DNS ${what} (${key.owner}). Receivers cannot verify what is signed now.${open.sentence}`,
        remedy:
          'Open a support case with Microsoft; the text to paste is in the finding. Until it is mended, Rotate-DkimSigningConfig to a selector that answers can help.',
        evidence: [...evidence, ...open.evidence],
        supportCase: supportCase(subject.id, part, cname, key),
      };
    }
    return unlessAnotherVerifies(
      {
        verdict: 'fail',
        owner,
        message: `No key for ${part} of ${subject.id}: ${what} (${key.owner}).`,
        remedy: `Publish the record for ${key.name} that the signing service names; for Exchange Online Get-DkimSigningConfig shows it.`,
        evidence,
      },
      configuration,
      at,
    );
  },
});
