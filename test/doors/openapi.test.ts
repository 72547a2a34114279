import SwaggerParser from '@apidevtools/swagger-parser';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { answer, door, json } from '../../src/doors/door.ts';
import { doorsOf } from '../../src/doors/index.ts';
import { openApiDocument } from '../../src/doors/openapi.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import type { Registration } from '../../src/evaluations/registration.ts';
import { createRegistry } from '../../src/evaluations/registry.ts';
import { clusterEvaluation } from '../domain/cluster.ts';

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description: string;
  schema: { enum?: string[]; examples?: string[] };
}
interface Described {
  operationId: string;
  summary: string;
  security?: unknown[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Described>>;
  webhooks: Record<string, { post: Described }>;
  components: { schemas: Record<string, object> };
}
const documentOf = (registered: readonly Registration[]): Document =>
  JSON.parse(JSON.stringify(openApiDocument(doorsOf(createRegistry(registered)), registered)));
const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );

/** A fourth evaluation that nothing but this test knows. */
const tide = z.object({ metres: z.number() });
const toy: Registration = {
  ...clusterEvaluation([], { id: 'low-tide', subjectId: { is: 'a harbour', example: 'harlingen' } }),
  bind: () => ({}),
  files: [],
  grants: [],
  doors: [
    door('tide', 'GET', 'organizations/{organization}/evaluations/low-tide/subjects/{subject}/tide', {
      title: 'How high the water stands',
      needs: 'read',
      answers: { 200: answer('Now.', json('Tide', tide)) },
      problems: [404],
      handle: async (_, { params }) => ({ jsonBody: { metres: params.subject.length } }),
    }),
  ],
};

describe.each([
  ['of the product', evaluations.all],
  ['with an evaluation that is registered beside', [...evaluations.all, toy]],
])('the OpenAPI document %s', (_, registered) => {
  const document = documentOf(registered);
  const doors = doorsOf(createRegistry(registered));
  const operations = operationsOf(document);

  test('names every door, and which are open', () => {
    expect(operations.map(({ method, path, operationId, summary }) => [operationId, method, path, summary])).toEqual(
      expect.arrayContaining(doors.map(({ id, method, path, title }) => [id, method.toLowerCase(), `/${path}`, title])),
    );
    expect(operations).toHaveLength(doors.length);
    const open = operations.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId);
    const anybodys = [
      'badge',
      'health',
      'openApi',
      'organizationSchema',
      'pageScript',
      'pageStyle',
      'signIn',
      'signInCallback',
      'signOut',
    ];
    expect(open.sort()).toEqual(anybodys);
  });

  test('is 3.1, and every reference in it leads somewhere', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target);
    expect(references.length).toBeGreaterThan(10);
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(references.filter((target) => !known.includes(target ?? ''))).toEqual([]);
    expect(known.filter((target) => !references.includes(target))).toEqual([]);
  });

  test('describes every parameter of a path, and what a caller may be refused with', () => {
    for (const { path, parameters = [], responses, operationId } of operations) {
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(inPath.every(({ required, description, schema }) => required && description && schema)).toBe(true);
      expect(Object.keys(responses), operationId).toContain('503');
      expect(Object.values(responses).filter(({ description }) => description === '')).toEqual([]);
    }
  });

  test('takes what the document says it takes: the keys of an organization, input side', () => {
    const schema = document.components.schemas.OrganizationDocument as {
      required: string[];
      additionalProperties: boolean;
      properties: { evaluations: { properties: object } };
    };
    expect(schema.required).toEqual(['id']);
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties.evaluations.properties)).toEqual(registered.map(({ id }) => id));
  });

  test('describes what a webhook channel gets', () => {
    const { summary, security, requestBody, responses } = document.webhooks.event?.post ?? {};
    expect([summary, security]).toEqual([
      'One event of one incident, to a channel of kind "webhook" (CloudEvents 1.0, structured mode)',
      [],
    ]);
    expect(requestBody?.content['application/cloudevents+json']?.schema).toEqual({
      $ref: '#/components/schemas/WebhookEvent',
    });
    expect(Object.keys(responses ?? {})).toEqual(['408', '429', '2XX', '5XX', 'default']);
    const ofIncident = expect.objectContaining({
      required: expect.arrayContaining(['specversion', 'id', 'source', 'type', 'subject', 'time', 'data']),
      properties: expect.objectContaining({
        type: expect.objectContaining({ enum: expect.arrayContaining(['fieldcheck.incident.opened']) }),
      }),
    });
    expect(document.components.schemas.WebhookEvent).toMatchObject({ oneOf: expect.arrayContaining([ofIncident]) });
  });
});

