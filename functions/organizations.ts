import { app } from '@azure/functions';
import { theApp } from './app.ts';
import { door, jsonOf, pageOf, parameter } from './http.ts';

app.http('listOrganizations', {
  methods: ['GET'],
  route: 'organizations',
  authLevel: 'function',
  handler: door(async () => ({ jsonBody: await theApp().organizations() })),
});

app.http('getOrganization', {
  methods: ['GET'],
  route: 'organizations/{organization}',
  authLevel: 'function',
  handler: door(async (request) => {
    const { document, etag } = await theApp().organization(parameter(request, 'organization'));
    return { jsonBody: document, headers: { etag } };
  }),
});

/** With `If-Match` only over the version that the caller has seen. */
app.http('putOrganization', {
  methods: ['PUT'],
  route: 'organizations/{organization}',
  authLevel: 'function',
  handler: door(async (request) => {
    const body = await jsonOf(request);
    const { document, etag } = await theApp().putOrganization(
      parameter(request, 'organization'),
      body,
      request.headers.get('if-match') ?? undefined,
    );
    return { jsonBody: document, headers: { etag } };
  }),
});

/** What stood there before, newest first, and when it was replaced. */
app.http('organizationHistory', {
  methods: ['GET'],
  route: 'organizations/{organization}/history',
  authLevel: 'function',
  handler: door(async (request) => {
    const { limit, continuation } = pageOf(request, 200);
    return { jsonBody: await theApp().organizationHistory(parameter(request, 'organization'), limit, continuation) };
  }),
});

app.http('deleteOrganization', {
  methods: ['DELETE'],
  route: 'organizations/{organization}',
  authLevel: 'function',
  handler: door(async (request) => {
    await theApp().deleteOrganization(parameter(request, 'organization'));
    return { status: 204 };
  }),
});
