import { expect, it } from 'vitest';
import { createNotifier } from '../../src/notifiers/index.ts';
import type { WebhookDocument } from '../../src/notifiers/webhook/index.ts';
import { startLoopback } from './loopback.ts';
import { failingDomains, notice } from './notices.ts';

it('posts the whole notice as versioned JSON, with a key that tells a repetition', async () => {
  const server = await startLoopback((_request, response) => void response.writeHead(200).end());
  const given = notice({ subjects: failingDomains(7) });
  const notifier = createNotifier({ kind: 'webhook', url: `http://127.0.0.1:${server.port}/in` }, { allowLocal: true });
  await notifier.send(given, AbortSignal.timeout(10_000));
  await notifier.send(given, AbortSignal.timeout(10_000));
  await server.close();
  const [first, second] = server.arrived;
  const document: WebhookDocument = JSON.parse(first?.body ?? '');
  expect(document).toEqual({
    version: 1,
    type: 'fieldcheck.notice',
    fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
    title: 'Contoso: 7 new problems in DKIM',
    counts: { opened: 7 },
    ...given,
  });
  expect(first?.headers['idempotency-key']).toBe(document.fingerprint);
  expect(second?.headers['idempotency-key']).toBe(document.fingerprint);
});
