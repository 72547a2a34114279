import { z } from 'zod';
import { isoTime } from '../../domain/time.ts';

export const selectorNames = ['selector1', 'selector2'] as const;
export type SelectorName = (typeof selectorNames)[number];

const selectorConfiguration = z.object({
  /** Required CNAME target, as Exchange Online names it; for an initial domain the name of the TXT record itself. */
  cname: z.string().optional(),
  /** The whole TXT text. */
  publicKey: z.string().optional(),
  keySize: z.number().optional(),
});

/** A time as a text export writes it, in the manner of a country and without a zone: all its readings lie in between. */
const timeReadings = z.object({
  /** As it stands there. */
  text: z.string(),
  /** ISO 8601, UTC. */
  earliest: isoTime,
  latest: isoTime,
});
export type TimeReadings = z.infer<typeof timeReadings>;

/** One row of `Get-DkimSigningConfig` without directory noise. */
export const signingConfigurationRow = z.object({
  domain: z.string(),
  enabled: z.boolean().optional(),
  isDefault: z.boolean().optional(),
  /** `Valid`, `CnameMissing`, `NoDKIMKeys` or a value nobody has published yet. A cached verdict of Exchange Online. */
  status: z.string().optional(),
  /** ISO 8601, UTC. */
  keyCreationTime: isoTime.optional(),
  /** In place of it from a text export. */
  keyCreationReadings: timeReadings.optional(),
  lastChecked: z.string().optional(),
  rotateOnDate: isoTime.optional(),
  /** In place of it from a text export. */
  rotateOnReadings: timeReadings.optional(),
  selectorBeforeRotateOnDate: z.enum(selectorNames).optional(),
  selectorAfterRotateOnDate: z.enum(selectorNames).optional(),
  selectors: z.object({ selector1: selectorConfiguration, selector2: selectorConfiguration }),
  /** A sentence on how it was read, for people: that the domain stands there twice. */
  note: z.string().optional(),
});

/** A domain without a row is a state of its own, not an error: Exchange Online then signs nothing for it. */
export const signingConfiguration = z
  .discriminatedUnion('state', [
    z.object({ state: z.literal('configured'), row: signingConfigurationRow }),
    z.object({ state: z.literal('no-row') }),
  ])
  .meta({ title: 'DKIM signing configuration' });

export type SigningConfigurationRow = z.infer<typeof signingConfigurationRow>;
export type SigningConfiguration = z.infer<typeof signingConfiguration>;

export type SelectorRole = 'active' | 'next' | 'passive';

/**
 * Which selector signs now, and whether the other one is to sign soon.
 *
 * `now < RotateOnDate ? SelectorBeforeRotateOnDate : SelectorAfterRotateOnDate`, compared as instants, so no time zone
 * takes part (Microsoft: "How to use DKIM for email in your custom domain").
 *
 * @returns undefined when the row does not say (no keys, a row without the rotation fields, or `now` between the readings
 *   of its RotateOnDate)
 */
export function selectorRoles(row: SigningConfigurationRow, now: Date): SelectorRoles | undefined {
  if (last?.row !== row || last.now !== now) last = { row, now, roles: readRoles(row, now) };
  return last.roles;
}

type SelectorRoles = Readonly<Record<SelectorName, SelectorRole>>;

/** The rules on a domain ask for its roles one after the other. */
let last:
  | { readonly row: SigningConfigurationRow; readonly now: Date; readonly roles: SelectorRoles | undefined }
  | undefined;

function readRoles(row: SigningConfigurationRow, now: Date): SelectorRoles | undefined {
  const { selectorBeforeRotateOnDate: before, selectorAfterRotateOnDate: after } = row;
  const pending = rotationPending(row, now);
  if (pending === undefined || before === undefined || after === undefined) return undefined;
  const active = pending ? before : after;
  const other: SelectorRole = pending && after !== before ? 'next' : 'passive';
  return active === 'selector1' ? { selector1: 'active', selector2: other } : { selector1: other, selector2: 'active' };
}

function rotationPending({ rotateOnDate, rotateOnReadings }: SigningConfigurationRow, now: Date): boolean | undefined {
  const earliest = Date.parse(rotateOnDate ?? rotateOnReadings?.earliest ?? '');
  const latest = rotateOnDate === undefined ? Date.parse(rotateOnReadings?.latest ?? '') : earliest;
  if (now.getTime() < earliest) return true;
  return now.getTime() >= latest ? false : undefined;
}
