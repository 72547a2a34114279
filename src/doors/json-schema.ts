import { z } from 'zod';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Formats that zod writes and JSON Schema 2020-12 does not define: strict validators refuse them. Their patterns stay. */
const ownFormats = ['cidrv4', 'cidrv6'];

/** What is given to zod wherever it writes JSON Schema (2020-12): what is accepted, in terms that strict validators take. */
export const schemaOptions = {
  io: 'input',
  override({ jsonSchema }: { readonly jsonSchema: JsonSchema }) {
    if (ownFormats.includes(jsonSchema.format ?? '')) delete jsonSchema.format;
    nameProperties(jsonSchema);
  },
} as const;

/** A record of which every key is known is an object with these properties: what is required has to be one. */
function nameProperties(jsonSchema: JsonSchema): void {
  const { propertyNames: names, additionalProperties: value, required } = jsonSchema;
  if (required === undefined || value === undefined || typeof names !== 'object' || names.enum === undefined) return;
  jsonSchema.properties = Object.fromEntries(names.enum.map((name) => [String(name), value]));
  jsonSchema.additionalProperties = false;
  delete jsonSchema.propertyNames;
}

/** What a zod schema accepts, as JSON Schema 2020-12. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, schemaOptions);
}
