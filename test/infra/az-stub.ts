// Stands in for the Azure CLI in the test of grant-access.sh: the few commands that the script uses, on a tenant that
// is a JSON file. It throws on anything else, so that the script cannot grow a call that no test has seen.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { exit } from 'node:process';

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

if (process.env.AZ_STUB_TENANT) main(process.env.AZ_STUB_TENANT, process.argv.slice(2));

function main(file: string, [command, ...args]: string[]) {
  if (command === 'account') return console.log('11111111-2222-3333-4444-555555555555');
  if (command === 'cloud') {
    const endpoints = {
      microsoftGraphResourceId: 'https://graph.example.test/',
      activeDirectory: 'https://login.example.test',
    };
    return console.log(JSON.stringify({ endpoints }));
  }
  const option = (name: string) => args[args.indexOf(`--${name}`) + 1] ?? '';
  const method = option('method');
  const path = option('url').replace('https://graph.example.test/v1.0/', '');
  appendFileSync(`${file}.log`, `${method} ${path}\n`);
  if (process.env.AZ_STUB_REFUSES && path.startsWith(process.env.AZ_STUB_REFUSES)) {
    console.error('ERROR: Forbidden({"error":{"code":"Authorization_RequestDenied"}})');
    exit(1);
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
    if (method === 'GET') return console.log('{"value":[]}');
    console.error('ERROR: Not Found({"error":{"code":"Request_ResourceNotFound"}})');
    exit(1);
  }
  const answer = respond(tenant, method, path, body);
  writeFileSync(file, JSON.stringify(tenant));
  if (answer) console.log(JSON.stringify(answer));
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
