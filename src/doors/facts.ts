import { z } from 'zod';
import { acceptedFacts } from '../app/responses.ts';
import { answer, door, json, media, query } from './door.ts';

export const factDoors = [
  door('postFacts', 'POST', 'organizations/{organization}/facts', {
    title: 'Supply facts: a collector’s file or a raw PowerShell export, up to 32 MB',
    needs: 'send',
    parameters: [
      query('run', 'Look again at what the facts speak of.', z.boolean().default(true)),
      query('confirm', 'Take a list that changes what is watched a lot.', z.boolean().default(false)),
    ],
    body: {
      content: media('application/json', z.unknown()),
      description:
        'A collector’s file, an export as PowerShell writes it, or the configuration of a load balancer; UTF-8 or UTF-16.',
      // A tenant of 10,000 domains exports some 15 MB.
      limit: 32_000_000,
    },
    answers: {
      202: answer('Kept until they expire.', json('AcceptedFacts', acceptedFacts), {
        Location: 'Where the run can be followed.',
      }),
    },
    problems: [400, 404, 413, 422],
    async handle(app, { params, query: asked, bytes }) {
      const [run, confirm] = [asked.get('run') !== 'false', asked.get('confirm') === 'true'];
      const accepted = await app.acceptFacts(params.organization, await bytes(), run, confirm);
      const headers = accepted.runId === undefined ? {} : { location: `/api/runs/${accepted.runId}` };
      return { status: 202, jsonBody: accepted, headers };
    },
  }),
];
