import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openPwsh, type PowerShellHost } from '../powershell/host.ts';
import { azAt, type StubTenant, servesAz } from './az-stub.ts';

const folder = fileURLToPath(new URL('../../infra/access', import.meta.url));
const script = join(folder, 'grant-access.sh');

const shared = {
  id: z.string().regex(/^[a-z]+(-[a-z]+)*$/),
  role: z.strictObject({ id: z.guid(), name: z.string().min(1) }),
  evaluations: z.array(z.enum(['dkim', 'teams-exchange-interop', 'smtp-source-ip'])).min(1),
  required: z.boolean(),
  reason: z.string().endsWith('.'),
  without: z.string().endsWith('.'),
};
const grantsSchema = z.strictObject({
  resources: z.record(z.string(), z.strictObject({ appId: z.guid(), name: z.string().min(1) })),
  grants: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ ...shared, kind: z.literal('app-role'), resource: z.enum(['exchange-online', 'graph']) }),
        z.strictObject({ ...shared, kind: z.literal('directory-role') }),
      ]),
    )
    .min(1),
});
const document = grantsSchema.parse(JSON.parse(readFileSync(join(folder, 'grants.json'), 'utf8')));

describe('grants.json', () => {
  test('grants nothing twice', () => {
    expect(new Set(document.grants.map(({ id }) => id)).size).toBe(document.grants.length);
    expect(new Set(document.grants.map(({ role }) => role.id)).size).toBe(document.grants.length);
  });

  test('holds nothing that can write: the product reads', () => {
    const names = document.grants.map(({ role }) => role.name);
    // Exchange.ManageAsApp only admits to Exchange Online; the directory role beside it decides, and that reads.
    const beyond = names.filter((name) => !/(\.Read\.All| Reader)$/.test(name));
    expect(beyond).toEqual(['Exchange.ManageAsApp']);
  });

  test('Exchange Online takes two grants wherever it is read: the app role and a directory role', () => {
    for (const evaluation of ['dkim', 'teams-exchange-interop'] as const) {
      const kinds = document.grants
        .filter((grant) => grant.evaluations.includes(evaluation))
        .filter((grant) => grant.kind === 'directory-role' || grant.resource === 'exchange-online')
        .map(({ kind }) => kind);
      expect(kinds).toEqual(['app-role', 'directory-role']);
    }
  });

  test('its documentation names every grant', () => {
    const page = readFileSync(join(folder, 'README.md'), 'utf8');
    for (const { role } of document.grants) expect(page).toContain(role.name);
  });

  test('both scripts read it and hold no list of their own', () => {
    for (const name of ['grant-access.sh', 'Grant-FieldcheckAccess.ps1']) {
      const text = readFileSync(join(folder, name), 'utf8');
      expect(text).toContain('grants.json');
      for (const { role } of document.grants) expect(text).not.toContain(role.id);
    }
  });
});

const identity = {
  id: 'aaaaaaaa-0000-0000-0000-000000000001',
  appId: 'aaaaaaaa-0000-0000-0000-000000000002',
  displayName: 'id-fieldcheck-test',
  servicePrincipalType: 'ManagedIdentity',
};
const principalOf = (resource: string) => ({
  id: `principal-of-${resource}`,
  appId: document.resources[resource]?.appId ?? '',
  displayName: document.resources[resource]?.name ?? '',
  servicePrincipalType: 'Application',
});
const empty: StubTenant = {
  servicePrincipals: [identity, principalOf('exchange-online'), principalOf('graph')],
  appRoles: [],
  directoryRoles: [],
  applications: [],
  credentials: [],
};
let home: string;
let file: string;

const answering = new Worker(new URL('./az-stub.ts', import.meta.url), { workerData: servesAz });
const [azPort] = await once(answering, 'message');
afterAll(() => answering.terminate());

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'fieldcheck-access-'));
  file = join(home, 'tenant.json');
  writeFileSync(join(home, 'az'), azAt(azPort));
  chmodSync(join(home, 'az'), 0o755);
  give(empty);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const give = (tenant: StubTenant) => writeFileSync(file, JSON.stringify(tenant));
