import { enumerate } from '../../../domain/words.ts';
import { nodesWith } from '../../../facts/smtp-service/service.ts';
import { rule } from '../rule.ts';

/** See relay-refused.md. */
export const relayRefused = rule({
  id: 'smtp-source-ip/relay-refused',
  title: 'The service refuses to relay for us',
  severity: 'critical',
  blocks: ['relay-safe'],
  needs: [],
  optional: ['smtp-relay-test'],
  judge({ 'smtp-relay-test': tests }, { subject }) {
    if (tests === undefined) return { verdict: 'not_applicable', message: 'The relay test was not asked for.' };
    const evidence = tests.map(({ target, reply }) => ({
      fact: 'smtp-relay-test' as const,
      observed: `${target}: ${reply}`,
    }));
    const open = tests.filter(({ accepted }) => accepted);
    if (open.length === 0) {
      return {
        verdict: 'pass',
        message: `${enumerate(tests.map(({ target }) => target))} refused a recipient of a foreign domain.`,
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${enumerate(open.map(({ target, node }) => (node === undefined ? target : `${target} (${node})`)))} accepted a recipient of a foreign domain from us, unauthenticated: an open relay.`,
      remedy:
        nodesWith(subject, 'windows').length === 0
          ? 'See smtp-source-ip/relay-scope-narrow: narrow mynetworks, or mend smtpd_relay_restrictions.'
          : 'See smtp-source-ip/relay-scope-narrow: narrow the connector that took the connection, or take the right Ms-Exch-SMTP-Accept-Any-Recipient away from S-1-5-7.',
      evidence,
    };
  },
});
