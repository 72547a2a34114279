import { channelTest, organizationSummary } from '../app/responses.ts';
import type { Registry } from '../evaluations/registry.ts';
import { replacedDocument } from '../store/store.ts';
import { conditionsOf } from './conditions.ts';
import { answer, door, header, inPath, json, listOf, pageOf, paging } from './door.ts';

const etag = { ETag: 'The version; give it back as If-Match.' };
const pages = paging(200);
const ifMatch = header('If-Match', 'The ETag of the version that you have read, or `*` for any.');
const ifNoneMatch = header('If-None-Match', '`*`: only where there is none.');

export function organizationDoors({ document: schema }: Registry) {
  const document = json('OrganizationDocument', schema);
  const replaced = pageOf('ReplacedDocument', replacedDocument.extend({ document: schema }));
  return [
    door('listOrganizations', 'GET', 'organizations', {
      title: 'All organizations that one may see',
      needs: 'read',
      answers: { 200: answer('In order of id.', listOf('OrganizationSummary', organizationSummary)) },
      handle: async (app) => ({ jsonBody: await app.organizations() }),
    }),
    door('getOrganization', 'GET', 'organizations/{organization}', {
      title: 'The document of an organization',
      needs: 'read',
      answers: { 200: answer('Addresses of channels are not shown.', document, etag) },
      problems: [404],
      async handle(app, { params }) {
        const found = await app.organization(params.organization);
        return { jsonBody: found.document, headers: { etag: found.etag } };
      },
    }),
    door('putOrganization', 'PUT', 'organizations/{organization}', {
      title: 'Write the document of an organization',
      needs: 'operate',
      parameters: [ifMatch, ifNoneMatch],
      body: { content: document, limit: 1_000_000 },
      answers: { 200: answer('The document as it stands now.', document, etag) },
      problems: [400, 412, 413],
      async handle(app, request) {
        const conditions = conditionsOf(request);
        const written = await app.putOrganization(request.params.organization, await request.json(), conditions);
        return { jsonBody: written.document, headers: { etag: written.etag } };
      },
    }),
    door('organizationHistory', 'GET', 'organizations/{organization}/history', {
      title: 'What the document of an organization was before each change, and when it was changed',
      needs: 'operate',
      parameters: pages.parameters,
      answers: {
        200: answer(
          'Newest first, without the current document. Addresses of channels are not shown; who changed it stands in the audit.',
          replaced,
        ),
      },
      problems: [400, 404],
      async handle(app, request) {
        const { limit, continuation } = pages.of(request);
        return { jsonBody: await app.organizationHistory(request.params.organization, limit, continuation) };
      },
    }),
    door('testChannel', 'POST', 'organizations/{organization}/channels/{channel}/test', {
      title: 'Send a made-up incident to a channel, and learn what became of it',
      needs: 'operate',
      parameters: [inPath('channel', 'Name of a channel of the document.', 'mail-team')],
      answers: {
        200: answer(
          'What the channel answered, and what to do where it took nothing.',
          json('ChannelTest', channelTest),
        ),
      },
      problems: [404],
      async handle(app, { params }) {
        return { jsonBody: await app.testChannel(params.organization, params.channel) };
      },
    }),
    door('deleteOrganization', 'DELETE', 'organizations/{organization}', {
      title: 'Stop watching an organization',
      needs: 'administer',
      parameters: [ifMatch, ifNoneMatch],
      answers: { 204: answer('Deleted.') },
      problems: [400, 404, 412],
      async handle(app, request) {
        await app.deleteOrganization(request.params.organization, conditionsOf(request));
        return { status: 204 };
      },
    }),
  ];
}
