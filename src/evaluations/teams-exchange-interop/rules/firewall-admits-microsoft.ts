import { declarationEnds, declaredOf } from '../../../domain/declaration.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { rule } from '../rule.ts';

/** See firewall-admits-microsoft.md. */
export const firewallAdmitsMicrosoft = rule({
  id: 'teams-exchange-interop/firewall-admits-microsoft',
  title: 'The firewall lets Microsoft 365 in',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['published-reach', 'declarations'],
  after: ({ 'published-reach': reach }, { subject }) =>
    reach !== undefined && reach.answered.length + reach.silent.length === 0
      ? subject.domains.map((target) => ({
          rule: 'teams-exchange-interop/autodiscover-published',
          target,
        }))
      : [],
  judge({ 'published-reach': { answered, silent, inside = [], leftOut = [] }, declarations }, { now }) {
    const evidence = [
      ...answered.map((host) => ({ fact: 'published-reach', observed: `${host} answered` }) as const),
      ...silent.map(({ host, why }) => ({ fact: 'published-reach', observed: `${host}: ${why}` }) as const),
    ];
    const remedy = `Ask the network team: TCP 443 has to be admitted from the Exchange Online and Teams ranges of "Microsoft 365 URLs and IP address ranges"; then declare firewall-admits-microsoft.${
      silent.some(({ host }) => host.includes(' at '))
        ? ' An address where no server stands any more: take it out of public DNS.'
        : ''
    }`;
    if (answered.length > 0 && silent.length === 0 && inside.length === 0 && leftOut.length === 0) {
      return {
        verdict: 'pass',
        message: `${enumerateFirst(answered)} answered from outside Microsoft's network, so nothing is narrower than that.`,
        evidence,
      };
    }
    const word = declaredOf('firewall-admits-microsoft', declarations.statements, now);
    if (word.state === 'valid') {
      const said = {
        fact: 'declarations',
        observed: `firewall-admits-microsoft: ${JSON.stringify(word.value)}`,
      } as const;
      return word.value === true
        ? {
            verdict: 'pass',
            message: `The firewall admits Microsoft 365: ${word.said}.`,
            comes: declarationEnds('firewall-admits-microsoft', word.until),
            evidence: [...evidence, said],
          }
        : {
            verdict: 'fail',
            owner: 'network',
            message: `The firewall does not admit Microsoft 365: ${word.said}.`,
            remedy,
            evidence: [...evidence, said],
          };
    }
    const seen = [
      ...(silent.length > 0 ? [`${enumerateFirst(silent.map(({ host }) => host))} gave no answer from outside`] : []),
      ...(inside.length > 0
        ? [`${enumerateFirst(inside)} ${inside.length === 1 ? 'was' : 'were'} asked at an address inside the network`]
        : []),
      ...(leftOut.length > 0
        ? [
            `${enumerateFirst(leftOut)} ${leftOut.length === 1 ? 'was' : 'were'} left out, because one run asks a limited number of hosts`,
          ]
        : []),
    ];
    return {
      verdict: 'manual',
      message: `${seen.length === 0 ? 'No host was asked' : enumerateFirst(seen)}; whether Microsoft 365 is let in has to be looked up${
        word.state === 'expired' ? ` again: ${word.said}, and that has expired` : ''
      }.`,
      remedy,
      evidence,
    };
  },
});
