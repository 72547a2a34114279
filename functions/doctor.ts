import { app } from '@azure/functions';
import { examine } from '../src/app.ts';
import { door } from './http.ts';

/** Does everything work from where the app runs? 200 also when it does not: the answer says what, and what to do. */
app.http('doctor', {
  methods: ['GET'],
  route: 'doctor',
  authLevel: 'function',
  handler: door(async () => {
    const { state, checks } = await examine(process.env);
    return { jsonBody: { state, checks } };
  }),
});
