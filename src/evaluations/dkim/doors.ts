import { answer, type Door, door, json, media } from '../../doors/door.ts';
import { dkim } from './evaluation.ts';
import { explanation } from './explanation.ts';
import { failedSelectorsCsv } from './failed-selectors-csv.ts';
import { insteadOfMessage, longestMessage } from './look.ts';

const message = {
  content: media('message/rfc822'),
  description: 'A delivery report, a message or a copied header, as text or bytes. Nothing of it is kept.',
  limit: longestMessage,
  instead: insteadOfMessage,
};
const explained = { 200: answer('One sentence, an owner, a step.', json('Explanation', explanation)) };

export const dkimDoors: readonly Door[] = [
  door('failedSelectors', 'GET', 'organizations/{organization}/evaluations/dkim/failed-selectors.csv', {
    title: 'The failing active selectors, for ticketing',
    needs: 'read',
    answers: { 200: answer('One line for each.', media('text/csv; charset=utf-8')) },
    problems: [404],
    handle: async (app, { params }) => ({
      body: failedSelectorsCsv(await app.lastStates(params.organization, dkim.id)),
    }),
  }),
  door('explain', 'POST', 'explanations', {
    title: 'Explain a bounce: why a message was not verified, from a delivery report, the message or its header',
    needs: 'read',
    body: message,
    answers: explained,
    problems: [400, 413],
    handle: async (app, { bytes }) => ({
      jsonBody: (await app.look(dkim.id, { name: 'message', content: await bytes() })).json,
    }),
  }),
  door('explainInOrganization', 'POST', 'organizations/{organization}/explanations', {
    title:
      'The same with what is known of the organization: its signing configuration, and what was found at that time',
    needs: 'read',
    body: message,
    answers: explained,
    problems: [400, 404, 413],
    async handle(app, { params, bytes }) {
      const handedIn = { name: 'message', content: await bytes() };
      return { jsonBody: (await app.lookInto(params.organization, dkim.id, handedIn)).json };
    },
  }),
];
