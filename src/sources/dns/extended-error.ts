import type { ExtendedError } from './answer.ts';

/** What the codes of extended errors mean, in plain words (RFC 8914 section 4 and the IANA registry). */
const meanings: Readonly<Record<number, string>> = {
  0: 'other error',
  1: 'DNSSEC: key algorithm not supported',
  2: 'DNSSEC: digest type not supported',
  3: 'stale answer',
  4: 'forged answer',
  5: 'DNSSEC could not be decided',
  6: 'DNSSEC: the signatures are wrong',
  7: 'DNSSEC: a signature has expired',
  8: 'DNSSEC: a signature is not valid yet',
  9: 'DNSSEC: the key is missing',
  10: 'DNSSEC: the signatures are missing',
  11: 'DNSSEC: no key of the zone may sign',
  12: 'DNSSEC: the proof of absence is missing',
  13: 'the error comes from the cache',
  14: 'the server is not ready',
  15: 'blocked by the operator of the resolver',
  16: 'censored by an authority',
  17: 'filtered as the client wished',
  18: 'prohibited for this client',
  19: 'stale answer that there is no such name',
  20: 'the server is not authoritative',
  21: 'not supported',
  22: 'no name server of the zone can be reached',
  23: 'network error on the way to a name server of the zone',
  24: 'data of the zone are not valid',
  25: 'a signature expired before it became valid',
  26: 'too early',
  27: 'DNSSEC: NSEC3 iterations not supported',
  28: 'the policy could not be obtained',
  29: 'answer made up by the resolver',
};

/** `DNSSEC: a signature has expired (extended error 7, "…")`, one after the other. */
export function extendedErrorWords(errors: readonly ExtendedError[]): string {
  const words = errors.map(({ code, text }) => {
    const meaning = meanings[code] ?? 'error without a known name';
    return `${meaning} (extended error ${code}${text === '' ? '' : `, "${text}"`})`;
  });
  return words.join('; ');
}
