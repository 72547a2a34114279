import { type AtDoors, answer, door, media } from '../../doors/door.ts';

export const dkimAtDoors: Omit<AtDoors, 'id'> = {
  subjectInWords: { is: 'a mail domain', example: 'contoso.com' },
  doors: [
    door('failedSelectors', 'GET', 'organizations/{organization}/evaluations/dkim/failed-selectors.csv', {
      title: 'The failing active selectors, for ticketing',
      needs: 'key',
      answers: { 200: answer('One line for each.', media('text/csv; charset=utf-8')) },
      problems: [404],
      handle: async (app, { params }) => ({ body: await app.failedSelectors(params.organization) }),
    }),
  ],
};
