import { answer, type Door, door, media } from '../../doors/door.ts';
import { dkim } from './evaluation.ts';
import { failedSelectorsCsv } from './failed-selectors-csv.ts';

export const dkimDoors: readonly Door[] = [
  door('failedSelectors', 'GET', 'organizations/{organization}/evaluations/dkim/failed-selectors.csv', {
    title: 'The failing active selectors, for ticketing',
    needs: 'key',
    answers: { 200: answer('One line for each.', media('text/csv; charset=utf-8')) },
    problems: [404],
    handle: async (app, { params }) => ({ body: failedSelectorsCsv(await app.lastRuns(params.organization, dkim.id)) }),
  }),
];
