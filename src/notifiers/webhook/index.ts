import type { Notice, Notifier } from '../../domain/notice.ts';
import { InvalidChannel, readAddress } from '../address.ts';
import { type PostOptions, postJson } from '../post.ts';
import { type Summary, summarize } from '../summary.ts';
import type { WebhookDocument } from './document.ts';

/**
 * Posts a notice as JSON ({@link WebhookDocument}) to any https address.
 *
 * @throws InvalidChannel when the address cannot be used
 */
export function createWebhookNotifier({
  url,
  allowLocal = false,
  ...options
}: { readonly url: string | undefined } & PostOptions): Notifier {
  const address = readAddress(url, { allowLocal });
  if ('problem' in address) throw new InvalidChannel(address.problem);
  return {
    id: 'webhook',
    send: (notice, signal) => {
      const document = documentOf(notice, summarize(notice));
      const headers = { 'idempotency-key': document.fingerprint };
      return postJson(address, JSON.stringify(document), signal, headers, () => undefined, { ...options, allowLocal });
    },
  };
}

function documentOf(notice: Notice, { heading, counts, fingerprint }: Summary): WebhookDocument {
  const { organization, evaluation, runId, at, subjects, totals, link } = notice;
  return {
    version: 1,
    type: 'fieldcheck.notice',
    fingerprint,
    title: heading,
    counts: Object.fromEntries(counts.map(({ kind, count }) => [kind, count])),
    organization,
    evaluation,
    runId,
    at,
    subjects: subjects.map(({ organization: _organization, ...subject }) => subject),
    totals,
    ...(link === undefined ? {} : { link }),
  };
}
