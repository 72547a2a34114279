import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { openApiDocument } from '../../src/app/openapi.ts';
import { loadFunctions, methodsOf, routeOf, triggerOf } from '../../src/local/host/core.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Described {
  operationId: string;
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean; description: string; schema: object }[];
  responses: Record<string, { description: string }>;
}
const document = openApiDocument() as {
  openapi: string;
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, object> };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
);

describe('the OpenAPI document and the functions', () => {
  let doors: { name: string; path: string; method: string; isAnonymous: boolean }[];
  beforeAll(async () => {
    const { functions } = await loadFunctions(`${root}functions/index.ts`, root);
    doors = functions
      .filter((fn) => triggerOf(fn).type === 'httpTrigger')
      .flatMap((fn) =>
        methodsOf(fn).map((method) => ({
          name: fn.name,
          path: `/${routeOf(fn)}`,
          method: method.toLowerCase(),
          isAnonymous: triggerOf(fn).authLevel === 'anonymous',
        })),
      );
  });
  const text = (method: string, path: string, name: string) => `${method} ${path} ${name}`;

  test('name the same doors: each is documented, and each that is documented exists', () => {
    const documented = operations.map(({ method, path, operationId }) => text(method, path, operationId));
    expect(documented.sort()).toEqual(doors.map(({ method, path, name }) => text(method, path, name)).sort());
  });

  test('agree on which doors need no key', () => {
    const open = operations.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId);
    expect(open.sort()).toEqual(
      doors
        .filter(({ isAnonymous }) => isAnonymous)
        .map(({ name }) => name)
        .sort(),
    );
  });
});

describe('the OpenAPI document', () => {
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
    };
    expect(schema.required).toEqual(['id']);
    expect(schema.additionalProperties).toBe(false);
  });
});
