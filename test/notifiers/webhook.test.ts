import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createNotifier } from '../../src/notifiers/index.ts';
import { type WebhookDocument, webhookDocument } from '../../src/notifiers/webhook/document.ts';
import { startLoopback } from './loopback.ts';
import { byNode, failingDomains, notice, ofNode, smtpNotice } from './notices.ts';

it('posts the whole notice as versioned JSON, with a key that tells a repetition', async () => {
  const server = await startLoopback((_request, response) => void response.writeHead(200).end());
  const words = { yes: 'GO', no: 'NO-GO', undetermined: 'INDETERMINATE', not_applicable: 'not asked' };
  const given = notice({
    subjects: failingDomains(7),
    evaluation: { ...notice().evaluation, answerWords: words },
  });
  const notifier = createNotifier({ kind: 'webhook', url: `http://127.0.0.1:${server.port}/in` }, { allowLocal: true });
  await notifier.send(given, AbortSignal.timeout(10_000));
  await notifier.send(given, AbortSignal.timeout(10_000));
  await server.close();
  const [first, second] = server.arrived;
  const document: WebhookDocument = JSON.parse(first?.body ?? '');
  expect(webhookDocument.parse(document)).toEqual(document);
  expect(document).toEqual({
    version: 1,
    type: 'fieldcheck.notice',
    fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
    title: 'Contoso: 7 new problems in DKIM',
    counts: { opened: 7 },
    organization: given.organization,
    evaluation: given.evaluation,
    runId: given.runId,
    at: given.at,
    subjects: given.subjects.map(({ organization: _organization, ...subject }) => subject),
    totals: given.totals,
    link: given.link,
  });
  expect(document.evaluation.answerWords).toEqual(words);
  expect(first?.headers['idempotency-key']).toBe(document.fingerprint);
  expect(second?.headers['idempotency-key']).toBe(document.fingerprint);
});

it('posts what was found on each node of a service, with nothing where a rule did not judge it', async () => {
  const server = await startLoopback((_request, response) => void response.writeHead(200).end());
  const nodes = byNode(
    ofNode('lan-weak-host-receive', 'EX1', 'pass'),
    ofNode('lan-weak-host-receive', 'EX2', 'fail', 'critical'),
    ofNode('relay-scope-narrow', 'EX1', 'pass'),
  );
  const notifier = createNotifier({ kind: 'webhook', url: `http://127.0.0.1:${server.port}/in` }, { allowLocal: true });
  await notifier.send(smtpNotice({ 'smtp-in': nodes }), AbortSignal.timeout(10_000));
  await server.close();
  const document: WebhookDocument = JSON.parse(server.arrived[0]?.body ?? '');
  const { subjects } = document;
  expect(webhookDocument.parse(document)).toEqual(document);
  expect(subjects[0]?.byNode).toEqual({
    at: '2026-11-24T09:30:00.000Z',
    targets: ['EX1', 'EX2'],
    rows: [
      {
        rule: 'smtp-source-ip/lan-weak-host-receive',
        cells: [
          { verdict: 'pass', words: '✓ pass' },
          { verdict: 'fail', severity: 'critical', words: '✗ fail (critical)' },
        ],
      },
      { rule: 'smtp-source-ip/relay-scope-narrow', cells: [{ verdict: 'pass', words: '✓ pass' }, null] },
    ],
  });
});

it('is shown in the README as its schema describes it', async () => {
  const readme = await readFile(new URL('../../src/notifiers/webhook/README.md', import.meta.url), 'utf8');
  const [whole, byNode] = [...readme.matchAll(/```json\n(.*?)```/gs)].map(([, text]) => text?.trim() ?? '');
  const document = JSON.parse(whole ?? '');
  const [subject] = document.subjects;
  document.subjects = [{ ...subject, ...JSON.parse(`{${byNode}}`) }];
  expect(webhookDocument.parse(document)).toEqual(document);
});
