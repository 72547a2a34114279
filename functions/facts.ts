import { app } from '@azure/functions';
import { theApp } from './app.ts';
import { bytesOf, door, parameter } from './http.ts';

/** A tenant of 10,000 domains exports some 15 MB. */
const factsLimit = 32_000_000;

/** A collector's file or a raw PowerShell export: kept until it expires, and looked at again unless `?run=false`. */
app.http('postFacts', {
  methods: ['POST'],
  route: 'organizations/{organization}/facts',
  authLevel: 'function',
  handler: door(async (request) => {
    const run = request.query.get('run') !== 'false';
    const accepted = await theApp().acceptFacts(
      parameter(request, 'organization'),
      await bytesOf(request, factsLimit),
      run,
    );
    return {
      status: 202,
      jsonBody: accepted,
      headers: accepted.runId === undefined ? {} : { location: `/api/runs/${accepted.runId}` },
    };
  }),
});
