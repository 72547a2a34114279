import { enumerate, enumerateFirst } from '../../../domain/words.ts';
import { isLinuxNode } from '../../../facts/smtp-service/service.ts';
import { rule } from '../rule.ts';

/** See one-address-few-clients.md. */
export const oneAddressFewClients = rule({
  id: 'smtp-source-ip/one-address-few-clients',
  title: 'No undeclared address speaks for many clients',
  severity: 'medium',
  // A suspicion is no proof: it leaves these questions open (see `proof` in evaluation.ts).
  blocks: ['source-ip-visible', 'relay-safe'],
  needs: [],
  optional: ['node-log'],
  per: 'node',
  judge({ 'node-log': log }, { subject, part }) {
    if (log === undefined) {
      return { verdict: 'not_applicable', message: `${part}: there is no receive log to look into.` };
    }
    const { suspects, clientMailSessions } = log;
    const names = isLinuxNode({ subject, part }) ? 'domains of senders' : 'EHLO names';
    if (suspects.length === 0) {
      return {
        verdict: 'pass',
        message: `${part}: no undeclared address speaks for many senders.`,
        evidence: [{ fact: 'node-log', observed: `${clientMailSessions} mail sessions of clients` }],
      };
    }
    const addresses = suspects.map(({ address }) => address);
    const mail = suspects.reduce((sum, { mailSessions }) => sum + mailSessions, 0);
    const percent = Math.round((100 * mail) / clientMailSessions);
    const many = addresses.length > 1;
    return {
      verdict: 'fail',
      owner: 'network',
      message: `${part}: ${enumerateFirst(addresses)} ${many ? 'send' : 'sends'} ${percent} % of the clients' mail${many ? ', each' : ''} under ${Math.min(...suspects.map(({ ehloNames }) => ehloNames))} ${names}${many ? ' or more' : ''}: ${many ? 'they look' : 'it looks'} like an undeclared load balancer that hides clients. A suspicion, no proof.`,
      remedy: `${many ? `Which of ${enumerate(addresses)} belong` : `Does ${addresses[0]} belong`} to the load balancer (SNIP, SNAT pool, self IP)? ${many ? 'Add those' : 'Then add it'} to "loadBalancerAddresses" of ${subject.id}. What is a client that speaks for many (a branch office, a mail filter) and may relay belongs into "relayClients".`,
      evidence: suspects.map(({ address, mailSessions, ehloNames }) => ({
        fact: 'node-log',
        observed: `${address}: ${mailSessions} of ${clientMailSessions} mail sessions, ${ehloNames} ${names}`,
      })),
    };
  },
});
