import { enumerateFirst } from '../../../domain/words.ts';
import {
  type AutodiscoverDns,
  isExchangeOnlineName,
  isInternalName,
  serviceRecordOf,
} from '../../../facts/exchange-organization/published.ts';
import { rule } from '../rule.ts';

/** See autodiscover-published.md. */
export const autodiscoverPublished = rule({
  id: 'teams-exchange-interop/autodiscover-published',
  title: 'Every domain has an Autodiscover name of its own on the internet',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['autodiscover-dns'],
  per: 'domain',
  judge({ 'autodiscover-dns': dns }, { part: domain }) {
    const srvName = `_autodiscover._tcp.${domain}`;
    const record = serviceRecordOf(dns);
    const evidence = [
      {
        fact: 'autodiscover-dns',
        observed: `${dns.name}: ${[...dns.chain, ...dns.addresses.map(({ address }) => address)].join(', ') || dns.outcome}`,
      },
      {
        fact: 'autodiscover-dns',
        observed: `${srvName}: ${record === undefined ? dns.srv.outcome : `${record.target}:${record.port}`}`,
      },
    ] as const;
    const fail = (message: string, remedy: string) =>
      ({ verdict: 'fail', owner: 'customer-dns', message, remedy, evidence }) as const;

    if (dns.homesNoMailbox === true) {
      return {
        verdict: 'not_applicable',
        message: `No mailbox on premises has its address in ${domain}, by the collector’s count of the whole forest: its Autodiscover is of no use to Teams there.`,
        evidence,
      };
    }
    const cloud = dns.chain.find(isExchangeOnlineName);
    if (cloud !== undefined) {
      return fail(
        `${dns.name} is a CNAME to ${cloud}: Teams is sent to Exchange Online and never reaches the servers on premises.`,
        `Point ${dns.name} to the published Exchange server while mailboxes are on premises.`,
      );
    }
    if (dns.addresses.length > 0) {
      const wrong = unpublished(dns.addresses, dns);
      if (wrong.length > 0) {
        return fail(
          `${dns.name} leads to ${enumerateFirst(wrong)}, which nobody can reach from the internet.`,
          `Publish ${dns.name} in public DNS with the public address of the Exchange server.`,
        );
      }
      return {
        verdict: 'pass',
        message: `${dns.name} leads to ${enumerateFirst(dns.addresses.map(({ address }) => address))}.`,
        evidence,
      };
    }
    if (record === undefined) {
      return fail(
        `Neither ${dns.name} nor ${srvName} exists, so Teams cannot find the server of ${domain}.`,
        `Add an A or CNAME record for ${dns.name}, or the SRV record ${srvName} 0 0 443 mail.${domain}.`,
      );
    }
    if (isExchangeOnlineName(record.target)) {
      return fail(
        `The SRV record ${srvName} names ${record.target}: Teams is sent to Exchange Online and never reaches the servers on premises.`,
        `Let ${srvName} name the published Exchange server while mailboxes are on premises.`,
      );
    }
    if (record.port !== 443) {
      return fail(
        `The SRV record ${srvName} names port ${record.port}; Teams asks port 443 only.`,
        `Publish Autodiscover on port 443 and change the record to 0 0 443 ${record.target}.`,
      );
    }
    const wrong = unpublished(record.addresses, dns);
    if (isInternalName(record.target) || record.addresses.length === 0 || wrong.length > 0) {
      return fail(
        `The SRV record ${srvName} names ${record.target}, which ${
          wrong.length > 0 ? `leads to ${enumerateFirst(wrong)}` : 'has no address on the internet'
        }.`,
        `Let ${srvName} name a host that public DNS resolves to the Exchange server.`,
      );
    }
    return { verdict: 'pass', message: `The SRV record ${srvName} names ${record.target} on port 443.`, evidence };
  },
});

/** Addresses that are not on the internet, as `10.0.0.5 (private)`. */
function unpublished(addresses: AutodiscoverDns['addresses'], { privateAdmitted }: AutodiscoverDns): readonly string[] {
  return addresses
    .filter(({ scope }) => scope !== 'public' && !(privateAdmitted && (scope === 'private' || scope === 'loopback')))
    .map(({ address, scope }) => `${address} (${scope})`);
}
