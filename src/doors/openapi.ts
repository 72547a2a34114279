import { z } from 'zod';
import type { Evaluation } from '../domain/evaluation.ts';
import { type Answer, answer, type Content, type Door, inPath, json, type Parameter, problemsOf } from './door.ts';
import { jsonSchemaOf, schemaOptions } from './json-schema.ts';
import { problemDetails, problems } from './problem.ts';
import { webhooks } from './webhooks.ts';

type Json = Readonly<Record<string, unknown>>;

const problem: Content = { ...json('Problem', problemDetails), mediaType: 'application/problem+json' };

/**
 * The HTTP interface as OpenAPI 3.1.1, from the schemas that the App itself parses and types with. What is undefined in it
 * is left out where it is written as JSON.
 */
export function openApiDocument(doors: readonly Door[], evaluations: readonly Evaluation[]): Json {
  const { components, contentOf } = describedContents([
    problem,
    ...doors.flatMap(({ body, answers }) => [body, ...Object.values(answers)].flatMap((one) => one?.content ?? [])),
    ...doors.flatMap(({ answers }) => Object.values(answers).flatMap(({ also = [] }) => also)),
    ...webhooks.map(({ content }) => content),
  ]);
  const known = pathParameters(evaluations);
  const bodyOf = (content: Content, description?: string): Json => ({
    required: true,
    description,
    content: contentOf(content),
  });
  const answerOf = ({ is, content, also = [], headers }: Answer): Json => ({
    description: is,
    content: content && Object.assign({}, ...[content, ...also].map(contentOf)),
    headers: headers && mapped(headers, (description) => ({ description, schema: { type: 'string' } })),
  });
  const refusals = mapped(problems, ({ means }) => answerOf(answer(means, problem)));
  const operationOf = ({ id, title, path, needs, body, answers, ...door }: Door): Json => {
    const ofPath = [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => known.filter((one) => one.name === name));
    const parameters = [...ofPath, ...(door.parameters ?? [])].map(parameterOf);
    const expected = [...problemsOf({ needs, ...door }), 503 as const].map((status) => [status, refusals[status]]);
    return {
      operationId: id,
      summary: title,
      security: needs === 'open' ? [] : undefined,
      parameters: parameters.length === 0 ? undefined : parameters,
      requestBody: body && bodyOf(body.content, body.description),
      responses: { ...Object.fromEntries(expected), ...mapped(answers, answerOf) },
    };
  };
  const pathOf = (there: readonly Door[]): Json =>
    Object.fromEntries(there.map((door) => [door.method.toLowerCase(), operationOf(door)]));
  return {
    openapi: '3.1.1',
    info: {
      title: 'fieldcheck',
      version: '1',
      summary: 'Asks of Microsoft 365 and Exchange organizations what nobody answers continuously.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api' }],
    security: [{ bearer: [] }, { session: [] }],
    paths: mapped(Object.fromEntries(Map.groupBy(doors, ({ path }) => `/${path}`)), pathOf),
    webhooks: Object.fromEntries(
      webhooks.map(({ id, title, parameters, content, answers }) => {
        const responses = mapped(answers, (description) => ({ description }));
        const described = { parameters: parameters.map(parameterOf), requestBody: bodyOf(content), responses };
        return [id, { post: { operationId: id, summary: title, security: [], ...described } }];
      }),
    ),
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key of an organization (fck_…), or an access token of Entra ID for the sign-in of this app.',
        },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-fieldcheck' },
      },
      schemas: components,
    },
  };
}

/** What stands in the paths of several doors. */
function pathParameters(evaluations: readonly Evaluation[]): readonly Parameter[] {
  const ids = evaluations.map(({ id }) => id);
  const subjects = evaluations.map(({ id, subjectId }) => `${subjectId.is} (${id})`).join(', ');
  return [
    inPath('organization', 'Id of an organization.', 'contoso'),
    { in: 'path', name: 'evaluation', description: 'Id of an evaluation.', schema: z.enum(ids) },
    inPath('subject', `Id of a subject: ${subjects}.`, ...evaluations.map(({ subjectId }) => subjectId.example)),
    inPath('runId', 'Id of a run.', `contoso.${ids[0]}.20261124T060000Z`),
  ];
}

function parameterOf({ schema, ...parameter }: Parameter): Json {
  const { $schema: _, ...described } = jsonSchemaOf(schema);
  return { ...parameter, required: parameter.in === 'path' || undefined, schema: described };
}

/**
 * Named schemas, which refer to each other where they contain each other, and how a content refers to them. What is
 * accepted is described: answers are never more than that.
 *
 * @throws Error when two schemas have one name
 */
function describedContents(contents: readonly Content[]) {
  const registry = z.registry<{ id: string }>();
  const names = new Map<string, z.ZodType>();
  for (const { name, schema } of contents.flatMap(({ named }) => named ?? [])) {
    if ((names.get(name) ?? schema) !== schema) throw new Error(`Two schemas are named ${name}.`);
    names.set(name, schema);
    registry.add(schema, { id: name });
  }
  // A list of named things has no name of its own, but is made with them, so that it refers to them.
  const ids = new Map(contents.map(({ schema }, index) => [schema, registry.get(schema)?.id ?? `content ${index}`]));
  for (const [schema, id] of ids) registry.add(schema, { id });
  const uri = (id: string) => `#/components/schemas/${id}`;
  const made = mapped(
    z.toJSONSchema(registry, { ...schemaOptions, uri }).schemas,
    ({ $schema: _, $id: __, ...one }) => one,
  );
  return {
    components: Object.fromEntries([...names.keys()].sort().map((name) => [name, made[name]])),
    contentOf({ mediaType, schema }: Content): Json {
      const id = ids.get(schema) ?? '';
      return { [mediaType.replace(/;.*/, '')]: { schema: names.has(id) ? { $ref: uri(id) } : made[id] } };
    },
  };
}

function mapped<T>(values: Readonly<Record<string, T>>, map: (value: T) => Json): Json {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}
