import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compare } from '../../../src/domain/compare.ts';
import { parseDocument } from '../../../src/domain/organization.ts';
import { evaluations } from '../../../src/evaluations/index.ts';
import { createDemo } from '../../../src/local/demo/contoso.ts';
import { applyDemo, waitForCards } from '../../../src/local/demo/show.ts';
import { startTeamsSink, type TeamsSink } from '../../../src/local/teams-sink.ts';
import { createMemoryStore } from '../../../src/store/memory-store.ts';
import type { RunRecord, Store, Watch } from '../../../src/store/store.ts';

const demo = createDemo({ keys: ['v=DKIM1; p='], mended: [] }, 'http://127.0.0.1:1/', new Date());

/** A host that answers so, and what it was asked. */
async function host(answer: (door: string) => { status: number; body?: object }) {
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    const name = `${request.method} ${request.url}`;
    asked.push(request.headers['if-match'] === undefined ? name : `${name} if ${request.headers['if-match']}`);
    const { status, body } = answer(name);
    request.resume();
    response.writeHead(status).end(JSON.stringify(body ?? {}));
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('applying the demo', () => {
  test('does not bring back an organization that was deleted, and says what does', async () => {
    const { url, asked } = await host((door) => ({ status: door.startsWith('PUT') ? 412 : 404 }));
    expect(await applyDemo(url, demo, 'etag-of-before')).toEqual({
      evaluations: [],
      runs: [],
      remarks: ['Contoso was deleted; npm start -- --fresh brings it back.'],
    });
    expect(asked).toEqual(['PUT /api/organizations/contoso if etag-of-before', 'GET /api/organizations/contoso']);
  });

  test('says what a changed document does not take, and asks for the other runs', async () => {
    const { url } = await host((door) => {
      if (door.startsWith('PUT')) return { status: 412 };
      if (door.startsWith('GET')) return { status: 200, body: { evaluations: { dkim: {}, 'smtp-source-ip': {} } } };
      if (door.endsWith('/dkim/runs')) return { status: 202, body: { runId: 'contoso.dkim.1' } };
      if (door.endsWith('/runs'))
        return { status: 409, body: { detail: 'contoso has no subject for smtp-source-ip.' } };
      return { status: 202 };
    });
    expect(await applyDemo(url, demo, 'etag-of-before')).toEqual({
      evaluations: ['dkim', 'smtp-source-ip'],
      runs: [{ runId: 'contoso.dkim.1' }],
      remarks: [
        "Contoso's document was changed by hand, and stays so; npm start -- --fresh brings the demo's back.",
        'Contoso, smtp-source-ip: contoso has no subject for smtp-source-ip.',
      ],
    });
  });
});

describe('waiting for its cards', () => {
  const at = new Date().toISOString();
  const watch: Watch = { organization: 'contoso', evaluation: 'dkim' };
  const run: RunRecord = {
    ...watch,
    runId: 'contoso.dkim.1',
    trigger: 'request',
    startedAt: at,
    deadline: at,
    subjects: 1,
    slices: 1,
    state: 'running',
  };

  async function watched(): Promise<{ store: Store; sink: TeamsSink }> {
    const sink = await startTeamsSink();
    onTestFinished(() => sink.close());
    const store = createMemoryStore();
    await store.open();
    await store.createRun(run);
    const channels = { 'mail-team': { url: sink.url }, dead: { url: 'http://127.0.0.1:1/' } };
    const document = parseDocument('organization document', evaluations.document, {
      id: 'contoso',
      channels,
      evaluations: { dkim: {} },
    });
    await store.putOrganization(document, undefined, at);
    return { store, sink };
  }

  test('that do not come in time ends with a sentence', async () => {
    const { store, sink } = await watched();
    await expect(waitForCards(store, [run], sink, at, 50)).rejects.toThrow(
      'its runs and their cards were not done within 0.05 s, but may still come',
    );
  });

  test('is over when the run is and its own channel has its card, whatever else waits or is posted there', async () => {
    const { store, sink } = await watched();
    const progress = await store.run(run.runId);
    if (progress !== undefined) await store.finishRun(progress, 'finished', at);
    const { state } = compare(undefined, run.runId, {
      evaluation: 'dkim',
      subject: 'contoso.com',
      at,
      answers: {},
      findings: [],
    });
    const notice = {
      ...watch,
      channel: 'dead',
      runId: run.runId,
      subject: 'contoso.com',
      at,
      transitions: [],
      answers: {},
    };
    const earlier = { ...notice, channel: 'mail-team', at: '2026-11-24T09:30:00.000Z' };
    await store.commit(watch, [{ subject: 'contoso.com', state, pending: [notice, earlier] }], undefined);
    const post = (payload: unknown) => fetch(sink.url, { method: 'POST', body: JSON.stringify(payload) });
    for (const other of [{ summary: 'Fabrikam: 2 new problems in DKIM' }, null, 'text']) await post(other);
    expect(await waitForCards(store, [run], sink, at)).toBe(
      'The runs found nothing that had not been told before, so no card was posted',
    );
    await post({ summary: 'contoso: 2 new problems in DKIM' });
    expect(await waitForCards(store, [run], sink, at)).toBe('The first cards were posted: 1');
  });
});
