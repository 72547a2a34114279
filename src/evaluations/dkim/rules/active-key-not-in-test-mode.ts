import { rule } from '../rule.ts';
import { activeSelectors, afterKeyFound, keyOwner, soleRecord } from '../selectors.ts';

/** See active-key-not-in-test-mode.md. */
export const activeKeyNotInTestMode = rule({
  id: 'dkim/active-key-not-in-test-mode',
  title: 'The key record of the active selector is not marked as a test',
  severity: 'low',
  blocks: ['verifiable-now'],
  needs: ['selector-key'],
  optional: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: (facts, at) => [...afterKeyFound(facts, at), { rule: 'dkim/active-key-well-formed', target: at.part }],
  judge({ 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key }, { subject, part }) {
    const record = soleRecord(key, part);
    if ('verdict' in record) return record;
    const evidence = [{ fact: 'selector-key', observed: record.says.testMode ? 't=y' : 'no t=y' }] as const;
    if (!record.says.testMode)
      return { verdict: 'pass', message: `The record of ${part} is not in test mode.`, evidence };
    return {
      verdict: 'fail',
      owner: keyOwner(cname, configuration, part, subject.id),
      message: `The record at ${key.owner} carries t=y: receivers may treat a broken signature like none (RFC 6376 section 3.6.1).`,
      remedy: 'Take the flag y out of t= when the domain is past its test.',
      evidence,
    };
  },
});
