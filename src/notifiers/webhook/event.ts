import { createHash } from 'node:crypto';
import { z } from 'zod';
import { wholeWatch } from '../../domain/event.ts';
import { verdicts } from '../../domain/finding.ts';
import { type EventType, eventTypes, type IncidentEvent, type Notice } from '../../domain/notice.ts';
import { owners, severities } from '../../domain/rule.ts';
import { dayOf } from '../../domain/time.ts';
import { type Transition, transitionKinds, transitionReasons } from '../../domain/transition.ts';
import { ruleName } from '../../domain/words.ts';
import { summarize } from '../summary.ts';
import { plainText } from '../text.ts';

const named = z.object({ id: z.string(), name: z.string() });

const incidentStates = ['open', 'resolved', 'accepted', 'silenced', 'blind', 'seeing'] as const;

const incidentData = z.object({
  title: z.string().describe('One line, for a ticket’s title; it stays the same.'),
  dedupKey: z
    .string()
    .describe('Of the incident’s key 40 hexadecimal digits, where a field of a ticket is too short for the key.'),
  state: z
    .enum(incidentStates)
    .describe('What a ticket is from now on: open and blind are open, all others are closed or put aside.'),
  kind: z.enum(transitionKinds),
  reason: z.enum(transitionReasons),
  organization: named,
  evaluation: z.string(),
  subject: z.string().describe('`*` where it is about the watch as such.'),
  rule: z.string().optional(),
  target: z.string().optional(),
  verdict: z.enum(verdicts).optional(),
  severity: z.enum(severities).optional(),
  owner: z.enum(owners).optional().describe('Who has to mend it.'),
  since: z.string().describe('Since when it is, or was, open (ISO 8601, UTC).'),
  message: z.string().describe('What is the matter, in a sentence.'),
  observed: z.string().optional(),
  remedy: z.string().optional(),
  supportCase: z.string().optional().describe('Ready to paste into a support case with the owner.'),
  cause: z.string().optional().describe('Of a watch: what keeps from looking.'),
  subjects: z.array(z.string()).optional().describe('Of a watch: the first of those that cannot be looked at.'),
  count: z.number().optional().describe('Of a watch: how many there are.'),
  runId: z.string(),
  link: z.url().exactOptional().describe('Where a person reads the whole of it.'),
});

const heartbeatData = z.object({
  title: z.string(),
  organization: named,
  evaluation: z.string(),
  link: z.url().exactOptional(),
});

/** The attributes that CloudEvents 1.0 requires or knows, as we fill them (CloudEvents specification 1.0.2, sections 3.1 and 3.2). */
const envelope = {
  specversion: z.literal('1.0'),
  id: z.string().describe('Equal when the same event comes twice, and for no other event.'),
  source: z.string().describe('`/organizations/{organization}/evaluations/{evaluation}`'),
  time: z.string().describe('When it was noticed (RFC 3339, UTC).'),
  datacontenttype: z.literal('application/json'),
  sample: z
    .literal(true)
    .exactOptional()
    .describe('Made up by "notify test": its incident is opened and resolved in one go.'),
};

/** What a webhook channel posts: one event of one incident, or once a day that all is running. */
export const webhookEvent = z.discriminatedUnion('type', [
  z.object({
    ...envelope,
    type: z.enum(eventTypes.map((type) => `fieldcheck.${type}` as const)),
    subject: z.string().describe('The key of the incident: the same for its whole life, and after it was reopened.'),
    data: incidentData,
  }),
  z.object({
    ...envelope,
    type: z.literal('fieldcheck.heartbeat'),
    subject: z.string().describe('`{organization}/{evaluation}`'),
    data: heartbeatData,
  }),
]);
export type WebhookEvent = Readonly<z.infer<typeof webhookEvent>>;

/**
 * What a notice says as events, in the order in which they happened; none where nothing of it is an incident. Pure.
 *
 * @param now each day has a heartbeat of its own, also where no run has ended since
 */
export function webhookEvents(notice: Notice, now: Date): readonly WebhookEvent[] {
  const { kind, evaluation, runId, at } = notice;
  const link = notice.link === undefined ? {} : { link: notice.link };
  if (kind === 'heartbeat') {
    const { heading: title } = summarize(notice);
    return notice.organizations.map((organization) => ({
      ...enveloped(organization.id, evaluation.id, at),
      id: `${organization.id}/${evaluation.id}@${dayOf(now.toISOString())}:heartbeat`,
      type: 'fieldcheck.heartbeat',
      subject: `${organization.id}/${evaluation.id}`,
      data: { title, organization, evaluation: evaluation.id, ...link },
    }));
  }
  const sample = kind === 'sample' ? { sample: true as const } : {};
  return notice.events.map((event) => ({
    ...enveloped(event.organization.id, event.evaluation, event.transition.at),
    ...sample,
    id: event.id,
    type: `fieldcheck.${event.type}`,
    subject: event.key,
    data: { ...dataOf(event), runId, ...link },
  }));
}

function enveloped(organization: string, evaluation: string, time: string) {
  return {
    specversion: '1.0',
    source: `/organizations/${organization}/evaluations/${evaluation}`,
    time,
    datacontenttype: 'application/json',
  } as const;
}

const stateAfter = {
  'incident.opened': 'open',
  'incident.worsened': 'open',
  'incident.reopened': 'open',
  'incident.reminded': 'open',
  'incident.resolved': 'resolved',
  'incident.accepted': 'accepted',
  'incident.silenced': 'silenced',
  'watch.blind': 'blind',
  'watch.seeing': 'seeing',
} as const satisfies Record<EventType, string>;

function dataOf({ type, key, organization, evaluation, transition }: IncidentEvent) {
  const { kind, reason, subject, since, of } = transition;
  return {
    title: titleOf(organization.name, transition),
    dedupKey: createHash('sha256').update(key).digest('hex').slice(0, 40),
    state: stateAfter[type],
    kind,
    reason,
    organization,
    evaluation,
    subject: of.type === 'watch' ? wholeWatch : subject,
    since,
    ...detailsOf(of),
  };
}

/** The same for the whole life of an incident, so that a ticket keeps its title. */
function titleOf(organization: string, { subject, of }: Transition): string {
  const about =
    of.type === 'finding'
      ? `${ruleName(of.rule)}: ${subject}${of.target === undefined ? '' : ` (${of.target})`}`
      : of.type === 'watch'
        ? of.message
        : subject;
  return plainText(`${organization}: ${about}`);
}

function detailsOf(of: Transition['of']) {
  switch (of.type) {
    case 'finding': {
      const { type: _, ...details } = of;
      return details;
    }
    case 'watch': {
      const { cause, message, remedy, subjects, count } = of;
      return { cause, message, remedy, subjects, count };
    }
    // Neither is an incident, so neither has an event.
    case 'answer':
    case 'subject':
      return { message: '' };
  }
}
