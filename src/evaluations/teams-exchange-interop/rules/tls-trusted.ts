import { dayOf, daysUntil } from '../../../domain/time.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { type HostTls, type TlsProblem, tlsProblem } from '../../../facts/exchange-organization/published.ts';
import { afterNaming } from '../predecessors.ts';
import { rule } from '../rule.ts';

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
  judge({ 'host-tls': tls }, { now, part }) {
    const evidence = [
      {
        fact: 'host-tls',
        observed:
          tls.outcome === 'no-tls'
            ? 'port 443 does not speak TLS'
            : `${tls.protocol}, names ${enumerateFirst(tls.names)}, chain ${tls.chain.map(({ subject }) => subject).join(' < ')}`,
      },
    ] as const;
    const problem = tlsProblem(tls, now);
    if (problem !== undefined) {
      return { verdict: 'fail', owner: 'on-premises', evidence, ...describe(part, problem, tls) };
    }
    const ends = endOf(tls);
    const days = daysUntil(ends, now);
    if (days <= soonDays) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner: 'on-premises',
        message: `The certificate of ${part} expires in ${days} days (${dayOf(ends)}).`,
        remedy: renew,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `${part} presents a trusted certificate until ${dayOf(ends)} over ${tls.protocol}.`,
      evidence,
    };
  },
});

const renew =
  'Renew the certificate, install it with its intermediates and assign it to IIS: Enable-ExchangeCertificate -Services IIS.';

function describe(host: string, problem: TlsProblem, tls: HostTls): { message: string; remedy: string } {
  switch (problem) {
    case 'no-tls':
      return {
        message: `Port 443 of ${host} does not speak TLS.`,
        remedy: 'Publish HTTPS of the Exchange server on port 443.',
      };
    case 'name':
      return {
        message: `The certificate of ${host} does not carry that name; it carries ${enumerateFirst(tls.names)}.`,
        remedy: `Use a certificate that carries ${host}, or publish Autodiscover under a name that it does carry (an SRV record will do).`,
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

function isIncomplete({ chainError }: HostTls): boolean {
  return chainError === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' || chainError === 'UNABLE_TO_GET_ISSUER_CERT';
}

/** The chain holds from its latest start to its earliest end. */
function startOf({ chain }: HostTls): string {
  return (
    chain
      .map(({ validFrom }) => validFrom)
      .sort()
      .at(-1) ?? ''
  );
}

function endOf({ chain }: HostTls): string {
  return chain.map(({ validTo }) => validTo).sort()[0] ?? '';
}
