import { app } from '@azure/functions';
import { theApp } from './app.ts';
import { door, parameter } from './http.ts';

/** Accepts what the nodes of an SMTP service are now; `?by=` says who does. */
app.http('acceptBaseline', {
  methods: ['POST'],
  route: 'organizations/{organization}/evaluations/smtp-source-ip/subjects/{service}/baseline',
  authLevel: 'function',
  handler: door(async (request) => ({
    jsonBody: await theApp().acceptBaseline(
      parameter(request, 'organization'),
      parameter(request, 'service'),
      request.query.get('by') ?? undefined,
    ),
  })),
});
