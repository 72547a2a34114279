import { subjectState } from '../domain/compare.ts';
import { answer, door, json, media, pageOf, paging } from './door.ts';

const watch = 'organizations/{organization}/evaluations/{evaluation}';
const ofSubjects = paging(1_000);
const ofHistory = paging(200);

/** What is known. */
export const subjectDoors = [
  door('listSubjects', 'GET', `${watch}/subjects`, {
    title: 'Last known state of every subject',
    needs: 'read',
    parameters: ofSubjects.parameters,
    answers: { 200: answer('In order of subject.', pageOf('SubjectState', subjectState)) },
    problems: [400, 404],
    async handle(app, request) {
      const { limit, continuation } = ofSubjects.of(request);
      const { organization, evaluation } = request.params;
      return { jsonBody: await app.subjects(organization, evaluation, limit, continuation) };
    },
  }),
  door('getSubject', 'GET', `${watch}/subjects/{subject}`, {
    title: 'Last known state of one subject',
    needs: 'read',
    answers: { 200: answer('Findings, passes included, with evidence.', json('SubjectState', subjectState)) },
    problems: [404],
    handle: async (app, { params: { organization, evaluation, subject } }) => ({
      jsonBody: await app.subject(organization, evaluation, subject),
    }),
  }),
  door('subjectHistory', 'GET', `${watch}/subjects/{subject}/runs`, {
    title: 'What was found about a subject over time',
    needs: 'read',
    parameters: ofHistory.parameters,
    answers: {
      200: answer('Newest first; runs that found the same are counted.', pageOf('SubjectState', subjectState)),
    },
    problems: [400, 404],
    async handle(app, request) {
      const { limit, continuation } = ofHistory.of(request);
      const { organization, evaluation, subject } = request.params;
      return { jsonBody: await app.history(organization, evaluation, subject, limit, continuation) };
    },
  }),
  door('badge', 'GET', `${watch}/badge.svg`, {
    title: 'The worst answer as a badge, of organizations whose document says `"badge": true`',
    needs: 'open',
    answers: { 200: answer('SVG.', media('image/svg+xml')) },
    problems: [404],
    handle: async (app, { params: { organization, evaluation } }) => ({
      body: await app.badge(organization, evaluation),
      headers: { 'cache-control': 'no-cache', 'content-security-policy': "default-src 'none'" },
    }),
  }),
];
