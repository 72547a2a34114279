import { webhookDocument } from '../notifiers/webhook/document.ts';
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
    id: 'notice',
    title: 'What one run of one organization changed, to a channel of kind "webhook"',
    parameters: [header('Idempotency-Key', 'Equal to `fingerprint`: the same notice can come twice.')],
    content: json('WebhookNotice', webhookDocument),
    answers: {
      '2XX': 'Delivered.',
      '408': 'Sent again later.',
      '429': 'Sent again later, after Retry-After when it is given.',
      '5XX': 'Sent again later.',
      default: 'Not sent again: kept apart for a person.',
    },
  },
];
