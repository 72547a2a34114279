import { rule } from '../rule.ts';
import { activeSelectors, afterKeyFound, configured, keyOwner, soleRecord, unlessRolesOpen } from '../selectors.ts';

/** See active-key-matches-configuration.md. */
export const activeKeyMatchesConfiguration = rule({
  id: 'dkim/active-key-matches-configuration',
  title: 'The published key of the active selector is the one that Exchange Online signs with',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['signing-configuration', 'selector-key'],
  optional: ['selector-cname'],
  per: 'selector',
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: (facts, at) => [...afterKeyFound(facts, at), { rule: 'dkim/active-key-well-formed', target: at.part }],
  judge(
    { 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key },
    { subject, part, now },
  ) {
    const record = soleRecord(key, part);
    if ('verdict' in record) return record;
    const evidence = [
      { fact: 'selector-key', observed: `key ${record.says.key?.fingerprint.slice(0, 16) ?? 'none'}` },
    ] as const;
    if ((configured(configuration, part)?.publicKey ?? '') === '' || key.sameAsConfigured === undefined) {
      return {
        verdict: 'not_applicable',
        message: `The signing configuration does not hold the public key of ${part}, so there is nothing to compare with.`,
        evidence,
      };
    }
    if (key.sameAsConfigured)
      return { verdict: 'pass', message: `The key at ${key.owner} is the one of the signing configuration.`, evidence };
    const owner = keyOwner(cname, configuration, part, subject.id);
    return unlessRolesOpen(
      {
        verdict: 'fail',
        owner,
        message: `The key at ${key.owner} is not the one that Exchange Online signs with: signatures of ${subject.id} fail.`,
        remedy:
          owner === 'microsoft'
            ? `Ask again when the TTL of ${record.ttl} s is over; if the keys still differ, open a support case with Microsoft.`
            : cname?.outcome === 'cname' || cname?.beside !== undefined
              ? `Do what dkim/active-cname-correct says: its CNAME has to be the only record at ${key.name}.`
              : `Somebody copied a key by hand. Put the CNAME that Get-DkimSigningConfig names in place of the record at ${key.owner}.`,
        evidence,
      },
      configuration,
      { now },
    );
  },
});
