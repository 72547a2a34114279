import { app } from '@azure/functions';
import { adHocRequest, evaluationName } from '../src/app.ts';
import { theApp } from './app.ts';
import { door, jsonOf, parameter } from './http.ts';

/** Judge now, ad hoc; nothing is stored. */
app.http('evaluate', {
  methods: ['POST'],
  route: 'evaluations/{evaluation}',
  authLevel: 'function',
  handler: door(async (request) => {
    const evaluation = evaluationName(parameter(request, 'evaluation'));
    const { runs } = await theApp().evaluate(adHocRequest(evaluation, await jsonOf(request)));
    return { jsonBody: runs };
  }),
});
