import { expect, test } from 'vitest';
import { recognise } from '../../src/app/supplied/read.ts';
import { evaluations } from '../../src/evaluations/index.ts';

const file = (text: string) => ({
  name: 'supplied',
  content: new TextEncoder().encode(text),
  writtenAt: '2026-11-24T09:00:00.000Z',
});

const headers =
  'Received: from EX05.contoso.local by EX01.contoso.local with mapi id 15.2.2562.27; Mon, 21 Sep 2026\r\n';

test.each([
  ['an export', JSON.stringify([{ DomainName: 'contoso.com' }]), 'dkim'],
  ['a file of a collector', JSON.stringify({ schema: 'smtp-source-ip/1' }), 'smtp-source-ip'],
  ['text, which has no rows', headers, 'teams-exchange-interop'],
])('%s is recognised as what it is, in whatever order the evaluations are listed', (_, text, id) => {
  for (const listed of [evaluations.all, evaluations.all.toReversed()])
    expect(recognise(listed, file(text)).evaluation.id).toBe(id);
});
