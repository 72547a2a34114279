import { rule } from '../rule.ts';
import { activeSelectors, afterKeyFound, keyOwner, unlessAnotherVerifies } from '../selectors.ts';

/** See active-key-single.md. */
export const activeKeySingle = rule({
  id: 'dkim/active-key-single',
  title: 'The active selector answers with one TXT record only',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['selector-key'],
  optional: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  optionalPeers: ['selector-key'],
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
    return unlessAnotherVerifies(
      {
        verdict: 'fail',
        owner: keyOwner(cname, configuration, part, subject.id),
        message: `${key.owner} has ${count} TXT records: which one a receiver takes is not defined (RFC 6376 section 3.6.2.2).`,
        remedy: `Leave only the DKIM key at ${key.owner}.`,
        evidence,
      },
      configuration,
      at,
    );
  },
});
