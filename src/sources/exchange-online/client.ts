import { randomUUID } from 'node:crypto';
import { cloudFacts } from '../../domain/cloud.ts';
import { Unobtainable } from '../../domain/fact-set.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import type { HttpAnswer } from '../../http/client.ts';
import type { PatientHttp } from '../../http/retry.ts';
import { type EndpointOverrides, endpointsOf } from '../cloud-endpoints.ts';
import type { TenantIdentity } from '../identity.ts';
import { isObject, plainRow } from '../supplied/powershell-json.ts';
import { type CmdletParameters, parametersOf } from './cmdlets.ts';
import { diagnose, readRefusal } from './failure.ts';

export interface CmdletAnswer {
  /** Without `…@data.type` side keys, dates as ISO text. */
  readonly rows: readonly Record<string, unknown>[];
  /** What Exchange Online warned of, as it says it. */
  readonly warnings: readonly string[];
  /** Why there may be rows that it did not send; undefined when the rows are all there are. */
  readonly cutShort: string | undefined;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export interface ExchangeOnline {
  /**
   * Asks one cmdlet of the closed list (cmdlets.ts), app-only.
   *
   * @throws TypeError for a cmdlet that is not in the list: nothing is sent
   * @throws Unobtainable: `denied` with the step that mends it; CmdletFailed for an error of the cmdlet; `malformed`,
   *   `timeout`, `unreachable`
   */
  invoke(tenant: CloudTenant, cmdlet: string, added: CmdletParameters, signal: AbortSignal): Promise<CmdletAnswer>;
}

const pageSize = 1000;

/** Of 1,000 rows each; no list that we ask for is longer. */
const mostPages = 100;

/** The system mailbox that app-only requests are routed by; it has this name in every tenant. */
const anchor = 'SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}';

/**
 * Exchange Online by the admin REST endpoint that the ExchangeOnlineManagement module uses
 * (`adminapi/beta/{tenant}/InvokeCommand`). Microsoft does not document it; a change of its shape shows as `malformed`.
 */
export function createExchangeOnline(options: {
  readonly http: PatientHttp;
  readonly identity: TenantIdentity;
  readonly endpoints?: EndpointOverrides | undefined;
  /** For one tenant. Microsoft publishes no limit; one a second has been seen to pass. */
  readonly requestsPerSecond?: number | undefined;
}): ExchangeOnline {
  const { http, identity } = options;
  return {
    async invoke(tenant, cmdlet, added, signal) {
      const parameters = parametersOf(cmdlet, added);
      const { exchangeOnline } = endpointsOf(tenant.cloud, options.endpoints);
      const first = new URL(`${exchangeOnline}/adminapi/beta/${tenant.id}/InvokeCommand`);
      // Where the operator has named an endpoint, nothing is sent elsewhere.
      const hosts =
        options.endpoints?.exchangeOnline === undefined ? cloudFacts[tenant.cloud].exchangeHosts : undefined;
      const isOwnHost = (host: string) => host === first.host || (hosts !== undefined && host.endsWith(hosts));
      const ask = (url: URL) =>
        http.send({
          service: 'Exchange Online',
          pace: { key: `exchange-online ${tenant.id}`, perSecond: options.requestsPerSecond ?? 1 },
          url,
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            prefer: `odata.maxpagesize=${pageSize}`,
            'x-anchormailbox': `APP:${anchor}@${tenant.id}`,
            'x-responseformat': 'json',
            'client-request-id': randomUUID(),
          },
          token: (rejected) => identity.token(tenant, 'exchangeOnline', rejected),
          body: JSON.stringify({ CmdletInput: { CmdletName: cmdlet, Parameters: parameters } }),
          ownHosts: isOwnHost,
          signal,
        });

      const answer = await ask(first);
      if (answer.status !== 200) {
        const token = await identity.token(tenant, 'exchangeOnline');
        const whose = { tenant, clientId: identity.clientIdFor(tenant), token };
        throw diagnose(cmdlet, readRefusal(answer.status, answer.body), whose);
      }
      const pages = [readPage(cmdlet, answer)];
      let gap: string | undefined;
      // The same request is sent to the link of the next page, as the module does.
      for (let next = pages[0]?.next; next !== undefined && gap === undefined; ) {
        const page = await nextPage(cmdlet, next, pages.length + 1, isOwnHost, ask);
        if (typeof page === 'string') gap = page;
        else pages.push(page);
        next = pages.at(-1)?.next;
        if (pages.length === mostPages && next !== undefined) gap = `after page ${mostPages} there are still more`;
      }
      const warnings = pages.flatMap((page) => page.warnings);
      gap ??= warnings.find((warning) => cutShort.test(warning));
      return { rows: pages.flatMap(({ rows }) => rows), warnings, cutShort: gap, at: new Date().toISOString() };
    },
  };
}

interface RowsPage {
  readonly rows: readonly Record<string, unknown>[];
  readonly warnings: readonly string[];
  readonly next: URL | undefined;
}

/** @returns the page, or why there is none: the rows before it are worth keeping */
async function nextPage(
  cmdlet: string,
  next: URL,
  number: number,
  isOwnHost: (host: string) => boolean,
  ask: (url: URL) => Promise<HttpAnswer>,
): Promise<RowsPage | string> {
  if (next.protocol !== 'https:' || !isOwnHost(next.host)) return `page ${number} is said to be at another host`;
  try {
    const answer = await ask(next);
    if (answer.status === 200) return readPage(cmdlet, answer);
    return `page ${number} was answered with ${answer.status}: ${readRefusal(answer.status, answer.body).text}`;
  } catch (error) {
    if (error instanceof Unobtainable) return `page ${number}: ${error.message}`;
    throw error;
  }
}

/** The sentence about an answer that was cut short. */
export function onlyPart(cmdlet: string, { rows, cutShort: why = '' }: CmdletAnswer): string {
  return `Exchange Online sent only part of ${cmdlet} (${rows.length} row${rows.length === 1 ? '' : 's'}: ${why.replace(/\.$/, '')})`;
}

/** Warnings of a list that was cut short. */
const cutShort = /more results (are )?available|increase the value for the ResultSize/i;

function readPage(cmdlet: string, { body }: HttpAnswer): RowsPage {
  let envelope: unknown;
  try {
    envelope = JSON.parse(new TextDecoder().decode(body));
  } catch {
    throw new Unobtainable('malformed', `what Exchange Online answered to ${cmdlet} is no JSON`);
  }
  const rows = isObject(envelope) ? envelope.value : undefined;
  if (!isObject(envelope) || !Array.isArray(rows) || !rows.every(isObject)) {
    throw new Unobtainable('malformed', `what Exchange Online answered to ${cmdlet} is no list of rows`);
  }
  const listed = envelope['@adminapi.warnings'];
  const warnings = (Array.isArray(listed) ? listed : []).filter((one): one is string => typeof one === 'string');
  const link = envelope['@odata.nextLink'];
  if (link !== undefined && (typeof link !== 'string' || !URL.canParse(link)))
    throw new Unobtainable('malformed', `the link to the next page of ${cmdlet} is no address`);
  return { rows: rows.map(plainRow), warnings, next: link === undefined ? undefined : new URL(link) };
}
