import { z } from 'zod';
import type { Registry } from '../evaluations/registry.ts';
import { answer, door, media } from './door.ts';
import { jsonSchemaOf } from './json-schema.ts';

/** The interface about itself, for people, editors and generators of clients. Nothing in it is secret. */
export function interfaceDoors({ document }: Registry, openApi: () => Promise<object>) {
  /** Made once, by who asks first. */
  let schema: string | undefined;
  return [
    door('openApi', 'GET', 'openapi.json', {
      title: 'This interface as OpenAPI 3.1',
      needs: 'open',
      answers: { 200: answer('An OpenAPI document.', media('application/json', z.looseObject({}))) },
      handle: async () => ({ jsonBody: await openApi() }),
    }),
    door('organizationSchema', 'GET', 'organization.schema.json', {
      title: 'JSON Schema of the organization document, with which editors complete it',
      needs: 'open',
      answers: { 200: answer('JSON Schema 2020-12.', media('application/schema+json', z.looseObject({}))) },
      async handle() {
        schema ??= JSON.stringify(jsonSchemaOf(document));
        return { body: schema };
      },
    }),
  ];
}
