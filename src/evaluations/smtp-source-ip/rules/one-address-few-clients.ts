import { rule } from '../rule.ts';

const suspiciousShare = 0.9;
const suspiciousNames = 5;

/** See one-address-few-clients.md. */
export const oneAddressFewClients = rule({
  id: 'smtp-source-ip/one-address-few-clients',
  title: 'No undeclared address speaks for many clients',
  severity: 'medium',
  blocks: [],
  needs: ['smtp-log'],
  after: () => [{ rule: 'smtp-source-ip/log-fresh' }],
  judge({ 'smtp-log': log }, { subject }) {
    const [busiest] = log.busiest;
    if (busiest === undefined) {
      return { verdict: 'pass', message: 'No mail session comes from an undeclared address.' };
    }
    const share = busiest.mailSessions / log.mailSessions;
    const percent = Math.round(100 * share);
    const evidence = [
      {
        fact: 'smtp-log' as const,
        observed: `${busiest.address}: ${busiest.mailSessions} of ${log.mailSessions} mail sessions, ${busiest.ehloNames} EHLO names`,
      },
    ];
    if (share > suspiciousShare && busiest.ehloNames >= suspiciousNames) {
      return {
        verdict: 'fail',
        owner: 'network',
        message: `${busiest.address} sends ${percent} % of the mail under ${busiest.ehloNames} EHLO names: it looks like an undeclared load balancer that hides clients. A suspicion, no proof.`,
        remedy: `Find out what ${busiest.address} is; when it belongs to the load balancer, add it to "loadBalancerAddresses" of ${subject.id}.`,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `The busiest address, ${busiest.address}, sends ${percent} % of the mail under ${busiest.ehloNames} EHLO names.`,
      evidence,
    };
  },
});
