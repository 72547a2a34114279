import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';
import { keyRecord } from './key-record.ts';

/** One question that was put to one name server, and what came back. */
export const askedQuestion = z.object({
  name: z.string(),
  type: z.string(),
  resolver: z.string(),
  /** `NOERROR`, `NXDOMAIN`, or what stood in the way: `SERVFAIL`, `REFUSED`, `timeout` … */
  outcome: z.string(),
  /** ISO 8601, UTC. */
  at: isoTime,
});

const hop = z.object({ name: z.string(), target: z.string(), ttl: z.number() });

/** What the domain's own zone says at `<selector>._domainkey.<domain>`. */
export const selectorCname = z
  .object({
    name: z.string(),
    /** `cname`; `no-name` (NXDOMAIN); `no-record` (the name exists, without CNAME); `other-record` (TXT or address instead). */
    outcome: z.enum(['cname', 'no-name', 'no-record', 'other-record']),
    /** CNAMEs from `name` on, in order; several of one name where a zone has more than one. Names as RFC 1035 section 5.1 writes them. */
    chain: z.array(hop),
    /** Record types found at the name in place of a CNAME. */
    otherTypes: z.array(z.string()),
    /** The record stands at the name with the zone appended twice, a common slip. */
    doubledZone: z.boolean(),
    /** Where it stands instead, when {@link doubledZone}: the zone is that of the domain or of one above it. */
    doubledAt: z.string().optional(),
    /** The type of the record there. */
    doubledType: z.string().optional(),
    /** The zone in which the name lies, where a denial tells it; looked for only where the CNAME is not as it should be. */
    zone: z.string().optional(),
    /** The CNAME that a question for CNAME gets where a question for TXT gets a TXT record of the same name. */
    beside: hop.optional(),
    /** The configured key answers here, though the configured target is not on the way to it: flattened, or a copy. */
    rightKey: z.boolean().optional(),
    /** The wildcard (RFC 4592) that answers here because the name itself has no record, e.g. `*.contoso.com`. */
    wildcard: z.string().optional(),
    asked: z.array(askedQuestion),
  })
  .meta({ title: 'CNAME of the selector' });

/** What a receiver gets when it asks for the key of a selector. */
export const selectorKey = z
  .object({
    /** The name a receiver asks for. */
    name: z.string(),
    /** Where the CNAMEs end: the owner of the key record, or of its absence. */
    owner: z.string(),
    outcome: z.enum(['records', 'no-name', 'no-record']),
    /** One entry for each TXT record: its strings joined without separator, its time to live in seconds, and what it says. */
    records: z.array(z.object({ text: z.string(), ttl: z.number(), says: keyRecord })),
    /** Is the key the one that the signing configuration holds for this selector? Absent when there is nothing to compare. */
    sameAsConfigured: z.boolean().optional(),
    /** Several records, none of them a key, that are one key when joined in some order. */
    joined: z.boolean().optional(),
    /** The wildcard (RFC 4592) that answers here because the name itself has no record, e.g. `*._domainkey.contoso.com`. */
    wildcard: z.string().optional(),
    /** The resolver validated the answer by DNSSEC (AD flag). */
    authenticated: z.boolean(),
    asked: z.array(askedQuestion),
  })
  .meta({ title: 'key record of the selector' });

export type AskedQuestion = z.infer<typeof askedQuestion>;
export type SelectorCname = z.infer<typeof selectorCname>;
export type SelectorKey = z.infer<typeof selectorKey>;
