import { showInvisible } from '../../../domain/words.ts';
import { rule } from '../rule.ts';
import {
  activeSelectors,
  afterKeyFound,
  keyOwner,
  mendRecord,
  recordAt,
  soleRecord,
  unlessAnotherVerifies,
} from '../selectors.ts';

/** See active-key-well-formed.md. */
export const activeKeyWellFormed = rule({
  id: 'dkim/active-key-well-formed',
  title: 'The key record of the active selector is one that verifiers can use',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['selector-key'],
  optional: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  optionalPeers: ['selector-key', 'selector-cname'],
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: afterKeyFound,
  judge({ 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key }, at) {
    const { subject, part } = at;
    const record = soleRecord(key, part);
    if ('verdict' in record) return record;
    const { problems, notes, revoked } = record.says;
    if (revoked && problems.length === 0)
      return {
        verdict: 'not_applicable',
        message: `The key of ${part} is revoked, so its record has nothing more to say.`,
      };
    const evidence = [{ fact: 'selector-key', observed: showInvisible(record.text.slice(0, 200)) }] as const;
    if (problems.length === 0) {
      const remarks = notes.length > 0 ? ` Worth knowing: ${notes.join('; ')}.` : '';
      return { verdict: 'pass', message: `The record at ${key.owner} is well formed.${remarks}`, evidence };
    }
    const owner = keyOwner(cname, configuration, part, subject.id);
    return unlessAnotherVerifies(
      {
        verdict: 'fail',
        owner,
        message: `Verifiers cannot use ${recordAt(key)}: ${problems.join('; ')}.`,
        remedy: mendRecord(owner, key, cname, configuration, at),
        evidence,
      },
      configuration,
      cname,
      at,
    );
  },
});
