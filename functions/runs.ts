import { app } from '@azure/functions';
import { evaluationName } from '../src/app.ts';
import { theApp } from './app.ts';
import { door, parameter } from './http.ts';

/** A run over the whole organization. The same `Idempotency-Key` is the same run. */
app.http('startRun', {
  methods: ['POST'],
  route: 'organizations/{organization}/evaluations/{evaluation}/runs',
  authLevel: 'function',
  handler: door(async (request) => {
    const evaluation = evaluationName(parameter(request, 'evaluation'));
    const run = await theApp().startRun(
      parameter(request, 'organization'),
      evaluation,
      'request',
      request.headers.get('idempotency-key') ?? undefined,
    );
    return { status: 202, jsonBody: run, headers: { location: `/api/runs/${run.runId}` } };
  }),
});

app.http('getRun', {
  methods: ['GET'],
  route: 'runs/{runId}',
  authLevel: 'function',
  handler: door(async (request) => ({ jsonBody: await theApp().runStatus(parameter(request, 'runId')) })),
});
