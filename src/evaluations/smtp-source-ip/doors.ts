import { z } from 'zod';
import { answer, type Door, door, inPath, json, query } from '../../doors/door.ts';
import { acceptedBaseline } from './baseline.ts';
import { smtpSourceIp } from './evaluation.ts';

const baseline = 'organizations/{organization}/evaluations/smtp-source-ip/subjects/{service}/baseline';

export const smtpSourceIpDoors: readonly Door[] = [
  door('acceptBaseline', 'POST', baseline, {
    title: 'Accept what the nodes of a service are now; a change is a finding from the next run on',
    needs: 'operate',
    parameters: [
      inPath('service', 'Id of an SMTP service.', 'smtp-in'),
      query('by', 'Who accepts it.', z.string().min(1).max(100)),
    ],
    answers: { 200: answer('Counts until another one is accepted.', json('AcceptedBaseline', acceptedBaseline)) },
    problems: [400, 404, 422],
    handle: async (app, { params: { organization, service }, query: asked }) => ({
      jsonBody: await app.acceptBaseline(organization, smtpSourceIp.id, service, asked.get('by') ?? undefined),
    }),
  }),
];
