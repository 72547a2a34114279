import type { SelectorCname, SelectorKey } from '../../facts/selector.ts';

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
  const hops = (cname?.chain ?? []).map(({ name, target, ttl }) => `  ${name} CNAME ${target} (TTL ${ttl} s)`);
  return [
    `DKIM: the key of ${selector} for ${domain} is not in Microsoft's DNS`,
    '',
    `The CNAME in our zone is the one that Get-DkimSigningConfig asks for, but its target ${key.owner} answers ${describeOutcome(key)}.`,
    `Receivers cannot verify mail that is signed with s=${selector}, d=${domain}.`,
    '',
    'Our records:',
    ...(hops.length > 0 ? hops : [`  none: the key belongs at ${key.name} itself`]),
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
      return `${key.records.length} TXT record(s)`;
  }
}
