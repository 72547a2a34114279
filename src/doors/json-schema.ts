import { z } from 'zod';

/** Formats that zod writes and JSON Schema 2020-12 does not define: strict validators refuse them. Their patterns stay. */
const ownFormats = ['cidrv4', 'cidrv6'];

/** What is given to zod wherever it writes JSON Schema (2020-12): what is accepted, in terms that every validator knows. */
export const schemaOptions = {
  io: 'input',
  override({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }) {
    if (ownFormats.includes(jsonSchema.format ?? '')) delete jsonSchema.format;
  },
} as const;

/** What a zod schema accepts, as JSON Schema 2020-12. */
export function jsonSchemaOf(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, schemaOptions);
}
