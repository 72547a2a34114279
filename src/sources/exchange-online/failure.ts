import { Unobtainable } from '../../domain/fact-set.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import { grantStep } from '../grants.ts';
import { claimsOf } from '../identity.ts';
import { isObject } from '../supplied/powershell-json.ts';
import { roleFor } from './cmdlets.ts';

/** What Exchange Online says when it does not do as it was asked. */
export interface Refusal {
  readonly status: number;
  /** The exception's type, e.g. `Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException`. */
  readonly type: string | undefined;
  readonly text: string;
}

/** Exchange Online answered a cmdlet with an error of the cmdlet, e.g. that there is no such object. */
export class CmdletFailed extends Unobtainable {
  readonly type: string | undefined;
  constructor(cmdlet: string, { status, type, text }: Refusal) {
    super('unreachable', `Exchange Online answered ${status} to ${cmdlet}: ${text}`);
    this.name = 'CmdletFailed';
    this.type = type;
  }
  /** The object that was asked for does not exist. */
  get notFound(): boolean {
    return this.type?.endsWith('ManagementObjectNotFoundException') === true;
  }
}

const longestText = 300;

/**
 * Reads the body of an error. `error.message` is the same for every fault ("Error executing cmdlet", "Invalid
 * Operation"), so it comes last: first what was thrown inside, then the first detail. Casing differs between servers. A
 * body may be no JSON at all: 403 has been seen with zero bytes only.
 *
 * A text of a cmdlet reads `id|Type|text`, e.g. `Ex6F9304|Microsoft.Exchange.…ManagementObjectNotFoundException|The
 * operation couldn't be performed …` (Microsoft365DSC issue 2998); the id may be missing, its bar stays (issue 4078
 * there). The module ExchangeOnlineManagement splits at the first two bars, too.
 */
export function readRefusal(status: number, body: Uint8Array): Refusal {
  const { texts, thrown } = partsOf(body);
  const said = texts.map(saidBy);
  const type = said.find((one) => one.type !== undefined)?.type ?? thrown;
  const [first] = said;
  if (first === undefined) return { status, type, text: 'it gave no reason' };
  const plain = first.text.replace(/\p{Cc}+/gu, ' ').trim();
  return { status, type, text: plain.length > longestText ? `${plain.slice(0, longestText)}…` : plain };
}

/** The three parts of `id|Type|text`; a text without them is all text. */
function saidBy(text: string): { readonly type?: string | undefined; readonly text: string } {
  const parts = /^\s*\w*\|([\w.+]+)\|(.*)$/s.exec(text);
  return parts === null ? { text } : { type: parts[1], text: parts[2] ?? '' };
}

/** What may hold the reason, the foremost first, and the type of what was thrown inside where the server tells it. */
function partsOf(body: Uint8Array): { readonly texts: readonly string[]; readonly thrown?: string | undefined } {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return { texts: [] };
  }
  const error = property(value, 'error');
  const details = property(error, 'details');
  const inner = property(error, 'innererror');
  const internal = property(inner, 'internalexception');
  const thrown = property(internal, 'type');
  return {
    texts: [
      property(internal, 'message'),
      property(Array.isArray(details) ? details[0] : undefined, 'message'),
      property(inner, 'message'),
      property(error, 'message'),
    ].filter((text): text is string => typeof text === 'string' && text.trim() !== ''),
    ...(typeof thrown === 'string' ? { thrown } : {}),
  };
}

/** A property by its name in any casing. */
function property(value: unknown, name: string): unknown {
  if (!isObject(value)) return undefined;
  return Object.entries(value).find(([key]) => key.toLowerCase() === name)?.[1];
}

const manageAsApp = 'Exchange.ManageAsApp';

/** Types of exceptions for a tenant that Exchange Online does not have. */
const noSuchTenant = /CannotResolve(TenantName|ExternalDirectoryOrganizationId)Exception|OrgContainerNotFoundException/;

/** What Exchange Online says of an application without a directory role, in the casings and years it was seen in. */
const noDirectoryRole =
  /isn't supported in this scenario|isn't assigned to any management roles|is not allowed to call/i;

/**
 * Why Exchange Online refuses, as what to do about it. It takes two grants: the application permission that admits the
 * app (without it 401) and a directory role that says what the app may read (without it 403, on some servers 401). The
 * token tells whether it holds the first, so that the right one is named.
 *
 * @param evaluations for whose grants the access script is to be run
 */
export function diagnose(
  cmdlet: string,
  refusal: Refusal,
  { tenant, clientId, token }: { readonly tenant: CloudTenant; readonly clientId: string; readonly token: string },
): Unobtainable {
  const { status, type, text } = refusal;
  if (noSuchTenant.test(type ?? '') || noSuchTenant.test(text)) {
    return new Unobtainable(
      'denied',
      `tenant ${tenant.id} has no Exchange Online: Exchange Online answered ${status} to ${cmdlet} (${text}). Subscribe, or take the tenant's mail evaluations out of the organization's document`,
    );
  }
  const role = roleFor(cmdlet);
  const step = `as an administrator of tenant ${tenant.id} run ${grantStep(clientId, role)}`;
  if (
    type?.endsWith('CommandNotFoundException') === true ||
    /is not recognized as (a|the) name of a cmdlet/i.test(text)
  ) {
    return new Unobtainable(
      'denied',
      `the directory role of the application ${clientId} does not reach ${cmdlet}: ${step}, which assigns ${role}`,
    );
  }
  if (status !== 401 && status !== 403) return new CmdletFailed(cmdlet, refusal);
  const { readable, roles = [] } = claimsOf(token);
  const admitted = roles.includes(manageAsApp);
  const answered = `Exchange Online answered ${status} to ${cmdlet}`;
  if (readable && !admitted) {
    return new Unobtainable(
      'denied',
      `${answered}: the application ${clientId} lacks the application permission ${manageAsApp} (Office 365 Exchange Online, with admin consent). To grant it, ${step}`,
    );
  }
  if (admitted || status === 403 || noDirectoryRole.test(text)) {
    return new Unobtainable(
      'denied',
      `${answered}: the application ${clientId} is admitted but has no directory role that lets it read. To assign ${role}, ${step}; it takes up to an hour to reach Exchange Online`,
    );
  }
  return new Unobtainable(
    'denied',
    `${answered}: the application ${clientId} lacks the application permission ${manageAsApp} or a directory role. To grant both, ${step}`,
  );
}
