import { z } from 'zod';
import { adHocBodyOf } from '../app/evaluations/requests.ts';
import { runStatus } from '../app/responses.ts';
import { run } from '../domain/finding.ts';
import type { Registry } from '../evaluations/registry.ts';
import { runRecord } from '../store/store.ts';
import { answer, door, header, json, listOf } from './door.ts';

/** With what people should know of how the supplied facts were read: rows that nobody can. */
const adHocRun = run.extend({ notes: z.array(z.string()).optional() });

/** What starts an evaluation, and how far it is. */
export const runDoors = (evaluations: Registry) => [
  door('evaluate', 'POST', 'evaluations/{evaluation}', {
    title: 'Judge now, ad hoc; nothing is stored, nobody is told',
    needs: 'operate',
    body: { content: json('AdHocRequest', adHocBodyOf(evaluations)), limit: 1_000_000 },
    answers: { 200: answer('One run for each subject.', listOf('AdHocRun', adHocRun)) },
    problems: [400, 404, 413],
    async handle(app, { params, json: body }) {
      const { runs, notes = [] } = await app.evaluateRequest(params.evaluation, await body());
      return { jsonBody: notes.length === 0 ? runs : runs.map((one) => ({ ...one, notes })) };
    },
  }),
  door('startRun', 'POST', 'organizations/{organization}/evaluations/{evaluation}/runs', {
    title: 'Run over the whole organization',
    needs: 'operate',
    parameters: [header('Idempotency-Key', 'The same key is the same run.')],
    answers: {
      202: answer('Started, or started before with the same key.', json('RunRecord', runRecord), {
        Location: 'Where the run can be followed.',
      }),
    },
    problems: [404, 409],
    async handle(app, { params, headers }) {
      const key = headers.get('idempotency-key') ?? undefined;
      const started = await app.startRun(params.organization, params.evaluation, 'request', key);
      return { status: 202, jsonBody: started, headers: { location: `/api/runs/${started.runId}` } };
    },
  }),
  door('getRun', 'GET', 'runs/{runId}', {
    title: 'How far a run is, and what it found so far',
    needs: 'read',
    answers: { 200: answer('Answers and verdicts counted.', json('RunStatus', runStatus)) },
    problems: [404],
    handle: async (app, { params }) => ({ jsonBody: await app.runStatus(params.runId) }),
  }),
];
