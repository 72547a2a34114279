import { readFile, writeFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { jsonSchemaOf } from '../../src/doors/json-schema.ts';
import { evaluations } from '../../src/evaluations/index.ts';

const file = new URL('../../src/evaluations/organization.schema.json', import.meta.url);
const schema = jsonSchemaOf(evaluations.document);

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
    'report',
    'badge',
    'evaluations',
  ]);
  expect(schema.properties?.evaluations).toMatchObject({
    additionalProperties: false,
    properties: Object.fromEntries(evaluations.ids.map((id) => [id, { additionalProperties: false }])),
  });
});

/** Every property of the document, wherever it stands, with what an editor shows of it. */
function propertiesOf(value: unknown, path: string): [path: string, description: string | undefined][] {
  if (Array.isArray(value)) return value.flatMap((one) => propertiesOf(one, path));
  if (typeof value !== 'object' || value === null) return [];
  const { properties = {}, ...rest } = value as z.core.JSONSchema.BaseSchema;
  return [
    ...Object.entries(properties).flatMap(([name, one]): [string, string | undefined][] => [
      [`${path}/${name}`, typeof one === 'object' ? one.description : undefined],
      ...propertiesOf(one, `${path}/${name}`),
    ]),
    ...propertiesOf(Object.values(rest), path),
  ];
}

test('editors show a sentence for every property', () => {
  const properties = propertiesOf(schema, '');
  expect(properties.length).toBeGreaterThanOrEqual(60);
  expect(properties.filter(([, said]) => said === undefined || !/^[A-Za-z].{10,}[.?]$/.test(said))).toEqual([]);
  expect(Object.fromEntries(properties)).toMatchObject({
    '/retentionDays': 'How many days history, finished runs, refused notices and expired facts are kept.',
    '/channels/heartbeat': 'A card every day also when nothing changed: a silent channel looks like a healthy one.',
    '/evaluations/smtp-source-ip/services/vips':
      'Where clients reach the service: address:port, an IPv6 address in brackets.',
  });
});

test('a strict validator takes the schema, and judges documents by it as the product does', () => {
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  const document = (service: object) => ({
    id: 'contoso',
    tenant: { id: '11111111-2222-3333-4444-555555555555' },
    channels: { 'mail-team': { url: 'secret:MAIL_TEAM_WEBHOOK', heartbeat: true } },
    evaluations: {
      'smtp-source-ip': {
        services: [
          { id: 'smtp-in', vips: ['192.0.2.25:25'], nodes: [{ name: 'EX1', address: '192.0.2.11' }], ...service },
        ],
        declared: [{ statement: 'firewall', value: true, by: 'Network team', at: '2026-11-01' }],
      },
    },
  });
  const judged = (value: unknown) => {
    const byAjv = validate(value);
    expect(evaluations.document.safeParse(value).success).toBe(byAjv);
    return byAjv ? [] : validate.errors?.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
  };
  const services = '/evaluations/smtp-source-ip/services/0';
  expect(judged({ id: 'contoso' })).toEqual([]);
  expect(judged(document({ loadBalancerAddresses: ['192.0.2.5', '192.0.2.0/24', '2001:db8::/64'] }))).toEqual([]);
  expect(judged(document({ loadBalancerAddresses: ['192.0.2.0/33'] }))).toContain(
    `${services}/loadBalancerAddresses/0 pattern`,
  );
  expect(judged(document({ mode: 'routed' }))).toEqual([`${services}/mode enum`]);
  expect(judged({ id: 'contoso', retention: 3 })).toEqual([' additionalProperties']);
  expect(judged({})).toEqual([' required']);
});
