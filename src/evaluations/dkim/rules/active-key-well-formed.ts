import { rule } from '../rule.ts';
import { activeSelectors, afterKeyFound, keyOwner, soleRecord, unlessAnotherVerifies } from '../selectors.ts';

/** See active-key-well-formed.md. */
export const activeKeyWellFormed = rule({
  id: 'dkim/active-key-well-formed',
  title: 'The key record of the active selector is one that verifiers can use',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['selector-key'],
  optional: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  optionalPeers: ['selector-key'],
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
    const evidence = [{ fact: 'selector-key', observed: record.text.slice(0, 200) }] as const;
    if (problems.length === 0) {
      const remarks = notes.length > 0 ? ` Worth knowing: ${notes.join('; ')}.` : '';
      return { verdict: 'pass', message: `The record at ${key.owner} is well formed.${remarks}`, evidence };
    }
    return unlessAnotherVerifies(
      {
        verdict: 'fail',
        owner: keyOwner(cname, configuration, part, subject.id),
        message: `Verifiers cannot use the record at ${key.owner}: ${problems.join('; ')}.`,
        remedy: `Publish at ${key.owner} the text that Get-DkimSigningConfig shows as public key of ${part}, or the CNAME that leads to it.`,
        evidence,
      },
      configuration,
      at,
    );
  },
});
