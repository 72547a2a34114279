import { organizationSummary } from '../app/responses.ts';
import type { Registry } from '../evaluations/registry.ts';
import { replacedDocument } from '../store/store.ts';
import { answer, door, header, json, listOf, pageOf, paging } from './door.ts';

const etag = { ETag: 'The version; give it back as If-Match.' };
const pages = paging(200);

export function organizationDoors({ document: schema }: Registry) {
  const document = json('OrganizationDocument', schema);
  const replaced = pageOf('ReplacedDocument', replacedDocument.extend({ document: schema }));
  return [
    door('listOrganizations', 'GET', 'organizations', {
      title: 'All organizations',
      needs: 'key',
      answers: { 200: answer('In order of id.', listOf('OrganizationSummary', organizationSummary)) },
      handle: async (app) => ({ jsonBody: await app.organizations() }),
    }),
    door('getOrganization', 'GET', 'organizations/{organization}', {
      title: 'The document of an organization',
      needs: 'key',
      answers: { 200: answer('Addresses of channels are not shown.', document, etag) },
      problems: [404],
      async handle(app, { params }) {
        const found = await app.organization(params.organization);
        return { jsonBody: found.document, headers: { etag: found.etag } };
      },
    }),
    door('putOrganization', 'PUT', 'organizations/{organization}', {
      title: 'Write the document of an organization',
      needs: 'key',
      parameters: [
        header('If-Match', 'The ETag of the version that you changed; left out, whatever there is is replaced.'),
      ],
      body: { content: document, limit: 1_000_000 },
      answers: { 200: answer('The document as it stands now.', document, etag) },
      problems: [400, 412, 413],
      async handle(app, { params, headers, json: body }) {
        const ifMatch = headers.get('if-match') ?? undefined;
        const written = await app.putOrganization(params.organization, await body(), ifMatch);
        return { jsonBody: written.document, headers: { etag: written.etag } };
      },
    }),
    door('organizationHistory', 'GET', 'organizations/{organization}/history', {
      title: 'What the document of an organization was before each change, and when it was changed',
      needs: 'key',
      parameters: pages.parameters,
      answers: {
        200: answer(
          'Newest first, without the current document. Addresses of channels are not shown; who changed it is not known.',
          replaced,
        ),
      },
      problems: [400, 404],
      async handle(app, request) {
        const { limit, continuation } = pages.of(request);
        return { jsonBody: await app.organizationHistory(request.params.organization, limit, continuation) };
      },
    }),
    door('deleteOrganization', 'DELETE', 'organizations/{organization}', {
      title: 'Stop watching an organization',
      needs: 'key',
      answers: { 204: answer('Deleted.') },
      problems: [404],
      async handle(app, { params }) {
        await app.deleteOrganization(params.organization);
        return { status: 204 };
      },
    }),
  ];
}
