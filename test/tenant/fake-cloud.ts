import { createPublicKey, randomUUID, verify, X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { type Loopback, selfSigned, startLoopback } from '../notifiers/loopback.ts';
import type { FakeTenant, Row } from './fake-tenant.ts';

/** An answer put in place of the server's own, once. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON for an object. */
  readonly body?: string | Buffer | object;
}

/** One of the three servers. */
export interface FakeService {
  /** What came, oldest first. */
  readonly arrived: Loopback['arrived'];
  /** The next requests get these answers. */
  reply(...replies: readonly Reply[]): void;
}

/** Login, Exchange Online and Graph over HTTPS on loopback, for as many tenants as are put in. */
export interface FakeCloud {
  readonly tenants: Map<string, FakeTenant>;
  /** The application that the login server knows. */
  readonly application: { readonly clientId: string; readonly secret: string };
  /** PEM of the certificate that the login server accepts for the application, when one is set. */
  certificate: string | undefined;
  /** The token of a managed identity that the login server takes for the application's word, when one is set. */
  voucher: string | undefined;
  readonly login: FakeService;
  readonly exchangeOnline: FakeService;
  readonly graph: FakeService;
  /** For `EndpointOverrides`. */
  readonly endpoints: { readonly login: string; readonly exchangeOnline: string; readonly graph: string };
  /** PEM of the root to trust. */
  readonly ca: string;
  /** Key and certificate of the servers, for another one beside them. */
  readonly tls: { readonly key: string; readonly cert: string };
  /** Rows in a page of a Graph list, as long as `$top` asks for no fewer. */
  pageSize: number;
  /** Does Graph support the filters of advanced queries? */
  countsUsers: boolean;
  /** From now on no token that was issued is good any more. */
  expireTokens(): void;
  close(): Promise<void>;
}

