import { app } from '@azure/functions';
import { organizationSchema } from '../src/domain/organization.ts';
import { theApp } from './app.ts';
import { door } from './http.ts';

/** What the doors are and what they take, for people and generators of clients. Nothing in it is secret. */
app.http('openApi', {
  methods: ['GET'],
  route: 'openapi.json',
  authLevel: 'anonymous',
  handler: door(async () => ({ jsonBody: await theApp().openApi() })),
});

/** Editors complete and check a document whose `$schema` is this address. */
app.http('organizationSchema', {
  methods: ['GET'],
  route: 'organization.schema.json',
  authLevel: 'anonymous',
  handler: door(async () => ({
    body: JSON.stringify(organizationSchema()),
    headers: { 'content-type': 'application/schema+json' },
  })),
});