test('the OpenAPI document knows of the evaluations what is registered, and nothing else', () => {
  const { paths, components } = documentOf([toy]);
  const [, evaluation, subject] =
    paths['/organizations/{organization}/evaluations/{evaluation}/subjects/{subject}']?.get?.parameters ?? [];
  expect(evaluation?.schema.enum).toEqual(['low-tide']);
  expect(subject?.description).toBe('Id of a subject: a harbour (low-tide).');
  expect(subject?.schema.examples).toEqual(['harlingen']);
  expect(paths['/runs/{runId}']?.get?.parameters?.[0]?.schema.examples).toEqual(['contoso.low-tide.20261124T060000Z']);
  const own = paths['/organizations/{organization}/evaluations/low-tide/subjects/{subject}/tide']?.get;
  expect(own?.responses['200']?.content).toEqual({
    'application/json': { schema: { $ref: '#/components/schemas/Tide' } },
  });
  expect(components.schemas.Tide).toMatchObject({ properties: { metres: { type: 'number' } } });
  expect(Object.keys(components.schemas)).not.toContain('AcceptedBaseline');
});

test('two schemas of one name are refused, because one of them would be described as the other', () => {
  const clash = door('clash', 'GET', 'clash', {
    title: 'Another tide',
    needs: 'read',
    answers: { 200: answer('Now.', json('Tide', z.object({ feet: z.number() }))) },
    handle: async () => ({ jsonBody: { feet: 3 } }),
  });
  expect(() => documentOf([toy, { ...toy, doors: [clash] }])).toThrow('Two schemas are named Tide.');
});

describe('clients in other languages can be made from it', () => {
  const ofProduct = documentOf(evaluations.all);
  const described = () => structuredClone(ofProduct);

  test('two validators find no fault, and find one where there is one', async () => {
    const validator = new Validator();
    expect(await validator.validate(JSON.parse(JSON.stringify(described())))).toEqual({ valid: true });
    const parsed = await SwaggerParser.validate(described() as never);
    expect(Object.keys(parsed.paths ?? {})).toEqual(Object.keys(described().paths));
    const { paths: _, webhooks: __, ...broken } = { ...described(), servers: 'here' };
    expect((await new Validator().validate(JSON.stringify(broken))).valid).toBe(false);
    await expect(SwaggerParser.validate(broken as never)).rejects.toThrow('is not a valid Openapi API definition');
  });

  test('every schema in it is one for a strict validator', () => {
    // Each under its name, so that it is compiled once and not again wherever one refers to it.
    const { components, ...rest } = JSON.parse(JSON.stringify(ofProduct).replaceAll('#/components/schemas/', ''));
    const ajv = new Ajv2020({ strict: true, schemas: components.schemas });
    addFormats.default(ajv);
    const names = Object.keys(components.schemas);
    expect(names.length).toBeGreaterThanOrEqual(15);
    for (const name of names) expect(ajv.getSchema(name), name).toBeTypeOf('function');
    const schemasIn = (value: unknown): object[] =>
      typeof value !== 'object' || value === null
        ? []
        : Object.entries(value).flatMap(([key, one]) => (key === 'schema' ? [one] : schemasIn(one)));
    const others = schemasIn(rest);
    expect(others.length).toBeGreaterThan(names.length);
    for (const text of new Set(others.map((schema) => JSON.stringify(schema)))) ajv.compile(JSON.parse(text));
  });
});
