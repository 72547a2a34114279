import { examination } from '../app/doctor/check.ts';
import { health } from '../app/responses.ts';
import { answer, door, json } from './door.ts';

const content = json('Health', health);

/** Whether all is well. */
export const healthDoors = [
  door('health', 'GET', 'health', {
    title: 'For monitors: storage, last runs, last delivery of each channel, oldest undelivered notice',
    needs: 'anonymous',
    answers: { 200: answer('All is well.', content), 503: answer('Something is not.', content) },
    async handle(app) {
      const found = await app.health();
      return { status: found.status === 'ok' ? 200 : 503, jsonBody: found };
    },
  }),
  door('doctor', 'GET', 'doctor', {
    title: 'Does everything work from where the app runs?',
    needs: 'key',
    answers: { 200: answer('Each check with the step that mends it; no secret.', json('Examination', examination)) },
    async handle(app) {
      const { state, checks } = await app.examine();
      return { jsonBody: { state, checks } };
    },
  }),
];
