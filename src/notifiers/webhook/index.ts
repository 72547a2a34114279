import type { Notice, Notifier } from '../../domain/notice.ts';
import { InvalidChannel, readAddress } from '../address.ts';
import { type PostOptions, postJson } from '../post.ts';
import { type Summary, summarize } from '../summary.ts';

/**
 * What a webhook channel posts, for ticketing systems and other programs. `version` rises when a reader could break;
 * new properties may come without that.
 *
 * Texts in it are data: names and DNS answers as they were found, to be escaped by whoever shows them.
 */
export interface WebhookDocument extends Notice {
  readonly version: 1;
  readonly type: 'fieldcheck.notice';
  /** Equal when the same notice is sent again, e.g. after a time-out; also in the `Idempotency-Key` header. */
  readonly fingerprint: string;
  /** One sentence, e.g. for a ticket's title. */
  readonly title: string;
  /** How many transitions there are of each kind, advice left out; kinds that do not occur are left out. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Posts a notice as JSON ({@link WebhookDocument}) to any https address.
 *
 * @throws InvalidChannel when the address cannot be used
 */
export function createWebhookNotifier({
  url,
  allowLocal = false,
  ...options
}: { readonly url: string | undefined; readonly allowLocal?: boolean } & PostOptions): Notifier {
  const address = readAddress(url, { allowLocal });
  if ('problem' in address) throw new InvalidChannel(address.problem);
  return {
    id: 'webhook',
    send: (notice, signal) => {
      const document = webhookDocument(notice, summarize(notice));
      const headers = { 'idempotency-key': document.fingerprint };
      return postJson(address, JSON.stringify(document), signal, headers, () => undefined, options);
    },
  };
}

function webhookDocument(notice: Notice, { heading, counts, fingerprint }: Summary): WebhookDocument {
  return {
    version: 1,
    type: 'fieldcheck.notice',
    fingerprint,
    title: heading,
    counts: Object.fromEntries(counts.map(({ kind, count }) => [kind, count])),
    ...notice,
  };
}
