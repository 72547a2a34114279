import { z } from 'zod';
import { type AtDoors, answer, door, inPath, json, query } from '../../doors/door.ts';

/** What the baseline says of which nodes. */
export const acceptedBaseline = z.object({
  /** Id of the service. */
  subject: z.string(),
  acceptedAt: z.string(),
  by: z.string().exactOptional(),
  /** When the oldest of the accepted settings were collected (ISO 8601, UTC). */
  collectedAt: z.string().exactOptional(),
  /** Nodes whose settings were accepted, and those without facts, which the baseline says nothing about. */
  nodes: z.array(z.string()),
  missing: z.array(z.string()),
});

export type AcceptedBaseline = Readonly<z.infer<typeof acceptedBaseline>>;

const baseline = 'organizations/{organization}/evaluations/smtp-source-ip/subjects/{service}/baseline';

export const smtpSourceIpAtDoors: Omit<AtDoors, 'id'> = {
  subjectInWords: { is: 'a service’s id', example: 'smtp-in' },
  doors: [
    door('acceptBaseline', 'POST', baseline, {
      title: 'Accept what the nodes of a service are now; a change is a finding from the next run on',
      needs: 'key',
      parameters: [
        inPath('service', 'Id of an SMTP service.', 'smtp-in'),
        query('by', 'Who accepts it.', z.string().min(1).max(100)),
      ],
      answers: { 200: answer('Counts until another one is accepted.', json('AcceptedBaseline', acceptedBaseline)) },
      problems: [400, 404, 422],
      handle: async (app, { params, query: asked }) => ({
        jsonBody: await app.acceptBaseline(params.organization, params.service, asked.get('by') ?? undefined),
      }),
    }),
  ],
};
