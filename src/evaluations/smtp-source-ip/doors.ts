import { z } from 'zod';
import { answer, type Door, door, inPath, json, query } from '../../doors/door.ts';
import { acceptedBaseline } from './baseline.ts';
import { smtpSourceIp } from './evaluation.ts';
import { dsrRunbook } from './runbook.ts';

const service = 'organizations/{organization}/evaluations/smtp-source-ip/subjects/{service}';
const id = inPath('service', 'Id of an SMTP service.', 'smtp-in');

export const smtpSourceIpDoors: readonly Door[] = [
  door('acceptBaseline', 'POST', `${service}/baseline`, {
    title: 'Accept what the nodes of a service are now; a change is a finding from the next run on',
    needs: 'operate',
    parameters: [id, query('by', 'Who accepts it.', z.string().min(1).max(100))],
    answers: { 200: answer('Counts until another one is accepted.', json('AcceptedBaseline', acceptedBaseline)) },
    problems: [400, 404, 422],
    handle: async (app, { params, query: asked }) => ({
      jsonBody: await app.acceptBaseline(
        params.organization,
        smtpSourceIp.id,
        params.service,
        asked.get('by') ?? undefined,
      ),
    }),
  }),
  door('runbook', 'GET', `${service}/runbook`, {
    title: 'What is missing for Direct Server Return, step by step with what undoes it',
    needs: 'read',
    parameters: [id],
    answers: { 200: answer('As of the last run; nothing is executed.', json('Runbook', dsrRunbook)) },
    problems: [404, 422],
    handle: async (app, { params }) => ({
      jsonBody: await app.runbook(params.organization, smtpSourceIp.id, params.service),
    }),
  }),
];
