import { z } from 'zod';
import { subjectState } from '../domain/compare.ts';
import { run } from '../domain/finding.ts';
import { organizationDocument } from '../domain/organization.ts';
import { evaluationIds } from '../domain/rule.ts';
import { replacedDocument, runRecord } from '../store/store.ts';
import { acceptedBaseline, acceptedFacts, health, organizationSummary, problemDetails, runStatus } from './answers.ts';
import { examination } from './check.ts';
import { adHocBody } from './requests.ts';

/** Schemas that operations refer to by name. */
const schemas = {
  AcceptedBaseline: acceptedBaseline,
  AcceptedFacts: acceptedFacts,
  AdHocRequest: adHocBody,
  Examination: examination,
  Health: health,
  OrganizationDocument: organizationDocument,
  OrganizationSummary: organizationSummary,
  Problem: problemDetails,
  ReplacedDocument: replacedDocument,
  Run: run,
  RunRecord: runRecord,
  RunStatus: runStatus,
  SubjectState: subjectState,
} as const;

type SchemaName = keyof typeof schemas;
type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** Below `/api`; the same text as the function's route. */
  readonly path: string;
  /** The function's name. */
  readonly id: string;
  readonly summary: string;
  /** Needs no function key. */
  readonly anonymous?: true;
  readonly parameters?: readonly Json[];
  readonly body?: Json;
  /** By status; the problems are added. */
  readonly answers: Readonly<Record<string, Json>>;
  /** Statuses of problem details that a caller has to expect, besides 503. */
  readonly problems?: readonly number[];
}

const organization = 'organizations/{organization}';
const watch = `${organization}/evaluations/{evaluation}`;

const ref = (name: SchemaName): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ 'application/json': { schema } });
const list = (items: Json): Json => ({ type: 'array', items });
const page = (items: Json): Json => ({
  type: 'object',
  properties: {
    items: list(items),
    continuation: { type: 'string', description: 'Give it back to go on; absent on the last page.' },
  },
  required: ['items'],
});
const text = (mediaType: string): Json => ({ [mediaType]: { schema: { type: 'string' } } });
const answer = (description: string, content?: Json, headers?: Json): Json => ({
  description,
  ...(content === undefined ? {} : { content }),
  ...(headers === undefined ? {} : { headers }),
});
const header = (description: string): Json => ({ description, schema: { type: 'string' } });
const query = (name: string, schema: Json, description: string): Json => ({ name, in: 'query', description, schema });
const paging = (most: number): readonly Json[] => [
  query('limit', { type: 'integer', minimum: 1, maximum: most, default: 100 }, 'Most items of one page.'),
  query('continuation', { type: 'string' }, 'Of the page before; left out, the first page.'),
];
const etag = { ETag: header('The version; give it back as If-Match.') };
const location = { Location: header('Where the run can be followed.') };

