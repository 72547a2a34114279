// Is a channel alive, and is what it shows what was meant? A made-up incident, opened and resolved in one go.
import type { Notice } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { noticeOf } from '../../domain/plan.ts';
import type { Transition } from '../../domain/transition.ts';
import { answerWords } from '../../domain/words.ts';
import type { Registration } from '../../evaluations/registration.ts';
import { storedOrganization } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { notFound } from '../problem.ts';
import type { ChannelTest } from '../responses.ts';
import { named } from './notice.ts';

/** What tells a person to look further, where taking a notice is not showing it. */
const beyond: Readonly<Record<string, string>> = {
  'teams-workflow':
    ' The flow has it; a card that is not in the channel within a minute failed inside the flow, and its run history says why.',
  email: ' A mail that does not arrive is in the trace of the mail system, or was taken for spam.',
};

const limitMs = 20_000;

/**
 * Sends a sample to one channel of an organization, and says what became of it and what to do.
 *
 * @throws Problem (404) when there is no such organization or channel
 */
export async function testChannel(
  ports: Pick<Ports, 'store' | 'evaluations' | 'clock' | 'notifierFor' | 'publicUrl'>,
  organization: string,
  channel: string,
): Promise<ChannelTest> {
  const { value: document } = await storedOrganization(ports, organization);
  const kind = Object.hasOwn(document.channels, channel) ? document.channels[channel]?.kind : undefined;
  if (kind === undefined) throw notFound(`The channel "${channel}" of ${organization}`);
  const told = { organization, channel, kind };
  const { all } = ports.evaluations;
  const evaluation = all.find(({ id }) => document.evaluations[id]?.channels.includes(channel)) ?? all[0];
  if (evaluation === undefined) throw notFound('An evaluation');
  try {
    const notifier = ports.notifierFor(document, channel);
    const notice = sampleOf(document, evaluation, channel, ports.clock(), ports.publicUrl);
    const { outcome, detail } = await notifier.send(notice, AbortSignal.timeout(limitMs));
    return { ...told, outcome, detail: outcome === 'delivered' ? `${detail}${beyond[kind] ?? ''}` : detail };
  } catch (error) {
    return { ...told, outcome: 'rejected', detail: error instanceof Error ? error.message : String(error) };
  }
}

/** What is sent: nothing in it is true, and it says so. */
function sampleOf(
  document: OrganizationDocument,
  { id, title, rules: [rule] }: Registration,
  channel: string,
  now: Date,
  publicUrl: string | undefined,
): Notice {
  const at = now.toISOString();
  const subject = 'sample';
  const of = {
    type: 'finding',
    rule: rule?.id ?? `${id}/sample`,
    target: channel,
    severity: 'high',
    owner: 'customer-dns',
    observed: 'nothing: somebody tries the channel out',
  } as const;
  const transitions: Transition[] = [
    {
      kind: 'opened',
      reason: 'was-good',
      subject,
      at,
      since: at,
      of: {
        ...of,
        verdict: 'fail',
        message: `This is a sample, sent to try out the channel ${channel}: nothing is wrong.`,
        remedy: 'There is nothing to do. Whoever reads this hears of what is found.',
        supportCase: 'The text for a support case with whoever has to mend it stands here.',
      },
    },
    {
      kind: 'resolved',
      reason: 'passes-again',
      subject,
      at,
      since: at,
      of: { ...of, verdict: 'pass', message: 'The sample is over, so that what it opened is closed again.' },
    },
  ];
  return noticeOf({
    kind: 'sample',
    organization: named(document),
    organizations: [named(document)],
    evaluation: { id, title, questions: {}, answerWords },
    runId: `${document.id}.${id}.sample`,
    at,
    subjects: [{ organization: named(document), subject, transitions, answers: {} }],
    totals: { subjects: 1, answers: {} },
    ...(publicUrl === undefined
      ? {}
      : { link: `${publicUrl}/api/organizations/${document.id}/evaluations/${id}/report` }),
  });
}
