import { InvalidDocument, type OrganizationDocument, parseDocument } from '../../domain/organization.ts';
import { readSchedule, scheduleForm } from '../../domain/schedule.ts';
import type { Registry } from '../../evaluations/registry.ts';

/** What documents may say: of which evaluations, and of channels besides `secret:NAME`. */
export interface DocumentPolicy {
  readonly evaluations: Registry;
  /** Addresses written out are accepted (the local host only). */
  readonly localChannels: boolean;
}

/**
 * Validates a document as a whole: its shape, its schedules, its rule names, and that no secret is written into it.
 *
 * @throws InvalidDocument naming the path of every fault
 */
export function checkOrganization(value: unknown, policy: DocumentPolicy): OrganizationDocument {
  return parseDocument('organization document', documentUnder(policy), value);
}

/** The schema of the document with what only the App knows of it, so that every fault is told at once. */
function documentUnder({ evaluations, localChannels }: DocumentPolicy) {
  return evaluations.document.superRefine((document, context) => {
    const told = new Set(context.issues.map(({ path }) => path?.join('.')));
    const refuse = (message: string | undefined, ...path: string[]) => {
      if (message !== undefined && !told.has(path.join('.'))) context.addIssue({ code: 'custom', path, message });
    };
    for (const [evaluation, settings] of Object.entries(document.evaluations)) {
      if (settings !== undefined && readSchedule(settings.schedule) === undefined)
        refuse(`is no schedule, or never comes due; write ${scheduleForm}`, 'evaluations', evaluation, 'schedule');
    }
    for (const [name, { kind, url, signWith }] of Object.entries(document.channels)) {
      // Without the address of a server a mail goes through Microsoft Graph.
      if (kind !== 'console' && kind !== 'email' && url === undefined)
        refuse('is missing; write secret:NAME, NAME being the setting that holds the address', 'channels', name, 'url');
      refuse(settingFault(document.id, url), 'channels', name, 'url');
      refuse(settingFault(document.id, signWith), 'channels', name, 'signWith');
      if (url !== undefined && !url.startsWith('secret:') && !localChannels)
        refuse(
          'an address is a secret and is not stored; put it into a setting and write secret:NAME here',
          'channels',
          name,
          'url',
        );
    }
  });
}

/**
 * Why a document may not name a setting: only those that are meant for channels, and of those with the name of an
 * organization (`CHANNEL_CONTOSO__MAIL_TEAM`) only its own.
 */
function settingFault(organization: string, named: string | undefined): string | undefined {
  const setting = named?.startsWith('secret:') === true ? named.slice('secret:'.length) : undefined;
  if (setting === undefined) return undefined;
  if (!/^CHANNEL_.|._WEBHOOK$/.test(setting) || /^(FIELDCHECK|AZURE|WEBSITE)_/i.test(setting))
    return `names the setting ${setting}, which is none of a channel; those begin with CHANNEL_ or end in _WEBHOOK`;
  const owner = /^CHANNEL_(.+?)__/.exec(setting)?.[1]?.toUpperCase();
  const own = organization.replaceAll('-', '_').toUpperCase();
  if (owner === undefined || owner === own) return undefined;
  return `names the setting ${setting}, which is another organization's; those of ${organization} begin with CHANNEL_${own}__`;
}

/** One document or a list of them, as a file holds them. @throws InvalidDocument */
export function parseOrganizations(evaluations: Registry, value: unknown): readonly OrganizationDocument[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((one) => checkOrganization(one, { evaluations, localChannels: true }));
}

/** Stands in for an address written out, wherever a document is shown. */
const hiddenAddress = 'https://(address not shown)';
const hiddenServer = 'smtp://(address not shown)';

function hide(url: string): string {
  return /^smtps?:/.test(url) ? hiddenServer : hiddenAddress;
}

/** What of a document may be shown: an address written out is not, only that there is one. */
export function shownOrganization(document: OrganizationDocument): OrganizationDocument {
  return withAddresses(document, (_, url) => (url.startsWith('secret:') ? url : hide(url)));
}

/** What a document would look like when read back. @throws InvalidDocument when it would be refused */
export function previewOrganization(policy: DocumentPolicy, value: unknown): OrganizationDocument {
  return shownOrganization(checkOrganization(value, policy));
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
    if (url !== hiddenAddress && url !== hiddenServer) return url;
    const kept = stored?.channels[name]?.url;
    if (kept !== undefined) return kept;
    throw new InvalidDocument('organization document', [
      `channels.${name}.url: "${url}" stands for an address that is stored, and none is; write the address or secret:NAME`,
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