const tenant = (): StubTenant => JSON.parse(readFileSync(file, 'utf8'));
const held = () => [...tenant().appRoles, ...tenant().directoryRoles].map(({ roleId }) => roleId).sort();
const idsFor = (...evaluations: string[]) =>
  document.grants
    .filter((grant) => grant.evaluations.some((evaluation) => evaluations.includes(evaluation)))
    .map(({ role }) => role.id)
    .sort();
const requests = () =>
  (existsSync(`${file}.log`) ? readFileSync(`${file}.log`, 'utf8') : '').split('\n').filter(Boolean);

const signInSaid = `Tenant 11111111-2222-3333-4444-555555555555
  create  application fieldcheck sign-in, for accounts of this tenant alone, without a secret
  set     its redirect address https://fieldcheck.contoso.com/api/sign-in/callback, its roles, its scope, and the Azure CLI as one that may ask for it
  trust   identity ${identity.id} of this tenant
  add     it to this tenant
  require that whoever signs in is assigned to it
  consent to openid profile, for everybody here
  assign  you (Ada) the role Administrator
Done.
Then: azd env set FIELDCHECK_SIGN_IN_CLIENT_ID 77777777-0000-0000-0000-000000000000 && azd provision
`;

/** The application as the product needs it: version 2 of tokens, four roles, one tenant, nothing implicit, no secret. */
function expectSignIn(): void {
  const [application] = tenant().applications as unknown as Record<string, unknown>[];
  expect(application).toMatchObject({
    displayName: 'fieldcheck sign-in',
    signInAudience: 'AzureADMyOrg',
    groupMembershipClaims: 'ApplicationGroup',
    identifierUris: ['api://77777777-0000-0000-0000-000000000000'],
    web: {
      redirectUris: ['https://fieldcheck.contoso.com/api/sign-in/callback'],
      implicitGrantSettings: { enableIdTokenIssuance: false, enableAccessTokenIssuance: false },
    },
    optionalClaims: { accessToken: [{ name: 'idtyp' }] },
    api: {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: [{ value: 'user_impersonation', isEnabled: true }],
      // The Azure CLI, without which nobody gets a token for a script.
      preAuthorizedApplications: [{ appId: '04b07795-8ddb-461a-bbee-02f9e1bf7b46' }],
    },
  });
  const roles = application?.appRoles as { id: string; value: string }[];
  expect(roles.map(({ value }) => value)).toEqual(['Administrator', 'Operator.All', 'Reader.All', 'Member']);
  expect(JSON.stringify(application)).not.toMatch(/passwordCredentials|keyCredentials/);
  expect(tenant().credentials).toMatchObject([{ subject: identity.id, audiences: ['api://AzureADTokenExchange'] }]);
  const principal = tenant().servicePrincipals.at(-1);
  expect(principal).toMatchObject({ appRoleAssignmentRequired: true });
  expect(tenant().consents).toMatchObject([
    {
      clientId: principal?.id,
      consentType: 'AllPrincipals',
      resourceId: 'principal-of-graph',
      scope: 'openid profile',
    },
  ]);
  expect(tenant().appRoles).toMatchObject([
    { principalId: 'dddddddd-0000-0000-0000-000000000001', resourceId: principal?.id, roleId: roles[0]?.id },
  ]);
}

const runs = (program: string) => spawnSync(program, ['--version']).status === 0;
const canRun = process.platform !== 'win32' && runs('bash') && runs('jq');
if (!canRun) console.warn('The tests of grant-access.sh did not run: they need bash and jq.');

