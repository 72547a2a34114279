import { enumerate, enumerateFirst } from '../../../domain/words.ts';
import { nodesWith } from '../../../facts/smtp-service/service.ts';
import { giveThemAgain, notReadToTheEnd } from '../log-words.ts';
import { exceptLinux, postfixLogsNoRights } from '../postfix.ts';
import { rule } from '../rule.ts';

/** See no-unapproved-relay-sessions.md. */
export const noUnapprovedRelaySessions = rule({
  id: 'smtp-source-ip/no-unapproved-relay-sessions',
  title: 'Only approved clients were granted the right to relay',
  severity: 'high',
  blocks: ['relay-safe'],
  needs: [],
  optional: ['smtp-log'],
  judge({ 'smtp-log': log }, { subject }) {
    if (log === undefined) return { verdict: 'not_applicable', message: 'There is no receive log to look into.' };
    if (nodesWith(subject, 'windows').length === 0) return postfixLogsNoRights;
    const { unapprovedRelay: unapproved } = log;
    const evidence = unapproved.map(({ address, sessions, connectors }) => ({
      fact: 'smtp-log' as const,
      observed: `${address}: ${sessions} sessions with SMTPAcceptAnyRecipient on ${connectors.join(', ')}`,
    }));
    const notRead = notReadToTheEnd(log);
    if (unapproved.length === 0 && notRead !== '') {
      return {
        verdict: 'manual',
        message: `Nothing of the kind is in what could be read of the receive log.${notRead}`,
        remedy: giveThemAgain,
        evidence,
      };
    }
    if (unapproved.length === 0) {
      return {
        verdict: 'pass',
        message: `No client outside "relayClients" was granted SMTPAcceptAnyRecipient before it signed in.${exceptLinux(subject)}`,
        evidence,
      };
    }
    const addresses = unapproved.map(({ address }) => address);
    const connectors = [...new Set(unapproved.flatMap((one) => one.connectors))].sort();
    if (subject.relayClients.length === 0) {
      return {
        verdict: 'not_applicable',
        message: `No "relayClients" of ${subject.id} are declared to compare with; ${enumerateFirst(addresses)} may relay on ${enumerate(connectors)}.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${enumerateFirst(addresses)} ${addresses.length === 1 ? 'was' : 'were'} granted SMTPAcceptAnyRecipient on ${enumerate(connectors)} without signing in, and ${addresses.length === 1 ? 'is' : 'are'} not on the list of approved relay clients.`,
      remedy: `Find out what they are. Approve them as "relayClients" of ${subject.id}, or take them out of RemoteIPRanges of ${enumerate(connectors)}.`,
      evidence,
    };
  },
});