/** Every HTTP function, by route and method; a test holds this list and the functions together, both ways. */
const operations: readonly Operation[] = [
  {
    method: 'post',
    path: 'evaluations/{evaluation}',
    id: 'evaluate',
    summary: 'Judge now, ad hoc; nothing is stored, nobody is told',
    body: { required: true, content: json(ref('AdHocRequest')) },
    answers: { '200': answer('One run for each subject.', json(list(ref('Run')))) },
    problems: [400, 404, 413],
  },
  {
    method: 'get',
    path: 'organizations',
    id: 'listOrganizations',
    summary: 'All organizations',
    answers: { '200': answer('In order of id.', json(list(ref('OrganizationSummary')))) },
  },
  {
    method: 'get',
    path: organization,
    id: 'getOrganization',
    summary: 'The document of an organization',
    answers: { '200': answer('Addresses of channels are not shown.', json(ref('OrganizationDocument')), etag) },
    problems: [404],
  },
  {
    method: 'put',
    path: organization,
    id: 'putOrganization',
    summary: 'Write the document of an organization',
    parameters: [
      {
        name: 'If-Match',
        in: 'header',
        description: 'The ETag of the version that you changed; left out, whatever there is is replaced.',
        schema: { type: 'string' },
      },
    ],
    body: { required: true, content: json(ref('OrganizationDocument')) },
    answers: { '200': answer('The document as it stands now.', json(ref('OrganizationDocument')), etag) },
    problems: [400, 412, 413],
  },
  {
    method: 'get',
    path: `${organization}/history`,
    id: 'organizationHistory',
    summary: 'What the document of an organization was before each change, and when it was changed',
    parameters: paging(200),
    answers: {
      '200': answer(
        'Newest first, without the current document. Addresses of channels are not shown; who changed it is not known.',
        json(page(ref('ReplacedDocument'))),
      ),
    },
    problems: [400, 404],
  },
  {
    method: 'delete',
    path: organization,
    id: 'deleteOrganization',
    summary: 'Stop watching an organization',
    answers: { '204': answer('Deleted.') },
    problems: [404],
  },
  {
    method: 'post',
    path: `${organization}/facts`,
    id: 'postFacts',
    summary: 'Supply facts: a collector’s file or a raw PowerShell export, up to 32 MB',
    parameters: [query('run', { type: 'boolean', default: true }, 'Look again at what the facts speak of.')],
    body: {
      required: true,
      description: 'Saved facts, or the output of Get-DkimSigningConfig or Get-AcceptedDomain, UTF-8 or UTF-16.',
      content: json({}),
    },
    answers: { '202': answer('Kept until they expire.', json(ref('AcceptedFacts')), location) },
    problems: [400, 404, 413, 422],
  },
  {
    method: 'post',
    path: `${watch}/runs`,
    id: 'startRun',
    summary: 'Run over the whole organization',
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        description: 'The same key is the same run.',
        schema: { type: 'string' },
      },
    ],
    answers: { '202': answer('Started, or started before with the same key.', json(ref('RunRecord')), location) },
    problems: [404, 409],
  },
  {
    method: 'get',
    path: 'runs/{runId}',
    id: 'getRun',
    summary: 'How far a run is, and what it found so far',
    answers: { '200': answer('Answers and verdicts counted.', json(ref('RunStatus'))) },
    problems: [404],
  },
  {
    method: 'get',
    path: `${watch}/subjects`,
    id: 'listSubjects',
    summary: 'Last known state of every subject',
    parameters: paging(1_000),
    answers: { '200': answer('In order of subject.', json(page(ref('SubjectState')))) },
    problems: [400, 404],
  },
  {
    method: 'get',
    path: `${watch}/subjects/{subject}`,
    id: 'getSubject',
    summary: 'Last known state of one subject',
    answers: { '200': answer('Findings, passes included, with evidence.', json(ref('SubjectState'))) },
    problems: [404],
  },
  {
    method: 'get',
    path: `${watch}/subjects/{subject}/runs`,
    id: 'subjectHistory',
    summary: 'What was found about a subject over time',
    parameters: paging(200),
    answers: { '200': answer('Newest first; runs that found the same are counted.', json(page(ref('SubjectState')))) },
    problems: [400, 404],
  },
  {
    method: 'post',
    path: `${organization}/evaluations/smtp-source-ip/subjects/{service}/baseline`,
    id: 'acceptBaseline',
    summary: 'Accept what the nodes of a service are now; a change is a finding from the next run on',
    parameters: [query('by', { type: 'string', minLength: 1, maxLength: 100 }, 'Who accepts it.')],
    answers: { '200': answer('Counts until another one is accepted.', json(ref('AcceptedBaseline'))) },
    problems: [400, 404, 422],
  },
  {
    method: 'get',
    path: `${watch}/report`,
    id: 'report',
    summary: 'All that is known, as a page',
    answers: { '200': answer('HTML without scripts.', text('text/html')) },
    problems: [404],
  },
  {
    method: 'get',
    path: `${organization}/evaluations/dkim/failed-selectors.csv`,
    id: 'failedSelectors',
    summary: 'The failing active selectors, for ticketing',
    answers: { '200': answer('One line for each.', text('text/csv')) },
    problems: [404],
  },
  {
    method: 'get',
    path: 'health',
    id: 'health',
    summary: 'For monitors: storage, last runs, oldest undelivered notice',
    anonymous: true,
    answers: {
      '200': answer('All is well.', json(ref('Health'))),
      '503': answer('Something is not.', json(ref('Health'))),
    },
  },
  {
    method: 'get',
    path: 'doctor',
    id: 'doctor',
    summary: 'Does everything work from where the app runs?',
    answers: { '200': answer('Each check with the step that mends it; no secret.', json(ref('Examination'))) },
  },
  {
    method: 'get',
    path: 'openapi.json',
    id: 'openApi',
    summary: 'This document',
    anonymous: true,
    answers: { '200': answer('OpenAPI 3.1.', json({ type: 'object' })) },
  },
  {
    method: 'get',
    path: 'organization.schema.json',
    id: 'organizationSchema',
    summary: 'JSON Schema of the organization document, with which editors complete it',
    anonymous: true,
    answers: { '200': answer('JSON Schema 2020-12.', text('application/schema+json')) },
  },
];