describe.runIf(canRun)('grant-access.sh', { timeout: 60_000 }, () => {
  const call = (args: string[], environment: Record<string, string> = {}) => {
    const done = spawnSync('bash', [script, ...args], {
      encoding: 'utf8',
      input: '',
      env: {
        ...process.env,
        PATH: `${home}${delimiter}${process.env.PATH}`,
        AZ_STUB_TENANT: file,
        ...environment,
      },
    });
    return { code: done.status, out: done.stdout, err: done.stderr };
  };
  const target = ['--app-id', identity.appId];

  test('preview shows every grant with its reason and changes nothing', () => {
    const { code, out } = call(['preview', ...target]);
    expect(code).toBe(0);
    expect(out).toContain(
      'Identity id-fieldcheck-test (ManagedIdentity, client id aaaaaaaa-0000-0000-0000-000000000002)',
    );
    expect(out).toContain('  grant   Exchange.ManageAsApp on Office 365 Exchange Online\n');
    expect(out).toContain('            for dkim, teams-exchange-interop: Admits the app to Exchange Online.');
    expect(out).toContain('  grant   directory role Security Reader\n');
    expect(out).toContain(`Nothing was changed. "apply" would grant ${document.grants.length}.`);
    expect(requests().filter((line) => !line.startsWith('GET '))).toEqual([]);
  });

  test('apply grants the list exactly; a second one finds nothing to do; undo leaves nothing', () => {
    const first = call(['apply', ...target, '--yes']);
    expect(first.code).toBe(0);
    expect(first.out).toContain('  granted Domain.Read.All on Microsoft Graph\n');
    expect(held()).toEqual(idsFor('dkim', 'teams-exchange-interop'));
    expect(tenant().appRoles.every(({ principalId }) => principalId === identity.id)).toBe(true);

    const before = requests().length;
    const second = call(['apply', ...target, '--yes']);
    expect(second.code).toBe(0);
    expect(second.out).toContain('Nothing to do.');
    expect(
      requests()
        .slice(before)
        .filter((line) => !line.startsWith('GET ')),
    ).toEqual([]);

    const undone = call(['undo', ...target, '--yes']);
    expect(undone.code).toBe(0);
    expect(undone.out).toContain('  removed directory role Security Reader\n');
    expect(held()).toEqual([]);
    expect(call(['undo', ...target, '--yes']).out).toContain('Nothing to do.');
  });

  test('one evaluation gets what it needs, and what another one left is shown as spare', () => {
    call(['apply', ...target, '--yes']);
    const { out } = call(['preview', ...target, '--evaluations', 'dkim']);
    expect(out).toContain('  spare   User.Read.All on Microsoft Graph: held, but not needed by the chosen evaluations');
    call(['undo', ...target, '--yes']);
    call(['apply', ...target, '--evaluations', 'dkim', '--yes']);
    expect(held()).toEqual(idsFor('dkim'));
  });

  test('undo touches nothing that is not on the list', () => {
    const foreign = { id: 'own', principalId: identity.id, resourceId: 'principal-of-graph', roleId: 'somebody-elses' };
    give({ ...empty, appRoles: [foreign] });
    call(['apply', ...target, '--yes']);
    call(['undo', ...target, '--yes']);
    expect(held()).toEqual(['somebody-elses']);
  });

  test('nobody there to confirm: nothing is changed', () => {
    const { code, err } = call(['apply', ...target]);
    expect(code).toBe(3);
    expect(err).toContain('nobody is there to confirm; call again with --yes.');
    expect(held()).toEqual([]);
  });

  test('another tenant: the application is admitted first', () => {
    const app = '77777777-0000-0000-0000-000000000000';
    const { code, out } = call(['apply', '--app-id', app, '--evaluations', 'dkim', '--yes']);
    expect(code).toBe(0);
    expect(out).toContain(`Application ${app} is not in this tenant yet.`);
    expect(out).toContain('  add     the application itself (a service principal without any right)');
    expect(held()).toEqual(idsFor('dkim'));
    const added = tenant().servicePrincipals.find(({ appId }) => appId === app);
    expect(tenant().appRoles.every(({ principalId }) => principalId === added?.id)).toBe(true);
  });

  test('another tenant, where servers lag behind: waits, looks again, and grants all the same', () => {
    give({ ...empty, lag: 3 });
    writeFileSync(join(home, 'sleep'), '#!/bin/sh\n');
    chmodSync(join(home, 'sleep'), 0o755);
    const app = '77777777-0000-0000-0000-000000000000';
    const { code, out } = call(['apply', '--app-id', app, '--evaluations', 'dkim', '--yes']);
    expect([code, tenant().lag]).toEqual([0, 0]);
    expect(out).toContain('  added   the application itself\n');
    expect(held()).toEqual(idsFor('dkim'));
    expect(call(['apply', '--app-id', app, '--evaluations', 'dkim', '--yes']).out).toContain('Nothing to do.');
  });

  test('a tenant without Exchange Online: says so, grants the rest, exit code 1', () => {
    give({ ...empty, servicePrincipals: [identity, principalOf('graph')] });
    const { code, out } = call(['apply', ...target, '--evaluations', 'dkim', '--yes']);
    expect(code).toBe(1);
    expect(out).toContain(
      '  cannot  Exchange.ManageAsApp on Office 365 Exchange Online: this tenant has no service principal for it.',
    );
    expect(held()).not.toContain('dc50a0fb-09a3-484d-be87-e023b12c6440');
    expect(held()).toContain('5d6b6bb7-de71-4623-b4af-96380a352509');
  });

  test('refused by Azure while looking: stops with the reason, and is not mistaken for "lacks everything"', () => {
    const { code, out, err } = call(['apply', ...target, '--yes'], { AZ_STUB_REFUSES: 'roleManagement' });
    expect(code).toBe(3);
    expect(err).toContain('Authorization_RequestDenied');
    expect(err).toContain('GET roleManagement/directory/roleAssignments');
    expect(out).not.toContain('grant ');
    expect(held()).toEqual([]);
  });

  test('federate makes one application without a secret; unfederate takes the trust back', () => {
    const options = ['--identity-principal-id', identity.id, '--yes'];
    const { code, out } = call(['federate', ...options]);
    expect(code).toBe(0);
    expect(out).toContain('grant-access.sh apply --app-id 77777777-0000-0000-0000-000000000000');
    expect(tenant().applications).toMatchObject([{ displayName: 'fieldcheck', signInAudience: 'AzureADMultipleOrgs' }]);
    expect(tenant().credentials).toMatchObject([
      {
        name: 'fieldcheck',
        issuer: 'https://login.example.test/11111111-2222-3333-4444-555555555555/v2.0',
        subject: identity.id,
        audiences: ['api://AzureADTokenExchange'],
      },
    ]);
    expect(call(['federate', ...options]).out).toContain('Nothing to do.');
    expect(tenant().credentials).toHaveLength(1);
    expect(call(['unfederate', ...options]).code).toBe(0);
    expect(tenant().credentials).toEqual([]);
    expect(call(['unfederate', ...options]).out).toContain('Nothing to do.');
  });

  test('sign-in makes the application that people sign in with, without a secret; a second one finds nothing to do', () => {
    const options = ['--url', 'https://fieldcheck.contoso.com', '--identity-principal-id', identity.id, '--yes'];
    const { code, out } = call(['sign-in', ...options]);
    expect([code, out]).toEqual([0, signInSaid]);
    expectSignIn();
    expect(call(['sign-in', ...options]).out).toContain('Nothing to do.');
    expect(tenant().credentials).toHaveLength(1);
    expect(call(['undo-sign-in', '--yes']).code).toBe(0);
    expect(tenant().applications).toEqual([]);
    expect(call(['undo-sign-in', '--yes']).out).toContain('Nothing to do.');
  });

  test.each([
    [
      ['sign-in', '--url', 'http://fieldcheck.contoso.com', '--identity-principal-id', identity.id],
      '--url needs https://',
    ],
    [['sign-in', '--url', 'https://fieldcheck.contoso.com'], '--identity-principal-id needs the object id'],
    [['apply', '--app-id', 'fieldcheck'], "--app-id needs a client id (a GUID), got 'fieldcheck'."],
    [['apply', ...target, '--evaluations', 'dmarc'], "evaluation 'dmarc' needs no grants or does not exist"],
    [['undo', ...target, '--evaluations', 'dkim'], 'undo takes everything back'],
    [['apply', ...target, '--tenant', '99999999-0000-0000-0000-000000000000'], 'Run: az login'],
    [['grant', ...target], "unknown command 'grant'"],
    [['apply', '--force'], 'unknown option --force'],
    [['apply', '--app-id'], '--app-id needs a value.'],
  ])('a bad call is refused: %j', (args, sentence) => {
    const { code, out, err } = call(args);
    expect(code).toBe(3);
    expect(out).toBe('');
    expect(err).toContain(sentence);
    expect(held()).toEqual([]);
  });
});

