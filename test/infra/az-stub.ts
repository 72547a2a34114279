// Stands in for the Azure CLI in the test of grant-access.sh: the few commands that the script uses, on a tenant that
// is a JSON file. It fails on anything else, so that the script cannot grow a call that no test has seen. One thread
// answers all calls; what a script starts as "az" only asks it.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

interface Assignment {
  id: string;
  principalId: string;
  roleId: string;
  resourceId?: string;
}

/** The tenant, as the test writes and reads it. */
export interface StubTenant {
  servicePrincipals: {
    id: string;
    appId: string;
    displayName: string;
    servicePrincipalType: string;
    appRoleAssignmentRequired?: boolean;
  }[];
  appRoles: Assignment[];
  directoryRoles: Assignment[];
  /** How many looks and grants go to a server that does not know yet what was made just now. */
  lag?: number;
  applications: { id: string; appId: string; displayName: string; signInAudience: string }[];
  /** Consent to delegated permissions. */
  consents?: { clientId: string; consentType: string; resourceId: string; scope: string }[];
  credentials: {
    id: string;
    applicationId: string;
    name: string;
    issuer: string;
    subject: string;
    audiences: string[];
  }[];
}

/** What a call of the Azure CLI came to. */
interface Said {
  code: number;
  text: string;
}

/** What a worker is told that answers calls. */
export const servesAz = 'serves az';

if (workerData === servesAz && parentPort) serve(parentPort);

/** Answers calls on loopback: how many arguments, the tenant's file, what is refused and the arguments, each with a NUL behind. */
function serve(port: NonNullable<typeof parentPort>) {
  const server = createServer((socket) => {
    let asked = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      asked += data;
      const [count, file = '', refused = '', ...args] = asked.split('\0').slice(0, -1);
      if (count === undefined || args.length < Number(count)) return;
      const { code, text } = answered(file, refused, args);
      socket.end(`${code}\n${text}`);
    });
  });
  server.listen(0, '127.0.0.1', () => port.postMessage((server.address() as AddressInfo).port));
}

/** The stand-in itself, as a script that asks the server at `port`: bash is there in the tenth of the time that Node takes. */
export const azAt = (port: number) => `#!/usr/bin/env bash
exec 3<>/dev/tcp/127.0.0.1/${port}
printf '%s\\0' $# "$AZ_STUB_TENANT" "\${AZ_STUB_REFUSES:-}" "$@" >&3
read -r code <&3
read -r -d '' -u 3 said
if [ "$code" != 0 ]; then
  printf '%s\\n' "$said" >&2
elif [ -n "$said" ]; then
  printf '%s\\n' "$said"
fi
exit "$code"
`;

function answered(file: string, refused: string, args: string[]): Said {
  try {
    return { code: 0, text: answer(file, refused, args) };
  } catch (error) {
    return { code: 1, text: (error as Error).message };
  }
}

function answer(file: string, refused: string, [command, ...args]: string[]): string {
  if (command === 'account') return '11111111-2222-3333-4444-555555555555';
  if (command === 'cloud') {
    const endpoints = {
      microsoftGraphResourceId: 'https://graph.example.test/',
      activeDirectory: 'https://login.example.test',
    };
    return JSON.stringify({ endpoints });
  }
  const option = (name: string) => args[args.indexOf(`--${name}`) + 1] ?? '';
  const method = option('method');
  const path = option('url').replace('https://graph.example.test/v1.0/', '');
  appendFileSync(`${file}.log`, `${method} ${path}\n`);
  if (refused && path.startsWith(refused)) {
    throw new Error('ERROR: Forbidden({"error":{"code":"Authorization_RequestDenied"}})');
  }
  const tenant: StubTenant = JSON.parse(readFileSync(file, 'utf8'));
  const body = args.includes('--body') ? JSON.parse(option('body')) : {};
  const asked = `${path} ${body.principalId ?? ''}`;
  if (
    tenant.lag &&
    tenant.servicePrincipals.some(
      ({ id, appId }) => id.startsWith('new-') && asked.includes(path.includes('$filter=appId') ? appId : id),
    )
  ) {
    tenant.lag -= 1;
    writeFileSync(file, JSON.stringify(tenant));
    if (method === 'GET') return '{"value":[]}';
    throw new Error('ERROR: Not Found({"error":{"code":"Request_ResourceNotFound"}})');
  }
  const given = respond(tenant, method, path, body);
  writeFileSync(file, JSON.stringify(tenant));
  return given ? JSON.stringify(given) : '';
}