const pathParameters: Readonly<Record<string, Json>> = {
  organization: { description: 'Id of an organization.', schema: { type: 'string', examples: ['contoso'] } },
  evaluation: { description: 'Id of an evaluation.', schema: { enum: evaluationIds } },
  subject: {
    description:
      'A mail domain (dkim), the organization’s id (teams-exchange-interop), a service’s id (smtp-source-ip).',
    schema: { type: 'string', examples: ['contoso.com'] },
  },
  service: { description: 'Id of an SMTP service.', schema: { type: 'string', examples: ['smtp-in'] } },
  runId: { description: 'Id of a run.', schema: { type: 'string', examples: ['contoso.dkim.20261124T060000Z'] } },
};

const problemMeanings: Readonly<Record<number, string>> = {
  400: 'The request is not what it should be; `issues` says where.',
  404: 'There is no such thing.',
  409: 'There is no subject to look at.',
  412: 'Somebody else changed it meanwhile: read it again.',
  413: 'The body is too long.',
  422: 'The facts are about nothing that this organization watches, or there are none.',
  503: 'The storage does not answer; try again after Retry-After.',
};

/** The HTTP interface as OpenAPI 3.1.1, generated from the schemas that the App itself parses and types with. */
export function openApiDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    const path = `/${operation.path}`;
    paths[path] ??= {};
    paths[path][operation.method] = described(operation);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'fieldcheck',
      version: '1',
      summary: 'Asks of Microsoft 365 and Exchange organizations what nobody answers continuously.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api' }],
    security: [{ functionKey: [] }, { functionKeyInQuery: [] }],
    paths,
    components: {
      securitySchemes: {
        functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key' },
        functionKeyInQuery: { type: 'apiKey', in: 'query', name: 'code' },
      },
      schemas: componentSchemas(),
    },
  };
}

function described({ path, id, summary, anonymous, parameters = [], body, answers, problems = [] }: Operation): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    ...pathParameters[name],
  }));
  const refused = [...problems, 503]
    .filter((status) => !(status in answers))
    .map((status) => [
      String(status),
      answer(problemMeanings[status] ?? '', { 'application/problem+json': { schema: ref('Problem') } }),
    ]);
  return {
    operationId: id,
    summary,
    ...(anonymous === true ? { security: [] } : {}),
    ...(inPath.length + parameters.length === 0 ? {} : { parameters: [...inPath, ...parameters] }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...answers, ...Object.fromEntries(refused) },
  };
}

/** Named schemas that contain each other refer to each other. What is accepted is described: answers are never more than that. */
function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const generated = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(generated.schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}
