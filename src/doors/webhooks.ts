import { webhookEvent } from '../notifiers/webhook/event.ts';
import { type Content, header, json, type Parameter } from './door.ts';

/** What is posted to others, as data: a door of theirs. */
interface Webhook {
  readonly id: string;
  readonly title: string;
  readonly parameters: readonly Parameter[];
  readonly content: Content;
  /** What comes of each status that they answer. */
  readonly answers: Readonly<Record<string, string>>;
}

export const webhooks: readonly Webhook[] = [
  {
    id: 'event',
    title: 'One event of one incident, to a channel of kind "webhook" (CloudEvents 1.0, structured mode)',
    parameters: [
      header('Idempotency-Key', 'Of the event: the same one can come twice.'),
      header('webhook-id', 'The same as Idempotency-Key; part of what is signed.'),
      header('webhook-timestamp', 'Seconds since 1970 at which it was posted. Of a channel with a shared secret.'),
      header(
        'webhook-signature',
        '`v1,` and the base64 of HMAC-SHA-256 over `{webhook-id}.{webhook-timestamp}.{body}` with the shared secret (Standard Webhooks).',
      ),
    ],
    content: { ...json('WebhookEvent', webhookEvent), mediaType: 'application/cloudevents+json' },
    answers: {
      '2XX': 'Delivered.',
      '408': 'Sent again later.',
      '429': 'Sent again later, after Retry-After when it is given.',
      '5XX': 'Sent again later.',
      default: 'Not sent again before it is mended: kept apart for a person, and tried every hour.',
    },
  },
];
