import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { organizationSchema } from '../../src/domain/organization.ts';

const file = new URL('../../src/organization.schema.json', import.meta.url);

test('the published JSON Schema is the one of the zod schema (UPDATE_GOLDEN=1 writes it)', async () => {
  const text = `${JSON.stringify(organizationSchema(), null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(file, text);
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('editors can complete every key of the document from it', () => {
  const schema = organizationSchema() as {
    required: string[];
    properties: Record<string, unknown>;
    additionalProperties: boolean;
  };
  expect(schema.required).toEqual(['id']);
  expect(schema.additionalProperties).toBe(false);
  expect(Object.keys(schema.properties)).toEqual([
    '$schema',
    'id',
    'name',
    'tenant',
    'channels',
    'retentionDays',
    'evaluations',
  ]);
});
