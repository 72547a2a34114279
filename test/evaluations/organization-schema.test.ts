import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { evaluations } from '../../src/evaluations/index.ts';

const file = new URL('../../src/evaluations/organization.schema.json', import.meta.url);
const schema = z.toJSONSchema(evaluations.document, { io: 'input' });

test('the published JSON Schema is the one of the zod schema (UPDATE_GOLDEN=1 writes it)', async () => {
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(file, text);
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('editors can complete every key of the document from it', () => {
  expect(schema.required).toEqual(['id']);
  expect(schema.additionalProperties).toBe(false);
  expect(Object.keys(schema.properties ?? {})).toEqual([
    '$schema',
    'id',
    'name',
    'tenant',
    'channels',
    'retentionDays',
    'evaluations',
  ]);
  expect(schema.properties?.evaluations).toMatchObject({
    additionalProperties: false,
    properties: Object.fromEntries(evaluations.ids.map((id) => [id, { additionalProperties: false }])),
  });
});
