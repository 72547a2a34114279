import { app } from '@azure/functions';
import { theApp } from './app.ts';
import { door } from './http.ts';

/** For monitors, which have no key: 200 when all is well, 503 otherwise. */
app.http('health', {
  methods: ['GET'],
  route: 'health',
  authLevel: 'anonymous',
  handler: door(async () => {
    const health = await theApp().health();
    return { status: health.status === 'ok' ? 200 : 503, jsonBody: health };
  }),
});
