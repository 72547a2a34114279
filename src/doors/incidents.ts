import { z } from 'zod';
import { incident } from '../app/responses.ts';
import { acceptance, acceptanceRequest, silence, silenceRequest } from '../domain/statement.ts';
import { callerOf } from './caller.ts';
import { answer, door, inPath, json, listOf, media, query } from './door.ts';

const organization = 'organizations/{organization}';
const resolved = query('resolved', 'Whether those are listed too that are over.', z.stringbool());
const all = query('all', 'Whether those are listed too that have ended.', z.stringbool());
const isSet = (value: string | null) => value === 'true';

/** The author that a body names. */
function namedIn(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'by' in body ? body.by : undefined;
}

/** Incidents, and what people say of them. */
export const incidentDoors = [
  door('listIncidents', 'GET', `${organization}/incidents`, {
    title: 'Every incident that is open, flaps, is not confirmed yet or is blind; silenced and accepted ones say so',
    needs: 'key',
    parameters: [resolved],
    answers: { 200: answer('In order of key.', listOf('Incident', incident)) },
    problems: [404],
    handle: async (app, { params, query: given }) => ({
      jsonBody: await app.incidents(params.organization, isSet(given.get('resolved'))),
    }),
  }),
  door('incidentsCsv', 'GET', `${organization}/incidents.csv`, {
    title: 'The same as a table',
    needs: 'key',
    parameters: [resolved],
    answers: { 200: answer('One line for each.', media('text/csv; charset=utf-8')) },
    problems: [404],
    handle: async (app, { params, query: given }) => ({
      body: await app.incidentsCsv(params.organization, isSet(given.get('resolved'))),
    }),
  }),
  door('listSilences', 'GET', `${organization}/silences`, {
    title: 'Silences that hold or are to come',
    needs: 'key',
    parameters: [all],
    answers: { 200: answer('In order of time.', listOf('Silence', silence)) },
    problems: [404],
    handle: async (app, { params, query: given }) => ({
      jsonBody: await app.statements(params.organization, 'silence', isSet(given.get('all'))),
    }),
  }),
  door('addSilence', 'POST', `${organization}/silences`, {
    title:
      'Silence what fits during a maintenance: nothing of it is told, and what is still so afterwards is told then',
    needs: 'key',
    body: { content: json('SilenceRequest', silenceRequest), limit: 10_000 },
    answers: { 201: answer('The silence, which holds from the next look on.', json('Silence', silence)) },
    problems: [400, 404, 413],
    async handle(app, request) {
      const body = await request.json();
      const by = callerOf(request, namedIn(body));
      return { status: 201, jsonBody: await app.addSilence(request.params.organization, body, by) };
    },
  }),
  door('endSilence', 'DELETE', `${organization}/silences/{silence}`, {
    title: 'End a silence before its time',
    needs: 'key',
    parameters: [inPath('silence', 'Its id.', 'silence-20261124-1a2b3c4d')],
    answers: { 200: answer('The silence, ended; it stays in the list of all.', json('Silence', silence)) },
    problems: [404],
    handle: async (app, request) => ({
      jsonBody: await app.endStatement(
        request.params.organization,
        'silence',
        request.params.silence,
        callerOf(request, undefined),
      ),
    }),
  }),
  door('listAcceptances', 'GET', `${organization}/acceptances`, {
    title: 'Incidents that are accepted',
    needs: 'key',
    parameters: [all],
    answers: { 200: answer('In order of time.', listOf('Acceptance', acceptance)) },
    problems: [404],
    handle: async (app, { params, query: given }) => ({
      jsonBody: await app.statements(params.organization, 'acceptance', isSet(given.get('all'))),
    }),
  }),
  door('addAcceptance', 'POST', `${organization}/acceptances`, {
    title: 'Accept an incident that is open: a known risk, not told any more until a time, or until it gets worse',
    needs: 'key',
    body: { content: json('AcceptanceRequest', acceptanceRequest), limit: 10_000 },
    answers: { 201: answer('The acceptance, which holds from the next look on.', json('Acceptance', acceptance)) },
    problems: [400, 404, 409, 413],
    async handle(app, request) {
      const body = await request.json();
      const by = callerOf(request, namedIn(body));
      return { status: 201, jsonBody: await app.addAcceptance(request.params.organization, body, by) };
    },
  }),
  door('endAcceptance', 'DELETE', `${organization}/acceptances/{acceptance}`, {
    title: 'End an acceptance before its time',
    needs: 'key',
    parameters: [inPath('acceptance', 'Its id.', 'acceptance-20261124-1a2b3c4d')],
    answers: { 200: answer('The acceptance, ended; it stays in the list of all.', json('Acceptance', acceptance)) },
    problems: [404],
    handle: async (app, request) => ({
      jsonBody: await app.endStatement(
        request.params.organization,
        'acceptance',
        request.params.acceptance,
        callerOf(request, undefined),
      ),
    }),
  }),
];
