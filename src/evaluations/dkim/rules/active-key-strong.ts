import { rule } from '../rule.ts';
import {
  activeSelectors,
  afterKeyFound,
  keyOwner,
  leadsToMicrosoft,
  leastBits,
  mostBits,
  recommendedBits,
  soleRecord,
  unlessAnotherVerifies,
} from '../selectors.ts';

/** See active-key-strong.md. */
export const activeKeyStrong = rule({
  id: 'dkim/active-key-strong',
  title: 'The key of the active selector is long enough',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['selector-key'],
  optional: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  optionalPeers: ['selector-key', 'selector-cname'],
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: (facts, at) => [...afterKeyFound(facts, at), { rule: 'dkim/active-key-well-formed', target: at.part }],
  judge({ 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key }, at) {
    const { subject, part } = at;
    const record = soleRecord(key, part);
    if ('verdict' in record) return record;
    const found = record.says.key;
    if (found === undefined)
      return { verdict: 'not_applicable', message: `The record of ${part} holds no key whose length could be told.` };
    const evidence = [{ fact: 'selector-key', observed: `${found.algorithm}, ${found.bits} bits` }] as const;
    const owner = configuration === undefined ? keyOwner(cname, configuration, part, subject.id) : 'tenant';
    const exchange = configuration !== undefined || leadsToMicrosoft(cname, subject.id);
    const rotate = !exchange
      ? `Have the service that signs with ${part} make a key of ${recommendedBits} bits, and replace the record at ${key.owner}.`
      : `Renew the selector that is not in use, and after the switch (96 hours) the other one:\nRotate-DkimSigningConfig -Identity ${subject.id} -KeySize 2048`;
    if (found.algorithm === 'rsa' && found.bits < leastBits) {
      return unlessAnotherVerifies(
        {
          verdict: 'fail',
          owner,
          message: `The key of ${part} has ${found.bits} bits: receivers refuse RSA keys under ${leastBits} bits (RFC 8301 section 3.2).`,
          remedy: rotate,
          evidence,
        },
        configuration,
        cname,
        at,
      );
    }
    if (found.algorithm === 'rsa' && found.bits < recommendedBits) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner,
        message: `The key of ${part} has ${found.bits} bits: it verifies, but ${recommendedBits} bits are what signers should use (RFC 8301 section 3.1).`,
        remedy: rotate,
        evidence,
      };
    }
    if (found.algorithm === 'rsa' && found.bits > mostBits) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner,
        message: `The key of ${part} has ${found.bits} bits: some verifiers refuse RSA keys above ${mostBits} bits, and none has to accept more than 4096 (RFC 8301 section 3.2).`,
        remedy: rotate,
        evidence,
      };
    }
    const long = found.bits > 4096 ? ' Verifiers need not accept more than 4096 bits.' : '';
    return {
      verdict: 'pass',
      message: `The key of ${part} is ${found.algorithm === 'rsa' ? `RSA with ${found.bits} bits` : 'Ed25519'}.${long}`,
      evidence,
    };
  },
});