// Microsoft Graph through the same stand-in as the shell script's. #Requires looks for the module by its folder.
const standIns = `
$module = [IO.Path]::Combine([IO.Path]::GetDirectoryName($PSScriptRoot), 'Microsoft.Graph.Authentication')
$null = [IO.Directory]::CreateDirectory($module)
[IO.File]::WriteAllText([IO.Path]::Combine($module, 'Microsoft.Graph.Authentication.psm1'), '')
function Read-Host { param($Prompt) 'no' }
function Start-Sleep { param($Seconds) }
function Connect-MgGraph { param($Scopes, $Environment, [switch] $NoWelcome, $TenantId) }
function Get-MgContext { [pscustomobject] @{ TenantId = '11111111-2222-3333-4444-555555555555' } }
function Invoke-MgGraphRequest {
    param($Method, $Uri, $OutputType, $Body, $ContentType)
    $arguments = 'rest', '--method', $Method, '--url', "https://graph.example.test/$Uri"
    if ($Body) { $arguments += '--body', $Body }
    $answer = & $env:AZ_STUB @arguments
    if ($LASTEXITCODE -ne 0) { throw "$Method $Uri was refused" }
    if ($answer) { "$answer" | ConvertFrom-Json }
}
`;

// The commands that the script calls, as far as the engine host lacks them. A real pwsh has them.
const imitations = `
function Write-Output { param($InputObject) $InputObject }
function Join-Path { param($Path, $ChildPath) [IO.Path]::Combine($Path, $ChildPath) }
function Get-Content { param([switch] $Raw, $Encoding, $Path) [IO.File]::ReadAllText($Path) }
function Sort-Object {
    param([Parameter(ValueFromPipeline)] $InputObject, [switch] $Unique)
    begin { $sorted = [Collections.Generic.SortedSet[string]]::new() }
    process { $null = $sorted.Add($InputObject) }
    end { $sorted }
}
function Select-Object {
    param([Parameter(ValueFromPipeline)] $InputObject, [int] $First)
    begin { $seen = 0 }
    process { if ($seen -lt $First) { $InputObject }; $seen++ }
}
function ConvertFrom-Element {
    param($Element)
    switch ("$($Element.ValueKind)") {
        'Object' {
            $object = [ordered] @{}
            foreach ($property in $Element.EnumerateObject()) { $object[$property.Name] = ConvertFrom-Element $property.Value }
            [pscustomobject] $object
        }
        'Array' { , @(foreach ($item in $Element.EnumerateArray()) { ConvertFrom-Element $item }) }
        'String' { $Element.GetString() }
        'Number' { $Element.GetInt32() }
        'True' { $true }
        'False' { $false }
    }
}
function ConvertFrom-Json {
    param([Parameter(ValueFromPipeline)] [string] $InputObject)
    process { ConvertFrom-Element ([System.Text.Json.JsonDocument]::Parse($InputObject).RootElement) }
}
function ConvertTo-Element {
    param($Value)
    if ($null -eq $Value) { 'null' }
    elseif ($Value -is [bool]) { "$Value".ToLowerInvariant() }
    elseif ($Value -is [int]) { "$Value" }
    elseif ($Value -is [array]) { '[' + (@(foreach ($one in $Value) { ConvertTo-Element $one }) -join ',') + ']' }
    elseif ($Value -is [Collections.IDictionary]) { ConvertTo-Element ([pscustomobject] $Value) }
    elseif ($Value -is [Management.Automation.PSCustomObject]) {
        $properties = foreach ($one in $Value.PSObject.Properties) { (ConvertTo-Element $one.Name) + ':' + (ConvertTo-Element $one.Value) }
        '{' + (@($properties) -join ',') + '}'
    }
    else { '"' + "$Value".Replace('"', '\\"') + '"' }
}
function ConvertTo-Json { param($InputObject, $Depth) ConvertTo-Element $InputObject }
`;