function respond(tenant: StubTenant, method: string, path: string, body: Record<string, string>): unknown {
  const [, key = ''] = / eq '([^']+)'/.exec(path) ?? [];
  const [collection = '', id = '', part = '', last = ''] = path.replace(/\?.*/, '').split('/');
  const next = (taken: unknown[]) => `new-${taken.length + 1}`;
  switch (`${method} ${path.startsWith('roleManagement') ? 'roleManagement' : `${collection}/${part}`}`) {
    case 'GET me/':
      return { id: 'dddddddd-0000-0000-0000-000000000001', displayName: 'Ada' };
    case 'GET servicePrincipals/':
      if (id !== '') return tenant.servicePrincipals.find((one) => one.id === id);
      return { value: tenant.servicePrincipals.filter(({ appId }) => appId === key) };
    case 'POST servicePrincipals/':
      tenant.servicePrincipals.push({
        id: next(tenant.servicePrincipals),
        appId: body.appId ?? '',
        displayName: 'fieldcheck',
        servicePrincipalType: 'Application',
      });
      return {};
    case 'PATCH servicePrincipals/':
      Object.assign(tenant.servicePrincipals.find((one) => one.id === id) ?? {}, body);
      return undefined;
    case 'GET servicePrincipals/appRoleAssignedTo':
      return {
        value: tenant.appRoles
          .filter(({ resourceId }) => resourceId === id)
          .map(({ roleId, ...assignment }) => ({ ...assignment, appRoleId: roleId })),
      };
    case 'GET oauth2PermissionGrants/':
      return { value: (tenant.consents ?? []).filter(({ clientId }) => clientId === key) };
    case 'POST oauth2PermissionGrants/':
      tenant.consents = [...(tenant.consents ?? []), body as unknown as NonNullable<StubTenant['consents']>[number]];
      return {};
    case 'GET servicePrincipals/appRoleAssignments':
      return {
        value: tenant.appRoles
          .filter(({ principalId }) => principalId === id)
          .map(({ roleId, ...assignment }) => ({ ...assignment, appRoleId: roleId })),
      };
    case 'POST servicePrincipals/appRoleAssignedTo':
      tenant.appRoles.push({
        id: next(tenant.appRoles),
        principalId: body.principalId ?? '',
        resourceId: body.resourceId ?? '',
        roleId: body.appRoleId ?? '',
      });
      return {};
    case 'DELETE servicePrincipals/appRoleAssignedTo':
      tenant.appRoles = tenant.appRoles.filter((assignment) => assignment.id !== last);
      return undefined;
    case 'GET roleManagement':
      return {
        value: tenant.directoryRoles
          .filter(({ principalId }) => principalId === key)
          .map(({ roleId, ...assignment }) => ({ ...assignment, roleDefinitionId: roleId, directoryScopeId: '/' })),
      };
    case 'POST roleManagement':
      tenant.directoryRoles.push({
        id: next(tenant.directoryRoles),
        principalId: body.principalId ?? '',
        roleId: body.roleDefinitionId ?? '',
      });
      return {};
    case 'DELETE roleManagement':
      tenant.directoryRoles = tenant.directoryRoles.filter((assignment) => assignment.id !== last);
      return undefined;
    case 'GET applications/':
      if (id !== '') return tenant.applications.find((one) => one.id === id);
      return { value: tenant.applications.filter(({ displayName }) => displayName === key) };
    case 'POST applications/': {
      const application = {
        displayName: '',
        signInAudience: '',
        ...body,
        id: next(tenant.applications),
        appId: '77777777-0000-0000-0000-000000000000',
      };
      tenant.applications.push(application);
      return application;
    }
    case 'PATCH applications/':
      Object.assign(tenant.applications.find((one) => one.id === id) ?? {}, body);
      return undefined;
    case 'DELETE applications/':
      tenant.applications = tenant.applications.filter((one) => one.id !== id);
      return undefined;
    case 'GET applications/federatedIdentityCredentials':
      return { value: tenant.credentials.filter(({ applicationId }) => applicationId === id) };
    case 'POST applications/federatedIdentityCredentials':
      tenant.credentials.push({
        ...(body as unknown as StubTenant['credentials'][number]),
        id: next(tenant.credentials),
        applicationId: id,
      });
      return {};
    case 'DELETE applications/federatedIdentityCredentials':
      tenant.credentials = tenant.credentials.filter((credential) => credential.id !== last);
      return undefined;
    default:
      throw new Error(`az-stub: no answer to ${method} ${path}`);
  }
}
