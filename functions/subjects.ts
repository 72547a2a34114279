import { app } from '@azure/functions';
import { evaluationName } from '../src/app.ts';
import { theApp } from './app.ts';
import { door, pageOf, parameter } from './http.ts';

const watch = 'organizations/{organization}/evaluations/{evaluation}';

app.http('listSubjects', {
  methods: ['GET'],
  route: `${watch}/subjects`,
  authLevel: 'function',
  handler: door(async (request) => {
    const { limit, continuation } = pageOf(request, 1_000);
    const evaluation = evaluationName(parameter(request, 'evaluation'));
    return { jsonBody: await theApp().subjects(parameter(request, 'organization'), evaluation, limit, continuation) };
  }),
});

app.http('getSubject', {
  methods: ['GET'],
  route: `${watch}/subjects/{subject}`,
  authLevel: 'function',
  handler: door(async (request) => {
    const evaluation = evaluationName(parameter(request, 'evaluation'));
    return {
      jsonBody: await theApp().subject(parameter(request, 'organization'), evaluation, parameter(request, 'subject')),
    };
  }),
});

/** What was found over time, newest first. */
app.http('subjectHistory', {
  methods: ['GET'],
  route: `${watch}/subjects/{subject}/runs`,
  authLevel: 'function',
  handler: door(async (request) => {
    const { limit, continuation } = pageOf(request, 200);
    const evaluation = evaluationName(parameter(request, 'evaluation'));
    return {
      jsonBody: await theApp().history(
        parameter(request, 'organization'),
        evaluation,
        parameter(request, 'subject'),
        limit,
        continuation,
      ),
    };
  }),
});