const host = await openPwsh();
const engine = host as PowerShellHost;
const path = join(folder, 'Grant-FieldcheckAccess.ps1');

describe.runIf(host)('Grant-FieldcheckAccess.ps1', { timeout: 60_000 }, () => {
  test('parses, and Windows PowerShell 5.1 would understand it', async () => {
    expect(await engine.parse({ path })).toEqual([]);
    expect(await engine.compat51({ path })).toEqual([]);
  });
});

const canRunHere = host !== undefined && process.platform !== 'win32' && runs('bash');

describe.runIf(canRunHere)(`Grant-FieldcheckAccess.ps1 on ${host?.name}`, { timeout: 60_000 }, () => {
  const run = async (parameters: Record<string, string | boolean | string[]>) => {
    const environment = { AZ_STUB: join(home, 'az'), AZ_STUB_TENANT: file, PATH: process.env.PATH ?? '' };
    const { output, errors } = await engine.run({
      path,
      parameters,
      standIns: engine.isPwsh ? standIns : standIns + imitations,
      environment,
      timeLimitMs: 50_000,
    });
    return { out: output.join('\n'), err: errors.join('\n') };
  };
  const target = { AppId: identity.appId };

  test('Preview says the same as the shell script, and changes nothing', async () => {
    const { out, err } = await run({ Action: 'Preview', ...target, Evaluations: ['dkim'] });
    expect(err).toBe('');
    expect(out).toContain(
      'Identity id-fieldcheck-test (ManagedIdentity, client id aaaaaaaa-0000-0000-0000-000000000002)',
    );
    expect(out).toContain(
      '  grant   Exchange.ManageAsApp on Office 365 Exchange Online\n            for dkim: Admits the app',
    );
    expect(out).toContain(`Nothing was changed. Apply would grant ${idsFor('dkim').length}.`);
    expect(requests().filter((line) => !line.startsWith('GET '))).toEqual([]);
  });

  test('Apply grants the list exactly, a second one nothing, Undo takes it back', async () => {
    expect((await run({ Action: 'Apply', ...target, Force: true })).err).toBe('');
    expect(held()).toEqual(idsFor('dkim', 'teams-exchange-interop'));
    expect((await run({ Action: 'Apply', ...target, Force: true })).out).toContain('Nothing to do.');
    const { out } = await run({ Action: 'Undo', ...target, Force: true });
    expect(out).toContain('  removed directory role Security Reader');
    expect(held()).toEqual([]);
  });

  test('Apply waits for an application that it has added, and grants once every server knows it', async () => {
    give({ ...empty, lag: 3 });
    const other = { AppId: '77777777-0000-0000-0000-000000000000', Evaluations: ['dkim'], Force: true };
    const { out, err } = await run({ Action: 'Apply', ...other });
    expect([err, tenant().lag]).toEqual(['', 0]);
    expect(out).toContain('  added   the application itself\n');
    expect(held()).toEqual(idsFor('dkim'));
    expect((await run({ Action: 'Apply', ...other })).out).toContain('Nothing to do.');
  });

  test('Federate makes what the shell script makes; Unfederate takes it back', async () => {
    const identityOption = { IdentityPrincipalId: identity.id, Force: true };
    const { out, err } = await run({ Action: 'Federate', ...identityOption });
    expect(err).toBe('');
    expect(out).toContain('-Action Apply -AppId 77777777-0000-0000-0000-000000000000');
    expect(tenant().credentials).toMatchObject([
      {
        name: 'fieldcheck',
        issuer: 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
        subject: identity.id,
        audiences: ['api://AzureADTokenExchange'],
      },
    ]);
    await run({ Action: 'Unfederate', ...identityOption });
    expect(tenant().credentials).toEqual([]);
  });

  test('SignIn makes what the shell script makes; UndoSignIn removes it', async () => {
    const parameters = { Url: 'https://fieldcheck.contoso.com', IdentityPrincipalId: identity.id, Force: true };
    expect(await run({ Action: 'SignIn', ...parameters })).toEqual({ out: signInSaid.trimEnd(), err: '' });
    expectSignIn();
    expect((await run({ Action: 'SignIn', ...parameters })).out).toContain('Nothing to do.');
    await run({ Action: 'UndoSignIn', Force: true });
    expect(tenant().applications).toEqual([]);
  });

  test('not confirmed: nothing is changed; a bad call says what is wrong', async () => {
    expect((await run({ Action: 'Apply', ...target })).err).toContain('Nothing was changed.');
    expect(held()).toEqual([]);
    expect((await run({ Action: 'Apply' })).err).toContain('-AppId is needed');
    expect((await run({ Action: 'Apply', ...target, Evaluations: ['dmarc'] })).err).toContain(
      "Evaluation 'dmarc' needs no grants",
    );
  });
});
