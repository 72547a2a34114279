import type { SelectorCname, SelectorKey } from '../../facts/mail-domain/selector.ts';

/**
 * What Microsoft's support asks for first, ready to paste: who was asked for what, when, and what came back.
 *
 * @param domain the mail domain
 * @param selector its selector, e.g. `selector1`
 */
export function supportCase(
  domain: string,
  selector: string,
  cname: SelectorCname | undefined,
  key: SelectorKey,
): string {
  const questions = new Map(
    [...(cname?.asked ?? []), ...key.asked].map((asked) => [
      `${asked.name} ${asked.type} ${asked.resolver} ${asked.at}`,
      asked,
    ]),
  );
  const direct = key.owner === key.name;
  // The selector as a signature names it: for initial domains more than `selector1`.
  const signedAs = key.name.slice(0, key.name.indexOf('._domainkey.'));
  const hops = (cname?.chain ?? []).map(({ name, target, ttl }) => `  ${name} CNAME ${target} (TTL ${ttl} s)`);
  return [
    `DKIM: no usable key of ${selector} for ${domain} in Microsoft's DNS`,
    '',
    direct
      ? `Get-DkimSigningConfig names ${key.owner} for the key of this initial domain, but that name answers ${describeOutcome(key)}.`
      : `The CNAME in our zone is the one that Get-DkimSigningConfig asks for, but its target ${key.owner} answers ${describeOutcome(key)}.`,
    `Receivers cannot verify mail that is signed with s=${signedAs}, d=${domain}.`,
    '',
    'Our records:',
    ...(direct ? [`  none: the key belongs at ${key.name} itself`] : hops),
    '',
    'Asked (UTC):',
    ...[...questions.values()].map(
      ({ name, type, resolver, outcome, at }) => `  ${at}  ${name} ${type} @${resolver}: ${outcome}`,
    ),
    '',
    `Please publish the TXT record at ${key.owner}, or tell us which target this domain has now.`,
  ].join('\n');
}

function describeOutcome(key: SelectorKey): string {
  switch (key.outcome) {
    case 'no-name':
      return 'NXDOMAIN (no such name)';
    case 'no-record':
      return 'NODATA (the name exists, without TXT record)';
    case 'records':
      return key.records.some(({ says }) => says.revoked)
        ? 'a revoked key (empty p=)'
        : `${key.records.length} TXT record${key.records.length === 1 ? '' : 's'}`;
  }
}
