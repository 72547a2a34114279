import { randomUUID } from 'node:crypto';
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
  /** There may be rows that it did not send. */
  readonly truncated: boolean;
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
      const answer = await http.send({
        service: 'Exchange Online',
        pace: { key: `exchange-online ${tenant.id}`, perSecond: options.requestsPerSecond ?? 1 },
        url: new URL(`${exchangeOnline}/adminapi/beta/${tenant.id}/InvokeCommand`),
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
        signal,
      });
      if (answer.status !== 200) {
        const token = await identity.token(tenant, 'exchangeOnline');
        const whose = { tenant, clientId: identity.clientIdFor(tenant), token };
        throw diagnose(cmdlet, readRefusal(answer.status, answer.body), whose);
      }
      return readAnswer(cmdlet, answer);
    },
  };
}

/** The sentence about an answer that was cut short. */
export function onlyPart(cmdlet: string, { rows }: CmdletAnswer): string {
  return `Exchange Online sent only part of ${cmdlet} (${rows.length} row${rows.length === 1 ? '' : 's'})`;
}

/** Warnings of a list that was cut short. */
const cutShort = /more results (are )?available|increase the value for the ResultSize/i;

function readAnswer(cmdlet: string, { body }: HttpAnswer): CmdletAnswer {
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
  return {
    rows: rows.map(plainRow),
    warnings,
    // A page's link has never been seen to work ("Expired or Invalid pagination request"), so it only tells that there is more.
    truncated: envelope['@odata.nextLink'] !== undefined || warnings.some((warning) => cutShort.test(warning)),
    at: new Date().toISOString(),
  };
}
