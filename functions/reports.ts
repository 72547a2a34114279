import { app } from '@azure/functions';
import { evaluationName } from '../src/app.ts';
import { theApp } from './app.ts';
import { door, parameter } from './http.ts';

/** The field note's log, for ticketing. */
app.http('failedSelectors', {
  methods: ['GET'],
  route: 'organizations/{organization}/evaluations/dkim/failed-selectors.csv',
  authLevel: 'function',
  handler: door(async (request) => ({
    body: await theApp().failedSelectors(parameter(request, 'organization')),
    headers: { 'content-type': 'text/csv; charset=utf-8' },
  })),
});

/** All that is known, as a page that a person reads. */
app.http('report', {
  methods: ['GET'],
  route: 'organizations/{organization}/evaluations/{evaluation}/report',
  authLevel: 'function',
  handler: door(async (request) => ({
    body: await theApp().report(parameter(request, 'organization'), evaluationName(parameter(request, 'evaluation'))),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    },
  })),
});
