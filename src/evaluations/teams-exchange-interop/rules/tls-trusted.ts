import { dayOf, daysUntil } from '../../../domain/time.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { type AddressTls, allOf, type TlsProblem, tlsProblem } from '../../../facts/exchange-organization/published.ts';
import { afterNaming } from '../predecessors.ts';
import { rule } from '../rule.ts';
import { at } from '../wording.ts';

const soonDays = 30;

/** See tls-trusted.md. */
export const tlsTrusted = rule({
  id: 'teams-exchange-interop/tls-trusted',
  title: 'The certificate of the host is trusted by everybody',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['published-host', 'host-tls'],
  per: 'host',
  after: ({ 'published-host': host }) => afterNaming(host),
  judge({ 'published-host': { wildcard }, 'host-tls': host }, { now, part }) {
    const all = allOf<AddressTls>(host);
    const silent = host.silent ?? [];
    const evidence = [
      ...all.map(
        (tls) =>
          ({
            fact: 'host-tls',
            observed: `${at(tls.address)}${
              tls.outcome === 'no-tls'
                ? 'port 443 does not speak TLS'
                : `${tls.protocol}, names ${enumerateFirst(tls.names)}, chain ${tls.chain.map(({ subject }) => subject).join(' < ')}`
            }`,
          }) as const,
      ),
      ...silent.map(({ address, why }) => ({ fact: 'host-tls', observed: `${address}: ${why}` }) as const),
    ];
    const wrong = tlsProblem(host, now);
    if (wrong !== undefined) {
      const { problem, tls } = wrong;
      const where =
        tls.address === undefined ? part : `${part} at ${tls.address}, one of ${all.length + silent.length} addresses,`;
      if (problem === 'name' && wildcard === true) {
        return {
          verdict: 'fail',
          owner: 'customer-dns',
          message: `${part} has no record of its own: a wildcard record leads it to a server whose certificate carries ${enumerateFirst(tls.names)}.`,
          remedy: `Publish ${part} itself (A or CNAME to the Exchange server), or let the wildcard record end: it hides an SRV record, too.`,
          evidence,
        };
      }
      return { verdict: 'fail', owner: 'on-premises', evidence, ...describe(where, problem, tls, part) };
    }
    const leftOut = host.leftOut ?? [];
    if (leftOut.length > 0) {
      return {
        verdict: 'manual',
        message: `${part} has ${all.length + silent.length + leftOut.length} addresses; ${enumerateFirst(leftOut)} ${leftOut.length === 1 ? 'was' : 'were'} not asked (${all.length + silent.length} are in one run).`,
        remedy: `openssl s_client -connect ADDRESS:443 -servername ${part}, for each of them: the same certificate has to come.`,
        evidence,
      };
    }
    const dead = silent.filter(({ address, away }) => address.includes(':') && !away).map(({ address }) => address);
    if (dead.length > 0) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner: 'customer-dns',
        message: `The IPv6 address ${enumerateFirst(dead)} of ${part} gives no answer; callers fall back to IPv4, after a wait.`,
        remedy: `Take the AAAA record of ${part} out of public DNS, or publish the server there as well.`,
        evidence,
      };
    }
    const ends = all.map(endOf).sort()[0] ?? '';
    const days = daysUntil(ends, now);
    const comes = { at: ends, what: `the certificate of ${part} ends` };
    if (days <= soonDays) {
      return {
        verdict: 'fail',
        comes,
        severity: 'low',
        owner: 'on-premises',
        message: `The certificate of ${part} expires in ${days} days (${dayOf(ends)}).`,
        remedy: renew,
        evidence,
      };
    }
    const away = silent.filter(({ away }) => away).map(({ address }) => address);
    return {
      verdict: 'pass',
      comes,
      message: `${part} presents a trusted certificate until ${dayOf(ends)} over ${all[0]?.protocol}${
        all.length > 1 ? ` at each of ${all.length} addresses` : ''
      }.${away.length > 0 ? ` ${enumerateFirst(away)} could not be asked: there is no IPv6 where this runs.` : ''}`,
      evidence,
    };
  },
});

const renew =
  'Renew the certificate, install it with its intermediates and assign it to IIS: Enable-ExchangeCertificate -Services IIS.';

function describe(
  host: string,
  problem: TlsProblem,
  tls: AddressTls,
  name: string,
): { message: string; remedy: string } {
  switch (problem) {
    case 'no-tls':
      return {
        message: `Port 443 of ${host} does not speak TLS.`,
        remedy: 'Publish HTTPS of the Exchange server on port 443.',
      };
    case 'name':
      return {
        message: `The certificate of ${host} does not carry that name; it carries ${enumerateFirst(tls.names)}.`,
        remedy: `Use a certificate that carries ${name}, or publish Autodiscover under a name that it does carry (an SRV record will do).`,
      };
    case 'expired':
      return {
        message: `The certificate chain of ${host} expired on ${dayOf(endOf(tls))}.`,
        remedy: renew,
      };
    case 'not-yet-valid':
      return {
        message: `The certificate chain of ${host} is not valid before ${dayOf(startOf(tls))}.`,
        remedy: 'Check the clock of the server that made it, or use the certificate that is valid now.',
      };
    case 'untrusted':
      return {
        message: isIncomplete(tls)
          ? `${host} does not send the intermediate certificate, so its chain ends before a trusted root (${tls.chainError}).`
          : `The certificate of ${host} does not chain to a public root (${tls.chainError ?? 'untrusted'}).`,
        remedy: isIncomplete(tls)
          ? 'Import the intermediate certificate of the issuer into the Intermediate Certification Authorities of the server, and on the load balancer where that ends TLS.'
          : 'Use a certificate of a public certification authority: Exchange Online trusts no private one.',
      };
    case 'old-protocol':
      return {
        message: `${host} offers ${tls.protocol} at most; Microsoft 365 needs TLS 1.2.`,
        remedy: 'Enable TLS 1.2 on the server and in front of it.',
      };
  }
}

function isIncomplete({ chainError }: AddressTls): boolean {
  return chainError === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' || chainError === 'UNABLE_TO_GET_ISSUER_CERT';
}

/** The chain holds from its latest start to its earliest end. */
function startOf({ chain }: AddressTls): string {
  return (
    chain
      .map(({ validFrom }) => validFrom)
      .sort()
      .at(-1) ?? ''
  );
}

function endOf({ chain }: AddressTls): string {
  return chain.map(({ validTo }) => validTo).sort()[0] ?? '';
}
