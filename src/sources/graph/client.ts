import type { Middleware } from '@microsoft/microsoft-graph-client';
import { Unobtainable } from '../../domain/fact-set.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import type { PatientHttp } from '../../http/retry.ts';
import { type EndpointOverrides, endpointsOf } from '../cloud-endpoints.ts';
import { grantStep } from '../grants.ts';
import { claimsOf, type TenantIdentity } from '../identity.ts';
import { isObject } from '../supplied/powershell-json.ts';
import { permissionFor } from './permissions.ts';

/** Reads Microsoft Graph, app-only. Paths start with the version (`/v1.0/organization?$select=…`) and are of a closed list. */
export interface Graph {
  /**
   * Every row of every page.
   *
   * @throws Unobtainable: `denied` naming the permission; `malformed`, `refused`, `timeout`, `unreachable`
   */
  list(tenant: CloudTenant, path: string, signal: AbortSignal): Promise<readonly unknown[]>;
  /** The pages of a list, one after the other, so that a large one never stands in memory. @throws Unobtainable as `list` does */
  pages(tenant: CloudTenant, path: string, signal: AbortSignal): AsyncIterable<readonly unknown[]>;
  /**
   * How many rows a list has, and the first of them (`$top`): an advanced query (`$count=true` stands in the path), which may
   * lag some minutes behind (`ConsistencyLevel: eventual`). Undefined where Graph does not answer it.
   *
   * @throws Unobtainable as `list` does
   */
  counted(tenant: CloudTenant, path: string, signal: AbortSignal): Promise<Counted | undefined>;
  /** One object; undefined when there is none (404). @throws Unobtainable as `list` does */
  get(tenant: CloudTenant, path: string, signal: AbortSignal): Promise<unknown>;
}

export interface Counted {
  readonly count: number;
  readonly rows: readonly unknown[];
}

/**
 * Microsoft Graph by its own client, which builds addresses and reads errors. Sending is ours: tokens, pace, Retry-After,
 * limits and trusted roots are those of every cloud service. The client is loaded by the first request.
 */
export function createGraph(options: {
  readonly http: PatientHttp;
  readonly identity: TenantIdentity;
  readonly endpoints?: EndpointOverrides | undefined;
  /** For one tenant. Graph allows far more; a run has no hurry. */
  readonly requestsPerSecond?: number | undefined;
}): Graph {
  const { http, identity } = options;

  const transport = async (
    tenant: CloudTenant,
    base: URL,
    address: string,
    signal: AbortSignal,
    advanced: boolean,
  ): Promise<Response> => {
    const url = new URL(address);
    if (url.origin !== base.origin) {
      throw new Unobtainable('refused', `Microsoft Graph names more at ${url.host}, where its token does not go`);
    }
    const { status, headers, body } = await http.send({
      service: 'Microsoft Graph',
      pace: { key: `graph ${tenant.id}`, perSecond: options.requestsPerSecond ?? 10 },
      url,
      method: 'GET',
      headers: { accept: 'application/json', ...(advanced ? { consistencylevel: 'eventual' } : {}) },
      token: (rejected) => identity.token(tenant, 'graph', rejected),
      signal,
    });
    return new Response(status === 204 ? null : Buffer.from(body), { status, headers });
  };

  const ask = async (
    tenant: CloudTenant,
    address: string,
    permission: string,
    signal: AbortSignal,
    advanced = false,
  ): Promise<unknown> => {
    const { Client, GraphError } = await import('@microsoft/microsoft-graph-client');
    const base = new URL(endpointsOf(tenant.cloud, options.endpoints).graph);
    let notSent: unknown;
    const middleware: Middleware = {
      async execute(context) {
        const { request } = context;
        try {
          const url = typeof request === 'string' ? request : request.url;
          context.response = await transport(tenant, base, url, signal, advanced);
        } catch (error) {
          notSent = error;
          throw error;
        }
      },
    };
    try {
      return await Client.initWithMiddleware({ middleware }).api(address).get();
    } catch (error) {
      // The client wraps whatever is thrown on the way; ours says why in a sentence already.
      if (notSent !== undefined) throw notSent;
      if (!(error instanceof GraphError)) throw error;
      if (error.statusCode === 404) return undefined;
      // `Request_UnsupportedQuery`, and other words of other clouds for the same.
      if (advanced && error.statusCode === 400) return undefined;
      const token = await identity.token(tenant, 'graph');
      throw refused(
        { status: error.statusCode, code: error.code ?? '', text: error.message, path: new URL(address).pathname },
        permission,
        { tenant, clientId: identity.clientIdFor(tenant), token },
      );
    }
  };

  const addressOf = (tenant: CloudTenant, path: string) =>
    `${endpointsOf(tenant.cloud, options.endpoints).graph}${path}`;

  const rowsOf = (page: unknown, path: string): { page: Record<string, unknown>; rows: readonly unknown[] } => {
    const value = isObject(page) ? page.value : undefined;
    if (!isObject(page) || !Array.isArray(value)) {
      throw new Unobtainable('malformed', `what Microsoft Graph answered to ${path.split('?')[0]} is no list`);
    }
    return { page, rows: value };
  };

  async function* pages(tenant: CloudTenant, path: string, signal: AbortSignal): AsyncGenerator<readonly unknown[]> {
    const permission = permissionFor(path);
    const seen = new Set<string>();
    let next: string | undefined = addressOf(tenant, path);
    while (next !== undefined) {
      if (seen.has(next)) throw new Unobtainable('malformed', `Microsoft Graph sends the same page of ${path} again`);
      seen.add(next);
      const { page, rows } = rowsOf(await ask(tenant, next, permission, signal), path);
      yield rows;
      const link = page['@odata.nextLink'];
      next = typeof link === 'string' ? link : undefined;
    }
  }

  return {
    get: (tenant, path, signal) => ask(tenant, addressOf(tenant, path), permissionFor(path), signal),
    pages,
    async list(tenant, path, signal) {
      return (await Array.fromAsync(pages(tenant, path, signal))).flat();
    },
    async counted(tenant, path, signal) {
      const answer = await ask(tenant, addressOf(tenant, path), permissionFor(path), signal, true);
      if (answer === undefined) return undefined;
      const { page, rows } = rowsOf(answer, path);
      const count = page['@odata.count'];
      return typeof count === 'number' ? { count, rows } : undefined;
    },
  };
}

/** A 403 speaks of one permission, so it costs the facts behind that permission and no more. */
function refused(
  { status, code, text, path }: { status: number; code: string; text: string; path: string },
  permission: string,
  { tenant, clientId, token }: { tenant: CloudTenant; clientId: string; token: string },
): Unobtainable {
  const answered = `Microsoft Graph answered ${status} to ${path}`;
  const said = [code, text]
    .filter((part) => part !== '')
    .join(': ')
    .slice(0, 300);
  if (status !== 401 && status !== 403) {
    return new Unobtainable('unreachable', `${answered}${said === '' ? '' : ` (${said})`}`);
  }
  if (claimsOf(token).roles?.includes(permission) === true) {
    return new Unobtainable(
      'denied',
      `${answered}, although the application ${clientId} holds the permission ${permission} in tenant ${tenant.id}${said === '' ? '' : ` (${said})`}`,
    );
  }
  return new Unobtainable(
    'denied',
    `${answered}: the application ${clientId} lacks the permission ${permission} of Microsoft Graph in tenant ${tenant.id}. To grant it, as an administrator there run ${grantStep(clientId, permission)}`,
  );
}
