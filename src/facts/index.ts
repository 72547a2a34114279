import type { z } from 'zod';
import { acceptedDomain } from './accepted-domain.ts';
import { exchangeOnlineIncidents } from './exchange-online-incidents.ts';
import { interopFactSchemas, interopPartOf } from './interop-index.ts';
import { selectorCname, selectorKey } from './selector.ts';
import { signingConfiguration } from './signing-configuration.ts';
import { smtpFactSchemas, smtpPartOf } from './smtp-facts.ts';

/** Every fact there is, with its schema. The `title` in a schema's meta is what a person calls the fact. */
export const factSchemas = {
  'signing-configuration': signingConfiguration,
  'accepted-domain': acceptedDomain,
  'exchange-online-incidents': exchangeOnlineIncidents,
  'selector-cname': selectorCname,
  'selector-key': selectorKey,
  ...interopFactSchemas,
  ...smtpFactSchemas,
} as const satisfies Record<string, z.ZodType>;

/** Facts that are known for each part of a subject apart, and the kind of part. */
export const partOf = {
  'selector-cname': 'selector',
  'selector-key': 'selector',
  ...interopPartOf,
  ...smtpPartOf,
} as const satisfies { readonly [N in FactName]?: string };

export type FactName = keyof typeof factSchemas;
export type FactMap = { readonly [N in FactName]: z.infer<(typeof factSchemas)[N]> };
export type PartOf = typeof partOf;
export type PartFactName = keyof PartOf;
export type PartKind = PartOf[PartFactName];
export type SubjectFactName = Exclude<FactName, PartFactName>;

/** What a person calls a fact. */
export function factTitle(name: FactName): string {
  const title = factSchemas[name].meta()?.title;
  return typeof title === 'string' ? title : name;
}

const shelfLives: ReadonlyMap<string, number> = new Map(
  Object.entries(factSchemas).flatMap(([name, schema]) => {
    const hours = (schema as z.ZodType).meta()?.goodForHours;
    return typeof hours === 'number' ? [[name, hours] as const] : [];
  }),
);

/** Hours after its observation for which a fact may be judged by (`goodForHours` in its schema's meta); undefined: it does not age. */
export function shelfLifeHours(name: FactName): number | undefined {
  return shelfLives.get(name);
}