interface Arrived {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Issued {
  readonly tenant: FakeTenant;
  readonly audience: string;
  readonly permissions: readonly string[];
}

/** Rows of one answer of Exchange Online. */
const rowsOfExchangeOnline = 1000;

const clientId = '99999999-8888-7777-6666-555555555555';
const secret = 'a-secret-of-the-fake-cloud';

let made: FakeCloud['tls'] | undefined;
/** One for a process: who trusts it reads all public roots beside it. */
function ownTls(): FakeCloud['tls'] {
  made ??= selfSigned('localhost');
  return made;
}

/** Starts the three servers. They check what they are sent as the real ones do, and speak their wire shapes. */
export async function startFakeCloud(): Promise<FakeCloud> {
  const tls = ownTls();
  const tenants = new Map<string, FakeTenant>();
  const tokens = new Map<string, Issued>();
  const services: Loopback[] = [];

  const start = async (
    answer: (request: Arrived, base: string) => Reply,
    { compresses = false } = {},
  ): Promise<FakeService & { port: number }> => {
    const scripted: Reply[] = [];
    const server = await startLoopback((_, response) => {
      const request = server.arrived.at(-1);
      if (request === undefined) return;
      const base = `https://localhost:${server.port}`;
      const arrived = { ...request, url: new URL(request.target, base) };
      send(response, scripted.shift() ?? answer(arrived, base), compresses);
    }, tls);
    services.push(server);
    return { port: server.port, arrived: server.arrived, reply: (...replies) => scripted.push(...replies) };
  };

  const login = await start((request, base) => {
    const [, tenantId = '', ...rest] = request.url.pathname.split('/');
    const tenant = tenants.get(tenantId);
    if (tenant === undefined) {
      return refusal(
        400,
        'invalid_tenant',
        90002,
        `Tenant '${tenantId}' not found. Check to make sure you have it right.`,
      );
    }
    if (rest.join('/').endsWith('.well-known/openid-configuration')) {
      return {
        status: 200,
        body: {
          token_endpoint: `${base}/${tenantId}/oauth2/v2.0/token`,
          authorization_endpoint: `${base}/${tenantId}/oauth2/v2.0/authorize`,
          end_session_endpoint: `${base}/${tenantId}/oauth2/v2.0/logout`,
          issuer: `${base}/${tenantId}/v2.0`,
          jwks_uri: `${base}/${tenantId}/discovery/v2.0/keys`,
          tenant_region_scope: 'EU',
        },
      };
    }
    return issue(tenant, new URLSearchParams(request.body));
  });

  const issue = (tenant: FakeTenant, form: URLSearchParams): Reply => {
    if (form.get('grant_type') !== 'client_credentials') return refusal(400, 'unsupported_grant_type', 70003, 'no');
    if (form.get('client_id') !== clientId) {
      return refusal(
        400,
        'unauthorized_client',
        700016,
        `Application '${form.get('client_id')}' was not found in the directory.`,
      );
    }
    const assertion = form.get('client_assertion');
    if (assertion !== null && assertion !== cloud.voucher && !isSigned(assertion, cloud.certificate)) {
      return refusal(
        401,
        'invalid_client',
        700027,
        'The certificate with identifier used to sign the client assertion is not registered.',
      );
    }
    if (assertion === null && form.get('client_secret') !== secret) {
      return refusal(401, 'invalid_client', 7000215, 'Invalid client secret provided.');
    }
    const audience = (form.get('scope') ?? '').replace(/\/\.default$/, '');
    const forExchange = audience.startsWith('https://outlook');
    if (forExchange && !tenant.exchangeOnline) {
      return refusal(
        400,
        'invalid_resource',
        500014,
        `The service principal for resource '${audience}' is disabled. This indicate that a subscription within the tenant has lapsed.`,
      );
    }
    const permissions = tenant.permissions.filter((name) => name.startsWith('Exchange.') === forExchange);
    const claims = { aud: audience, tid: tenant.id, appid: clientId, roles: permissions, uti: randomUUID() };
    const token = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const text = `${token.join('.')}.`;
    tokens.set(text, { tenant, audience, permissions });
    return { status: 200, body: { token_type: 'Bearer', expires_in: 3599, access_token: text } };
  };

  const holder = (request: Arrived, audience: RegExp): Issued | undefined => {
    const issued = tokens.get(String(request.headers.authorization).replace(/^Bearer /, ''));
    return issued !== undefined && audience.test(issued.audience) ? issued : undefined;
  };

  const answerOfExchangeOnline = (request: Arrived, base: string): Reply => {
    const path = /^\/adminapi\/beta\/([0-9a-f-]{36})\/InvokeCommand$/.exec(request.url.pathname);
    if (request.method !== 'POST' || path?.[1] === undefined) return { status: 404 };
    const held = holder(request, /^https:\/\/outlook/);
    if (held === undefined || held.tenant.id !== path[1]) return { status: 401 };
    if (!held.permissions.includes('Exchange.ManageAsApp')) return { status: 401 };
    // As recorded: the body has the length of an error, and only zero bytes in it.
    if (!held.tenant.directoryRole) return { status: 403, body: Buffer.alloc(312) };
    const { headers } = request;
    const anchor = `APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@${held.tenant.id}`;
    if (headers['x-anchormailbox'] !== anchor) return invalid(400, 'WrongAnchorException', 'no anchor mailbox');
    if (headers.prefer !== 'odata.maxpagesize=1000') return invalid(400, 'BadRequestException', 'no page size');
    if (headers['content-type'] !== 'application/json') return { status: 415 };
    const { CmdletInput: input } = JSON.parse(request.body) as { CmdletInput: { CmdletName: string; Parameters: Row } };
    const rows = held.tenant.cmdlets[input.CmdletName];
    if (rows === undefined) {
      return invalid(
        400,
        'System.Management.Automation.CommandNotFoundException',
        `The term '${input.CmdletName}' is not recognized as a name of a cmdlet, function, script file, or executable program.`,
      );
    }
    const found = typeof rows === 'function' ? rows(input.Parameters) : rows;
    if (found.length === 0 && 'Identity' in input.Parameters) {
      return invalid(
        404,
        'Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException',
        `The operation couldn't be performed because object '${String(input.Parameters.Identity)}' couldn't be found.`,
      );
    }
    const from = Number(request.url.searchParams.get('$skiptoken') ?? 0);
    const next = `${base}${request.url.pathname}?$skiptoken=${from + rowsOfExchangeOnline}`;
    return {
      status: 200,
      body: {
        '@odata.context': 'https://outlook.office365.com/adminapi/beta/$metadata',
        value: found.slice(from, from + rowsOfExchangeOnline),
        ...(from + rowsOfExchangeOnline < found.length ? { '@odata.nextLink': next } : {}),
      },
    };
  };
  // It compresses unasked, and its pages hold what `odata.maxpagesize` says; the link of the next one is followed with the
  // same POST, as the module and public clients do (ScubaGear, CIPP).
  const exchangeOnline = await start(answerOfExchangeOnline, { compresses: true });

  const graph = await start((request, base) => {
    const held = holder(request, /graph/);
    if (held === undefined)
      return graphError(401, 'InvalidAuthenticationToken', 'Access token has expired or is not yet valid.');
    const path = decodeURIComponent(request.url.pathname);
    const sender = /^\/v1\.0\/users\/([^/]+)\/sendMail$/.exec(path)?.[1];
    if (sender !== undefined && request.method === 'POST') return sendMail(held, sender, request);
    const needed = permissionsOfGraph.find(([start]) => start.test(path))?.[1];
    if (needed !== undefined && !held.permissions.includes(needed)) {
      return graphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
    }
    const found = held.tenant.graph[path] ?? held.tenant.graph[`${path}${decodeURIComponent(request.url.search)}`];
    if (found === undefined) return graphError(404, 'Request_ResourceNotFound', `Resource '${path}' does not exist.`);
    if (!Array.isArray(found)) return { status: 200, body: found };
    const filter = request.url.searchParams.get('$filter') ?? '';
    const counts = request.url.searchParams.get('$count') === 'true';
    const advanced = counts && request.headers.consistencylevel === 'eventual';
    // As "Advanced query capabilities on Microsoft Entra ID objects" shows it for what is asked without the header.
    if (/endsWith\(|not\(/.test(filter) && (!advanced || !cloud.countsUsers)) {
      return graphError(400, 'Request_UnsupportedQuery', 'Unsupported Query.');
    }
    const rows = advanced ? found.filter(matching(filter)) : found;
    const from = Number(request.url.searchParams.get('$skiptoken') ?? 0);
    const size = Math.min(cloud.pageSize, Number(request.url.searchParams.get('$top') ?? cloud.pageSize));
    const next = new URL(request.url.href);
    next.searchParams.set('$skiptoken', String(from + size));
    return {
      status: 200,
      body: {
        '@odata.context': `${base}/v1.0/$metadata`,
        ...(advanced ? { '@odata.count': rows.length } : {}),
        value: rows.slice(from, from + size).map((row) => selected(row, request.url.searchParams.get('$select'))),
        ...(from + size < rows.length ? { '@odata.nextLink': next.href } : {}),
      },
    };
  });

  const cloud: FakeCloud = {
    tenants,
    application: { clientId, secret },
    certificate: undefined,
    voucher: undefined,
    login,
    exchangeOnline,
    graph,
    endpoints: {
      login: `https://localhost:${login.port}`,
      exchangeOnline: `https://localhost:${exchangeOnline.port}`,
      graph: `https://localhost:${graph.port}`,
    },
    ca: tls.cert,
    tls,
    pageSize: 100,
    countsUsers: true,
    expireTokens: () => tokens.clear(),
    close: async () => {
      await Promise.all(services.map((service) => service.close()));
    },
  };
  return cloud;
}

/** The properties that `$select` names, as a real row holds no other. */
function selected(row: Row, names: string | null): Row {
  if (names === null) return row;
  return Object.fromEntries(names.split(',').flatMap((name) => (name in row ? [[name, row[name]]] : [])));
}

/** The clauses that we ask users by, as OData 4.01 reads them: https://docs.oasis-open.org/odata/odata/v4.01/ */
function matching(filter: string): (row: Row) => boolean {
  const ends = [...filter.matchAll(/endsWith\(mail,'([^']+)'\)/g)].map(([, end = '']) => end);
  const without = [
    ...filter.matchAll(
      /not\(assignedPlans\/any\(p:p\/servicePlanId eq ([0-9a-f-]+) and p\/capabilityStatus eq 'Enabled'\)\)/g,
    ),
  ].map(([, plan = '']) => plan);
  const synchronised = filter.includes('onPremisesSyncEnabled eq true');
  const has = ({ assignedPlans = [] }: Row, plan: string) =>
    (assignedPlans as readonly { servicePlanId: string; capabilityStatus: string }[]).some(
      ({ servicePlanId, capabilityStatus }) => servicePlanId === plan && capabilityStatus === 'Enabled',
    );
  return (row) =>
    (!synchronised || row.onPremisesSyncEnabled === true) &&
    (ends.length === 0 || ends.some((end) => String(row.mail).toLowerCase().endsWith(end))) &&
    without.every((plan) => !has(row, plan));
}

/**
 * `user: sendMail` in MIME format (learn.microsoft.com/graph/api/user-sendmail): 202 without a body; its refusals are those of
 * Exchange that users of Graph report. Mail.Send of Entra ID is good for every mailbox, a scoped role of Exchange for its own.
 */
function sendMail({ tenant, permissions }: Issued, mailbox: string, { headers, body }: Arrived): Reply {
  const { mailboxes = {} } = tenant;
  if (!Object.hasOwn(mailboxes, mailbox))
    return graphError(404, 'ErrorInvalidUser', `The requested user '${mailbox}' is invalid.`);
  if (!permissions.includes('Mail.Send') && mailboxes[mailbox] !== true)
    return graphError(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
  if (headers['content-type'] !== 'text/plain')
    return graphError(400, 'UnableToDeserializePostBody', 'were unable to deserialize');
  if (!/^[A-Za-z0-9+/\r\n]+={0,2}$/.test(body))
    return graphError(400, 'ErrorMimeContentInvalidBase64String', 'Invalid base64 string for MIME content.');
  const mime = Buffer.from(body, 'base64').toString('utf8');
  if (!new RegExp(`^From: <?${mailbox}>?\\r$`, 'im').test(mime))
    return graphError(
      403,
      'ErrorSendAsDenied',
      'The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.',
    );
  tenant.sent = [...(tenant.sent ?? []), mime];
  return { status: 202, body: '' };
}

const permissionsOfGraph: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\.0\/domains/, 'Domain.Read.All'],
  [/^\/v1\.0\/admin\/serviceAnnouncement/, 'ServiceHealth.Read.All'],
  [/^\/v1\.0\/(organization|subscribedSkus)/, 'Organization.Read.All'],
  [/^\/v1\.0\/users/, 'User.Read.All'],
  [/^\/beta\/servicePrincipals\/.+\/synchronization/, 'Synchronization.Read.All'],
  [/^\/v1\.0\/(applications|servicePrincipals)/, 'Application.Read.All'],
];

/**
 * An error of Exchange Online as Microsoft365DSC issue 2998 shows one: `error.message` is the same for every fault, what
 * counts stands in the first detail, `id|Type|text`. (The module ExchangeOnlineManagement splits it into these three.)
 *
 * @param id empty where a server sends none, as in Microsoft365DSC issue 4078
 */
export function invalid(status: number, type: string, text: string, id = 'Ex6F9304'): Reply {
  return {
    status,
    body: {
      error: {
        code: status === 404 ? 'NotFound' : 'BadRequest',
        message: 'Error executing cmdlet',
        details: [{ code: 'Context', target: '', message: `${id}|${type}|${text}` }],
        innererror: {
          message: 'Error executing cmdlet',
          type: 'Microsoft.Exchange.Admin.OData.Core.ODataServiceException',
        },
      },
    },
  };
}

function graphError(status: number, code: string, message: string): Reply {
  const innerError = { date: '2026-11-24T09:30:00', 'request-id': randomUUID(), 'client-request-id': randomUUID() };
  return { status, body: { error: { code, message, innerError } } };
}

function refusal(status: number, error: string, code: number, text: string): Reply {
  return {
    status,
    body: {
      error,
      error_description: `AADSTS${code}: ${text} Trace ID: ${randomUUID()} Correlation ID: ${randomUUID()} Timestamp: 2026-11-24 09:30:00Z`,
      error_codes: [code],
    },
  };
}

/** Is this JWT (RFC 7519, PS256 or RS256) signed with the key of the certificate? */
function isSigned(assertion: string, certificate: string | undefined): boolean {
  if (certificate === undefined) return false;
  const [header = '', payload = '', signature = ''] = assertion.split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: string };
  const key = {
    key: createPublicKey(new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'pem' })),
  };
  return verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    alg === 'PS256' ? { ...key, padding: 6, saltLength: 32 } : key,
    Buffer.from(signature, 'base64url'),
  );
}

function send(response: ServerResponse, { status, headers, body = '' }: Reply, compresses: boolean): void {
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(compresses ? { 'content-encoding': 'gzip' } : {}),
    ...headers,
  });
  response.end(compresses ? gzipSync(text) : text);
}
