import { createHash } from 'node:crypto';
import type { Notice, Notifier } from '../../domain/notice.ts';
import { InvalidChannel, readAddress } from '../address.ts';
import { type PostOptions, post } from '../post.ts';
import { type WebhookEvent, webhookEvents } from './event.ts';
import { secretFault, signatureHeaders } from './signature.ts';

export interface WebhookChannel {
  /** A credential, as is the next one. */
  readonly url: string | undefined;
  /** What every post is signed with; unsigned when left out. */
  readonly signWith?: string | undefined;
  readonly contentType?: 'application/cloudevents+json' | 'application/json' | undefined;
}

/**
 * Posts each event of a notice by itself, oldest first, as a CloudEvent in structured mode ({@link WebhookEvent}), to any
 * https address. The first that does not arrive stops those behind it, so that none is overtaken; `sent` says which arrived.
 *
 * @throws InvalidChannel when the address or the secret cannot be used
 */
export function createWebhookNotifier({
  url,
  signWith,
  contentType = 'application/cloudevents+json',
  allowLocal = false,
  now = () => new Date(),
  ...options
}: WebhookChannel & PostOptions & { readonly now?: () => Date }): Notifier {
  const address = readAddress(url, { allowLocal });
  if ('problem' in address) throw new InvalidChannel(address.problem);
  const fault = signWith === undefined ? undefined : secretFault(signWith);
  if (fault !== undefined) throw new InvalidChannel(fault);

  const postEvent = (event: WebhookEvent, signal: AbortSignal) => {
    const body = JSON.stringify(event);
    const id = messageId(event);
    const headers = {
      // JSON is UTF-8 (RFC 8259 section 8.1), and some receivers compare the type as a text.
      'content-type': contentType,
      'idempotency-key': id,
      'webhook-id': id,
      ...(signWith === undefined ? {} : signatureHeaders(id, body, signWith, now())),
    };
    return post(address, body, signal, headers, () => undefined, { ...options, allowLocal });
  };

  return {
    id: 'webhook',
    async send(notice: Notice, signal) {
      const events = webhookEvents(notice, now());
      const sent = new Set<string>();
      for (const event of events) {
        const delivery = await postEvent(event, signal);
        if (delivery.outcome !== 'delivered') return { ...delivery, sent };
        sent.add(event.id);
      }
      const count = events.length;
      const detail =
        count === 0
          ? 'nothing of this is an incident, so nothing was posted.'
          : `took ${count} event${count === 1 ? '' : 's'}.`;
      return { outcome: 'delivered', detail: `${address.shown} ${detail}` };
    },
  };
}

/** Of the event's id, without the characters that separate what is signed. */
function messageId({ id }: WebhookEvent): string {
  return `msg_${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}
