import { z } from 'zod';
import { type App, mediaTypes, Problem } from '../app/index.ts';
import { run } from '../domain/finding.ts';
import { type ReportFormat, reportFormats } from '../domain/report-format.ts';
import { filePolicy } from '../pages/index.ts';
import { answer, type DoorAnswer, type DoorRequest, door, header, listOf, media, query } from './door.ts';

/** A page where nobody asks for anything else; then in the order in which they are offered. */
const formats = ['html', ...reportFormats.filter((format) => format !== 'html')] as const;

const parameters = [
  query('format', 'How it is written; outranks Accept.', z.enum(reportFormats)),
  header('Accept', 'The media type that it is written as: the first that there is.'),
];

const answers = {
  200: {
    ...answer(
      'The report, HTML in one file without scripts unless another format is asked for.',
      media(mediaTypes.html),
      {
        'Content-Disposition': 'What a file of it is called.',
      },
    ),
    also: formats
      .filter((format) => format !== 'html')
      .map((format) => (format === 'json' ? listOf('Run', run) : media(mediaTypes[format]))),
  },
};

/** What is known as a report, in the format that is asked for. */
export const reportDoors = [
  door('report', 'GET', 'organizations/{organization}/evaluations/{evaluation}/report', {
    title: 'All that is known, to read or to hand on: HTML, Markdown, CSV, JSON, workbook, JUnit, text',
    needs: 'read',
    parameters,
    answers,
    problems: [400, 404],
    handle: (app, request) => reported(app, request, request.params.evaluation),
  }),
  door('organizationReport', 'GET', 'organizations/{organization}/report', {
    title: 'The same of all evaluations of an organization',
    needs: 'read',
    parameters,
    answers,
    problems: [400, 404],
    handle: (app, request) => reported(app, request, undefined),
  }),
];

async function reported(
  app: App,
  request: DoorRequest<'organization'>,
  evaluation: string | undefined,
): Promise<DoorAnswer> {
  const format = formatOf(request);
  const { body, mediaType, name } = await app.report(request.params.organization, evaluation, format);
  // A page opens where it is asked for; a workbook is no use there.
  const disposition = format === 'xlsx' ? 'attachment' : 'inline';
  return {
    body,
    headers: {
      'content-type': mediaType,
      'content-disposition': `${disposition}; filename="${name}"`,
      ...(format === 'html' ? { 'content-security-policy': `${filePolicy}; frame-ancestors 'none'` } : {}),
    },
  };
}

/** @throws Problem (400) when there is no such format */
function formatOf({ query: given, headers }: Pick<DoorRequest, 'query' | 'headers'>): ReportFormat {
  const wanted = given.get('format');
  if (wanted !== null) {
    const format = reportFormats.find((one) => one === wanted);
    if (format === undefined) throw new Problem(400, `format must be one of ${reportFormats.join(', ')}.`);
    return format;
  }
  const accepted = (headers.get('accept') ?? '').split(',').map((one) => one.split(';')[0]?.trim().toLowerCase());
  for (const type of accepted) {
    const format = formats.find((one) => mediaTypes[one].split(';')[0] === type);
    if (format !== undefined) return format;
  }
  return 'html';
}
