import { rule } from '../rule.ts';
import { activeSelectors, afterKeyFound, keyOwner, mendRecord, unlessAnotherVerifies } from '../selectors.ts';

/** See active-key-single.md. */
export const activeKeySingle = rule({
  id: 'dkim/active-key-single',
  title: 'The active selector answers with one TXT record only',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['selector-key'],
  optional: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  optionalPeers: ['selector-key', 'selector-cname'],
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: (facts, at) => afterKeyFound(facts, at).filter(({ rule: id }) => id !== 'dkim/active-key-single'),
  judge({ 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key }, at) {
    const { subject, part } = at;
    const count = key.records.length;
    const evidence = [
      { fact: 'selector-key', observed: `${count} TXT record${count === 1 ? '' : 's'} at ${key.owner}` },
    ] as const;
    if (count === 0) return { verdict: 'not_applicable', message: `${part} has no key record.` };
    if (count === 1) return { verdict: 'pass', message: `${key.owner} has one TXT record.`, evidence };
    const owner = keyOwner(cname, configuration, part, subject.id);
    const ours = owner === 'customer-dns';
    const several = key.joined
      ? `${key.owner} has ${count} TXT records that hold the pieces of one key: receivers do not join records, and take one of them.`
      : `${key.owner} has ${count} TXT records: which one a receiver takes is not defined (RFC 6376 section 3.6.2.2).`;
    const mend = key.joined
      ? `Put the pieces into one TXT record at ${key.owner}, as two strings one after the other ("first part" "second part"), and delete the separate records.`
      : `Leave only the DKIM key at ${key.owner}.`;
    return unlessAnotherVerifies(
      {
        verdict: 'fail',
        owner,
        message: several,
        remedy: ours ? mend : mendRecord(owner, key, cname, configuration, at),
        evidence,
      },
      configuration,
      cname,
      at,
    );
  },
});
