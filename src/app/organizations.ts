import { Cron } from 'croner';
import {
  describeIssue,
  InvalidDocument,
  type OrganizationDocument,
  organizationDocument,
  parseDocument,
} from '../domain/organization.ts';
import { type SmtpService, smtpServiceDeclaration } from '../domain/subject.ts';
import { evaluations } from '../evaluations/index.ts';
import type { Watch } from '../store/store.ts';

/**
 * Organizations looked after side by side: a tenant takes seconds to list its domains, a channel that hangs takes 20, and
 * there are hundreds.
 */
export const organizationsAtOnce = 8;

/** The evaluations that a document declares, in the order of the product's list. */
export function watchesOf({ id, evaluations: declared }: OrganizationDocument): readonly Watch[] {
  return evaluations
    .filter((evaluation) => declared[evaluation.id] !== undefined)
    .map((evaluation) => ({ organization: id, evaluation: evaluation.id }));
}

/** What channels may be called by, besides `secret:NAME`. */
export interface ChannelPolicy {
  /** Addresses written out are accepted (the local host only). */
  readonly localChannels: boolean;
}

/**
 * Validates a document as a whole: its shape, its schedules, its rule names, and that no secret is written into it.
 *
 * @throws InvalidDocument naming the path of every fault
 */
export function checkOrganization(value: unknown, policy: ChannelPolicy): OrganizationDocument {
  const result = organizationDocument.safeParse(value);
  if (!result.success) throw new InvalidDocument('organization document', result.error.issues.map(describeIssue));
  const document = result.data;
  const faults: string[] = [];
  for (const evaluation of evaluations) {
    const settings = document.evaluations[evaluation.id];
    if (settings === undefined) continue;
    const fault = scheduleFault(settings.schedule);
    if (fault !== undefined) faults.push(`evaluations.${evaluation.id}.schedule: ${fault}`);
    for (const id of Object.keys(settings.rules)) {
      if (!evaluation.rules.some((rule) => rule.id === id)) {
        faults.push(
          `evaluations.${evaluation.id}.rules.${id}: is no rule; the rules are ${evaluation.rules.map((rule) => rule.id).join(', ')}`,
        );
      }
    }
  }
  for (const [name, { kind, url }] of Object.entries(document.channels)) {
    if (kind !== 'console' && url === undefined)
      faults.push(`channels.${name}.url: is missing; write secret:NAME, NAME being the setting that holds the address`);
    if (url !== undefined && !url.startsWith('secret:') && !policy.localChannels) {
      faults.push(
        `channels.${name}.url: an address is a secret and is not stored; put it into a setting and write secret:NAME here`,
      );
    }
  }
  if (faults.length > 0) throw new InvalidDocument('organization document', faults);
  return document;
}

/** One document or a list of them, as a file holds them. @throws InvalidDocument */
export function parseOrganizations(value: unknown): readonly OrganizationDocument[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((one) => checkOrganization(one, { localChannels: true }));
}

/** One entry of `services` alone, as `--service` takes it. @throws InvalidDocument naming file and path */
export function parseService(value: unknown, file: string): SmtpService {
  return { kind: 'smtp-service', ...parseDocument(file, smtpServiceDeclaration, value) };
}

function scheduleFault(schedule: string): string | undefined {
  try {
    new Cron(schedule, { timezone: 'UTC', paused: true });
    return undefined;
  } catch (error) {
    return `is no schedule (${error instanceof Error ? error.message : String(error)}); write e.g. "0 0 6 * * *"`;
  }
}

/** The newest time at or before `now` at which the schedule was due; undefined when it never was. */
export function lastSlot(schedule: string, now: Date): Date | undefined {
  const cron = new Cron(schedule, { timezone: 'UTC', paused: true });
  // The slot of this very second counts, so it is looked for from the next one on.
  const [slot] = cron.previousRuns(1, new Date(Math.floor(now.getTime() / 1_000) * 1_000 + 1_000));
  return slot;
}

/** Stands in for an address written out, wherever a document is shown. */
const hiddenAddress = 'https://(address not shown)';

/** What of a document may be shown: an address written out is not, only that there is one. */
export function shownOrganization(document: OrganizationDocument): OrganizationDocument {
  return withAddresses(document, (_, url) => (url.startsWith('secret:') ? url : hiddenAddress));
}

/**
 * A document that was read, changed and written back holds the stand-in where an address stood: the stored one stays.
 *
 * @throws InvalidDocument when there is none
 */
export function withStoredAddresses(
  document: OrganizationDocument,
  stored: OrganizationDocument | undefined,
): OrganizationDocument {
  return withAddresses(document, (name, url) => {
    if (url !== hiddenAddress) return url;
    const kept = stored?.channels[name]?.url;
    if (kept !== undefined) return kept;
    throw new InvalidDocument('organization document', [
      `channels.${name}.url: "${hiddenAddress}" stands for an address that is stored, and none is; write the address or secret:NAME`,
    ]);
  });
}

function withAddresses(
  document: OrganizationDocument,
  address: (channel: string, url: string) => string,
): OrganizationDocument {
  const channels = Object.entries(document.channels).map(([name, channel]) => [
    name,
    channel.url === undefined ? channel : { ...channel, url: address(name, channel.url) },
  ]);
  return { ...document, channels: Object.fromEntries(channels) };
}
