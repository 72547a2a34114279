import { z } from 'zod';
import { examination } from '../app/doctor/check.ts';
import { Problem } from '../app/problem.ts';
import { shownHealth } from '../app/responses.ts';
import { answer, door, json, media, query } from './door.ts';

const content = json('Health', shownHealth);
const openMetrics = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Whether all is well. */
export const healthDoors = [
  door('health', 'GET', 'health', {
    title: 'For monitors: ok, degraded or down; to readers also last runs, last deliveries, what waits',
    needs: 'open',
    answers: { 200: answer('All is well.', content), 503: answer('Something is not.', content) },
    async handle(app) {
      const found = await app.health();
      return { status: found.status === 'ok' ? 200 : 503, jsonBody: found };
    },
  }),
  door('metrics', 'GET', 'metrics', {
    title: 'Numbers for Prometheus: answers, open findings, age of runs and facts, undelivered notices',
    needs: 'read',
    parameters: [
      query('organization', 'Of this organization alone.', z.string()),
      query('subjects', 'With each answer of each subject; only together with `organization`.', z.boolean()),
    ],
    answers: { 200: answer('OpenMetrics 1.0; all of them gauges.', media(openMetrics)) },
    problems: [400, 404],
    async handle(app, { query: given }) {
      const [organization, subjects] = [given.get('organization') ?? undefined, given.get('subjects') ?? 'false'];
      if (subjects !== 'true' && subjects !== 'false') throw new Problem(400, 'subjects must be true or false.');
      return { body: await app.metrics({ organization, subjects: subjects === 'true' }) };
    },
  }),
  door('doctor', 'GET', 'doctor', {
    title: 'Does everything work from where the app runs?',
    needs: 'administer',
    answers: { 200: answer('Each check with the step that mends it; no secret.', json('Examination', examination)) },
    async handle(app) {
      const { state, checks } = await app.examine();
      return { jsonBody: { state, checks } };
    },
  }),
];
