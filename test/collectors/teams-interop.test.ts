import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { enginesFor, openPowerShellHost, type PowerShellHost } from '../powershell/host.ts';
import { createAuthority } from '../sources/https-probe/certificates.ts';
import {
  accessDenied,
  allowList,
  collect,
  collectorFolder,
  exchangeSession,
  foreignCalls,
  hanging,
  literal,
  type StandIn,
  unused,
} from './collectors.ts';

const script = 'Collect-TeamsInteropFacts.ps1';
const path = join(collectorFolder, script);
// The first run of a host compiles the engine: some seconds, more where others work on the same machine.
vi.setConfig({ testTimeout: 90_000 });
const host = await openPowerShellHost();
const engine = host as PowerShellHost;
afterAll(() => host?.close());

const allowed = allowList({
  commands: [
    'Get-ADObject',
    'Get-ADRootDSE',
    'Get-ADSyncADConnectorAccount',
    'Get-ADSyncGlobalSettings',
    'Get-ADSyncRule',
    'Get-ADSyncScheduler',
    'Get-ADUser',
    'Get-AcceptedDomain',
    'Get-AuthConfig',
    'Get-AuthServer',
    'Get-AutodiscoverVirtualDirectory',
    'Get-CASMailbox',
    'Get-ClientAccessService',
    'Get-ExchangeCertificate',
    'Get-ExchangeServer',
    'Get-HybridConfiguration',
    'Get-IntraOrganizationConnector',
    'Get-Mailbox',
    'Get-MailboxFolderPermission',
    'Get-MailboxFolderStatistics',
    'Get-ManagementRoleAssignment',
    'Get-ManagementRoleEntry',
    'Get-OrganizationConfig',
    'Get-OrganizationRelationship',
    'Get-PartnerApplication',
    'Get-RemoteMailbox',
    'Get-SettingOverride',
    'Get-User',
    'Get-WebServicesVirtualDirectory',
    'Import-Module',
    // Widens the view of the script's own session; nothing is kept.
    'Set-ADServerSettings',
    'Test-OAuthConnectivity',
  ],
  members: [
    '.ComputeHash',
    '.GetAccessRules',
    '.Replace',
    '[System.BitConverter]::ToString',
    '[System.Security.Cryptography.SHA256]::Create',
    '[System.Security.Cryptography.X509Certificates.X509Certificate2]::new',
    '[guid]::NewGuid',
    '[guid]::new',
  ],
  types: [
    'System.BitConverter',
    'System.Security.Cryptography.SHA256',
    'System.Security.Cryptography.X509Certificates.X509Certificate2',
    'byte[]',
    'guid',
  ],
  exact: [],
});

describe.runIf(host)('Collect-TeamsInteropFacts as a text', () => {
  it('has no syntax error', async () => {
    expect(await engine.parse({ path })).toEqual([]);
  });

  it('has nothing newer than Windows PowerShell 5.1 (by the list; 5.1 itself runs on Windows only)', async () => {
    expect(await engine.compat51({ path })).toEqual([]);
  });

  it('only reads: it uses what is on the list and the list holds nothing else', async () => {
    const { violations, ...used } = await engine.readOnly({ path, ...allowed });
    expect(violations).toEqual([]);
    expect(unused(allowed, used)).toEqual([]);
  });
});

const thumbprint = '0123456789ABCDEF0123456789ABCDEF01234567';
const teamsScheduler = '7557eb47-c689-4224-abcf-aef9bd7573df';
const tenant = '11111111-2222-3333-4444-555555555555';
const account = 'contoso.local/Users/Exchange Online-ApplicationAccount';

const server = (name: string) => ({
  Name: name,
  Fqdn: `${name.toLowerCase()}.contoso.local`,
  AdminDisplayVersion: 'Version 15.2 (Build 2562.17)',
  ServerRole: 'Mailbox',
  Site: 'contoso.local/Configuration/Sites/Head Office',
  Edition: 'Enterprise',
  DataPath: 'C:\\Exchange\\V15\\Mailbox',
});

/** An organization of one server that is ready, as its commands tell it. */
const healthyOrganization: Record<string, StandIn> = {
  'Set-ADServerSettings': {
    parameters: ['ViewEntireForest'],
    body: `if ($ViewEntireForest -ne $true) { throw 'nothing else may be set' }`,
  },
  'Get-ExchangeServer': [server('EX1')],
  'Get-ItemProperty': {
    parameters: ['Path', 'LiteralPath'],
    body: `
      if ($LiteralPath -notlike '*\\Exchange\\V15\\Bin\\ExSetup.exe') { throw "Cannot find path '$LiteralPath'." }
      [pscustomobject] @{ VersionInfo = [pscustomobject] @{ FileMajorPart = 15; FileMinorPart = 2; FileBuildPart = 2562; FilePrivatePart = 53 } }`,
  },
  'Get-Mailbox': {
    parameters: ['Server', 'Identity'],
    body: `
      if ($Identity -eq 'adele@contoso.com') { [pscustomobject] @{ PrimarySmtpAddress = 'adele@contoso.com'; GrantSendOnBehalfTo = @('contoso.local/Users/Diego Siciliani') } }
      elseif ($Identity) { throw "The operation couldn't be performed because object '$Identity' couldn't be found." }
      else { foreach ($index in 1..3) { [pscustomobject] @{ PrimarySmtpAddress = "user$index@Contoso.com" } }; [pscustomobject] @{ PrimarySmtpAddress = 'x@fabrikam.com' } }`,
  },
  'Get-RemoteMailbox': [{ RemoteRoutingAddress: 'SMTP:megan@contoso.mail.onmicrosoft.com' }],
  'Get-AcceptedDomain': [{ DomainName: 'Contoso.com', DomainType: 'Authoritative', Default: true }],
  'Get-WebServicesVirtualDirectory': [
    {
      Server: 'EX1',
      Name: 'EWS (Default Web Site)',
      InternalUrl: 'https://ex1.contoso.local/EWS/Exchange.asmx',
      ExternalUrl: 'https://mail.contoso.com/EWS/Exchange.asmx',
      InternalNLBBypassUrl: null,
      OAuthAuthentication: true,
      WSSecurityAuthentication: true,
      WindowsAuthentication: true,
      BasicAuthentication: false,
      MRSProxyEnabled: false,
    },
  ],
  'Get-AutodiscoverVirtualDirectory': [
    {
      Server: 'EX1',
      Name: 'Autodiscover (Default Web Site)',
      OAuthAuthentication: true,
      WSSecurityAuthentication: true,
      WindowsAuthentication: true,
      BasicAuthentication: true,
    },
  ],
  'Get-ClientAccessService': [
    { Name: 'EX1', AutoDiscoverServiceInternalUri: 'https://autodiscover.contoso.com/Autodiscover/Autodiscover.xml' },
  ],
  'Get-AuthServer': [
    {
      Name: 'EvoSts',
      Type: 'AzureAD',
      Enabled: true,
      IssuerIdentifier: `https://sts.windows.net/${tenant}/`,
      TokenIssuingEndpoint: 'https://login.windows.net/common/oauth2/token',
      AuthMetadataUrl: `https://login.windows.net/${tenant}/federationmetadata/2007-06/federationmetadata.xml`,
      IsDefaultAuthorizationEndpoint: true,
      ApplicationIdentifier: null,
      Realm: tenant,
      DomainName: ['contoso.com', 'contoso.mail.onmicrosoft.com'],
      GraphBaseUrl: null,
    },
  ],
  'Get-PartnerApplication': [
    {
      Name: 'Exchange Online',
      ApplicationIdentifier: '00000002-0000-0ff1-ce00-000000000000',
      Enabled: true,
      Realm: '',
      AuthMetadataUrl: '',
      UseAuthServer: true,
      AcceptSecurityIdentifierInformation: false,
      LinkedAccount: account,
    },
    {
      Name: 'Teams Scheduler',
      ApplicationIdentifier: teamsScheduler,
      Enabled: true,
      Realm: '',
      AuthMetadataUrl: '',
      UseAuthServer: true,
      AcceptSecurityIdentifierInformation: false,
      LinkedAccount: 'contoso.local/Users/Scheduler',
    },
    { Name: 'No account', ApplicationIdentifier: 'x', Enabled: false, UseAuthServer: false, LinkedAccount: null },
  ],
  'Get-User': [{ RecipientTypeDetails: 'LinkedUser' }],
  'Get-ManagementRoleAssignment': {
    parameters: ['RoleAssignee'],
    body: `
      if ($RoleAssignee -eq '${account}') { [pscustomobject] @{ Role = 'UserApplication' }; [pscustomobject] @{ Role = 'ArchiveApplication' } }
      else { [pscustomobject] @{ Role = 'TeamsSchedulerRole' } }`,
  },
  'Get-ManagementRoleEntry': {
    parameters: ['Identity'],
    body: `if ($Identity -ne 'TeamsSchedulerRole\\*') { throw "no role $Identity" }; [pscustomobject] @{ Name = 'GetDelegate' }`,
  },
  'Get-AuthConfig': [
    {
      CurrentCertificateThumbprint: thumbprint,
      PreviousCertificateThumbprint: '',
      NextCertificateThumbprint: null,
      NextCertificateEffectiveDate: null,
      ServiceName: '00000002-0000-0ff1-ce00-000000000000',
      Realm: '',
    },
  ],
  'Get-ExchangeCertificate': [
    {
      Thumbprint: thumbprint,
      Subject: 'CN=Microsoft Exchange Server Auth Certificate',
      Status: 'Valid',
      HasPrivateKey: true,
      NotAfter: new Date('2030-06-01T10:00:00Z'),
    },
    { Thumbprint: 'FF', Subject: 'CN=mail.contoso.com', Status: 'Valid', HasPrivateKey: true, NotAfter: null },
  ],
  'Get-IntraOrganizationConnector': [
    {
      Name: 'HybridIOC',
      Enabled: true,
      TargetAddressDomains: ['contoso.mail.onmicrosoft.com'],
      DiscoveryEndpoint: 'https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc',
      TargetSharingEpr: null,
    },
  ],
  'Get-OrganizationRelationship': [
    {
      Name: 'On-premises to O365',
      Enabled: true,
      DomainNames: ['contoso.mail.onmicrosoft.com'],
      TargetSharingEpr: null,
      TargetAutodiscoverEpr: 'https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity',
    },
  ],
  'Get-HybridConfiguration': [
    {
      Features: ['FreeBusy', 'Photos'],
      Domains: ['autod:Contoso.com', 'fabrikam.com'],
      ServiceInstance: 0,
      TlsCertificateName: '<I>CN=Example CA<S>CN=mail.contoso.com',
    },
  ],
  'Get-SettingOverride': [
    {
      Name: 'EnableExchangeHybrid3PAppFeature',
      ComponentName: 'Global',
      SectionName: 'ExchangeOnpremAsThirdPartyAppId',
      Parameters: ['Enabled=true'],
      Status: 'Accepted',
    },
  ],
  'Get-OrganizationConfig': [
    {
      Guid: '22222222-2222-3333-4444-555555555555',
      EwsEnabled: null,
      EwsApplicationAccessPolicy: 'EnforceAllowList',
      EwsAllowList: ['*Teams/*'],
      EwsBlockList: null,
      OAuth2ClientProfileEnabled: true,
    },
  ],
  'Get-CASMailbox': [
    { EwsEnabled: true, EwsApplicationAccessPolicy: null, EwsAllowList: null, EwsBlockList: null },
    { EwsEnabled: true, EwsApplicationAccessPolicy: null, EwsAllowList: null, EwsBlockList: null },
    {
      EwsEnabled: false,
      EwsApplicationAccessPolicy: 'EnforceBlockList',
      EwsAllowList: null,
      EwsBlockList: ['*Teams*'],
    },
  ],
  'Test-OAuthConnectivity': [
    { ResultType: 'Success', Detail: 'token of adele@contoso.com L:33333333-2222-3333-4444-555555555555-AS:00000001' },
  ],
  'Get-MailboxFolderStatistics': [
    { Name: 'Geburtstage', FolderType: 'BirthdayCalendar' },
    { Name: 'Kalender', FolderType: 'Calendar' },
  ],
  'Get-MailboxFolderPermission': {
    parameters: ['Identity'],
    body: `
      if ($Identity -ne 'adele@contoso.com:\\Kalender') { throw "no folder $Identity" }
      [pscustomobject] @{ User = 'Default'; AccessRights = @('AvailabilityOnly') }
      [pscustomobject] @{ User = 'Diego Siciliani'; AccessRights = @('Editor') }
      [pscustomobject] @{ User = 'Lee Gu'; AccessRights = @('Author') }`,
  },
};

/** GUIDs of the schema, as Active Directory keeps them: sixteen bytes. */
const attributes = [
  'msDS-ExternalDirectoryObjectID',
  'msExchArchiveStatus',
  'msExchBlockedSendersHash',
  'msExchSafeRecipientsHash',
  'msExchSafeSendersHash',
  'msExchUCVoiceMailSettings',
  'msExchUserHoldPolicies',
  'proxyAddresses',
  'publicDelegates',
];
const classes = ['user', 'inetOrgPerson', 'group', 'contact'];
const schema = [...attributes, ...classes].map((lDAPDisplayName, index) => ({
  lDAPDisplayName,
  schemaIDGUID: [index + 1, ...Array(15).fill(0)],
}));
const schemaId = (name: string) =>
  `${(schema.findIndex((row) => row.lDAPDisplayName === name) + 1).toString(16).padStart(8, '0')}-0000-0000-0000-000000000000`;

const anything = '00000000-0000-0000-0000-000000000000';
const entry = (ObjectType: string, InheritedObjectType: string, more: object = {}) => ({
  IdentityReference: 'S-1-5-21-1-2-3-1104',
  AccessControlType: 'Allow',
  ActiveDirectoryRights: 'ReadProperty, WriteProperty',
  InheritanceType: 'Descendents',
  ObjectType,
  InheritedObjectType,
  ...more,
});

/** An Entra Connect server of one forest whose connector account has these entries on the domain root. */
function entraConnect(entries: object[]): Record<string, StandIn> {
  return {
    'Get-ADSyncGlobalSettings': [
      {
        Parameters: [
          { Name: 'Microsoft.OptionalFeature.HybridExchange', Value: 'True' },
          { Name: 'Microsoft.Synchronize.ServerConfigurationVersion', Value: '2.5.79.0' },
        ],
      },
    ],
    'Get-ADSyncScheduler': [{ SyncCycleEnabled: true, StagingModeEnabled: false }],
    'Get-ADSyncRule': [
      { Name: 'Out to AD - User Exchange Hybrid', Disabled: false },
      { Name: 'In from AD - User Common', Disabled: false },
    ],
    'Get-ADSyncADConnectorAccount': [{ ADConnectorName: 'contoso.local', ADConnectorAccountName: 'MSOL_0123456789ab' }],
    'Get-ADRootDSE': [
      {
        defaultNamingContext: 'DC=contoso,DC=local',
        schemaNamingContext: 'CN=Schema,CN=Configuration,DC=contoso,DC=local',
      },
    ],
    'Get-ADUser': [{ SID: 'S-1-5-21-1-2-3-1104' }],
    'Get-ADObject': {
      parameters: ['SearchBase', 'Identity', 'LDAPFilter'],
      body: `
        if ($SearchBase -like 'CN=Schema*') { ${schema.map(literal).join('; ')} }
        elseif ($Identity -eq 'DC=contoso,DC=local') {
          $security = [pscustomobject] @{}
          $rules = @(${entries.map(literal).join(', ')})
          $security.PSObject.Methods.Add([psscriptmethod]::new('GetAccessRules', { $rules }.GetNewClosure()))
          [pscustomobject] @{ nTSecurityDescriptor = $security }
        } else {
          [pscustomobject] @{ 'msDS-ExternalDirectoryObjectID' = 'User_1' }
          [pscustomobject] @{ 'msDS-ExternalDirectoryObjectID' = $null }
        }`,
    },
  };
}

type Facts = {
  parts: string[];
  exchange: Record<string, unknown> & {
    servers: unknown[];
    builds: unknown[];
    mailboxes: { byServer: { server: string; count: number; truncated: boolean }[]; byDomain: unknown[] };
    delegates: { mailbox: string; delegates: { delegate: string }[] }[];
  };
  entraConnect: Record<string, unknown> & { writeback: { classes: { class: string; missing: string[] }[] }[] };
  sections: { section: string; complete: boolean; elapsedMs: number }[];
  errors: { section: string; message: string }[];
};

describe.runIf(host).each(host ? enginesFor(host) : [])('Collect-TeamsInteropFacts on the $name', (on) => {
  const run = (standIns: Record<string, StandIn>, request: Parameters<typeof collect>[3] = {}) =>
    collect<Facts>(on, script, standIns, { ...request });

  it('writes every section of a healthy organization', async () => {
    const parameters = { SampleMailbox: ['adele@contoso.com'], OAuthTestMailbox: 'adele@contoso.com', Salt: 'pepper' };
    const { facts, json, output, errors, calls } = await run(healthyOrganization, { parameters });
    expect(errors).toEqual([]);
    expect(output.at(-1)).toMatch(/^VERDICT complete: /);
    const hash = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect(facts).toEqual({
      schema: 'teams-exchange-interop/1',
      collectedAt: expect.stringMatching(/Z$/),
      collector: { version: '1.0.0', psVersion: expect.any(String) },
      host: { name: 'EX1' },
      parts: ['exchange'],
      exchange: {
        scope: { entireForest: true },
        servers: [
          {
            name: 'EX1',
            fqdn: 'ex1.contoso.local',
            adminDisplayVersion: 'Version 15.2 (Build 2562.17)',
            serverRole: 'Mailbox',
            site: 'Head Office',
            edition: 'Enterprise',
          },
        ],
        builds: [{ server: 'EX1', build: '15.2.2562.53' }],
        mailboxes: {
          byServer: [{ server: 'EX1', count: 4, truncated: false }],
          byDomain: expect.arrayContaining([
            { domain: 'contoso.com', count: 3 },
            { domain: 'fabrikam.com', count: 1 },
          ]),
        },
        remoteMailboxes: {
          count: 1,
          truncated: false,
          byRoutingDomain: [{ domain: 'contoso.mail.onmicrosoft.com', count: 1 }],
        },
        acceptedDomains: [{ domain: 'contoso.com', type: 'Authoritative', default: true }],
        webServicesVirtualDirectories: [
          {
            server: 'EX1',
            name: 'EWS (Default Web Site)',
            internalUrl: 'https://ex1.contoso.local/EWS/Exchange.asmx',
            externalUrl: 'https://mail.contoso.com/EWS/Exchange.asmx',
            internalNlbBypassUrl: '',
            oauth: true,
            wsSecurity: true,
            windows: true,
            basic: false,
            mrsProxy: false,
          },
        ],
        autodiscoverVirtualDirectories: [
          {
            server: 'EX1',
            name: 'Autodiscover (Default Web Site)',
            oauth: true,
            wsSecurity: true,
            windows: true,
            basic: true,
          },
        ],
        clientAccessServices: [
          {
            server: 'EX1',
            autodiscoverServiceInternalUri: 'https://autodiscover.contoso.com/Autodiscover/Autodiscover.xml',
          },
        ],
        authServers: [
          {
            name: 'EvoSts',
            type: 'AzureAD',
            enabled: true,
            issuerIdentifier: `https://sts.windows.net/${tenant}/`,
            tokenIssuingEndpoint: 'https://login.windows.net/common/oauth2/token',
            authMetadataUrl: `https://login.windows.net/${tenant}/federationmetadata/2007-06/federationmetadata.xml`,
            isDefaultAuthorizationEndpoint: true,
            applicationIdentifier: '',
            realm: tenant,
            domainNames: ['contoso.com', 'contoso.mail.onmicrosoft.com'],
            graphBaseUrl: '',
          },
        ],
        partnerApplications: [
          {
            name: 'Exchange Online',
            applicationIdentifier: '00000002-0000-0ff1-ce00-000000000000',
            enabled: true,
            realm: '',
            authMetadataUrl: '',
            useAuthServer: true,
            acceptSecurityIdentifierInformation: false,
            hasLinkedAccount: true,
            linkedAccount: {
              recipientTypeDetails: 'LinkedUser',
              roles: ['UserApplication', 'ArchiveApplication'],
              roleEntries: [],
            },
          },
          expect.objectContaining({
            applicationIdentifier: teamsScheduler,
            linkedAccount: {
              recipientTypeDetails: 'LinkedUser',
              roles: ['TeamsSchedulerRole'],
              roleEntries: ['GetDelegate'],
            },
          }),
          expect.objectContaining({
            name: 'No account',
            acceptSecurityIdentifierInformation: null,
            hasLinkedAccount: false,
            linkedAccount: null,
          }),
        ],
        authConfig: {
          currentCertificateThumbprint: thumbprint,
          previousCertificateThumbprint: '',
          nextCertificateThumbprint: '',
          nextCertificateEffectiveDate: null,
          serviceName: '00000002-0000-0ff1-ce00-000000000000',
          realm: '',
        },
        authCertificates: [
          {
            server: 'EX1',
            thumbprint,
            present: true,
            subject: 'CN=Microsoft Exchange Server Auth Certificate',
            status: 'Valid',
            hasPrivateKey: true,
            notAfter: '2030-06-01T10:00:00.000Z',
          },
        ],
        intraOrganizationConnectors: [
          {
            name: 'HybridIOC',
            enabled: true,
            targetAddressDomains: ['contoso.mail.onmicrosoft.com'],
            discoveryEndpoint: 'https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc',
            targetSharingEpr: '',
          },
        ],
        organizationRelationships: [
          {
            name: 'On-premises to O365',
            enabled: true,
            domainNames: ['contoso.mail.onmicrosoft.com'],
            targetSharingEpr: '',
            targetAutodiscoverEpr: 'https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity',
          },
        ],
        hybridConfiguration: {
          present: true,
          features: ['FreeBusy', 'Photos'],
          domains: [
            { domain: 'contoso.com', autodiscover: true },
            { domain: 'fabrikam.com', autodiscover: false },
          ],
          serviceInstance: '0',
          tlsCertificateName: '<I>CN=Example CA<S>CN=mail.contoso.com',
        },
        settingOverrides: [
          {
            name: 'EnableExchangeHybrid3PAppFeature',
            component: 'Global',
            section: 'ExchangeOnpremAsThirdPartyAppId',
            parameters: ['Enabled=true'],
            status: 'Accepted',
          },
        ],
        organizationConfig: {
          guid: '22222222-2222-3333-4444-555555555555',
          ewsEnabled: null,
          ewsApplicationAccessPolicy: 'EnforceAllowList',
          ewsAllowList: ['*Teams/*'],
          ewsBlockList: [],
          oauth2ClientProfileEnabled: true,
        },
        mailboxEwsPolicies: {
          sampled: 3,
          truncated: false,
          policies: [
            { ewsEnabled: true, ewsApplicationAccessPolicy: '', ewsAllowList: [], ewsBlockList: [], count: 2 },
            {
              ewsEnabled: false,
              ewsApplicationAccessPolicy: 'EnforceBlockList',
              ewsAllowList: [],
              ewsBlockList: ['*Teams*'],
              count: 1,
            },
          ],
        },
        oauthTests: [
          {
            service: 'EWS',
            targetUri: 'https://outlook.office365.com/EWS/Exchange.asmx',
            resultType: 'Success',
            application: '33333333-2222-3333-4444-555555555555',
          },
        ],
        sampleEwsPolicies: [
          { mailbox: hash, ewsEnabled: true, ewsApplicationAccessPolicy: '', ewsAllowList: [], ewsBlockList: [] },
        ],
        delegates: [
          {
            mailbox: hash,
            sendOnBehalfCount: 1,
            delegates: [
              { delegate: hash, rights: ['Editor'], sendOnBehalf: true, isDelegate: null },
              { delegate: hash, rights: ['Author'], sendOnBehalf: false, isDelegate: null },
            ],
          },
        ],
      },
      sections: expect.arrayContaining([{ section: 'exchange.builds', complete: true, elapsedMs: expect.any(Number) }]),
      errors: [],
    });
    expect(json).not.toMatch(/adele|diego|lee gu|pepper|@/i);
    expect(foreignCalls(calls, allowed)).toEqual([]);
  });

  it('looks for an Auth certificate on servers of version 15 only', async () => {
    const { facts } = await run({
      ...healthyOrganization,
      'Get-ExchangeServer': [
        server('EX1'),
        { ...server('OLD10'), AdminDisplayVersion: 'Version 14.3 (Build 123.4)' },
        { ...server('EDGE1'), ServerRole: 'Edge' },
      ],
    });
    expect(facts.exchange.authCertificates).toMatchObject([{ server: 'EX1', present: true }]);
  });

  it('says when only the own domain of the forest was in view', async () => {
    const { facts } = await run({ ...healthyOrganization, 'Set-ADServerSettings': accessDenied });
    expect(facts.exchange.scope).toEqual({ entireForest: false });
    expect(facts.errors).toEqual([{ section: 'exchange.scope', message: 'Access is denied.' }]);
  });

  it('tells Owner, Editor and Author apart, and true delegates by the flag of the folder', async () => {
    const row = (user: string, rights: string, flags: string) =>
      `[pscustomobject] @{ User = '${user}'; AccessRights = @('${rights}'); SharingPermissionFlags = ${flags} }`;
    const { facts } = await run(
      {
        ...healthyOrganization,
        'Get-MailboxFolderPermission': {
          body: [
            row('Diego Siciliani', 'Editor', "'Delegate, CanViewPrivateItems'"),
            row('Lee Gu', 'Author', '$null'),
            row('Megan Bowen', 'Owner', "'Delegate'"),
            row('Default', 'AvailabilityOnly', '$null'),
          ].join('\n'),
        },
      },
      { parameters: { SampleMailbox: ['adele@contoso.com'] } },
    );
    expect(facts.exchange.delegates[0]?.delegates).toMatchObject([
      { rights: ['Editor'], isDelegate: true, sendOnBehalf: true },
      { rights: ['Author'], isDelegate: false, sendOnBehalf: false },
      { rights: ['Owner'], isDelegate: true, sendOnBehalf: false },
    ]);
  });

  it('reads a certificate that arrives as its raw data, and claims nothing about its private key', async () => {
    const certificate = new X509Certificate(createAuthority().issue(['auth']).cert);
    const thumb = certificate.fingerprint.replaceAll(':', '');
    const { facts } = await run({
      ...healthyOrganization,
      'Get-PSSession': exchangeSession,
      'Get-AuthConfig': [{ CurrentCertificateThumbprint: thumb, NextCertificateThumbprint: null }],
      'Get-ExchangeCertificate': {
        body: `[pscustomobject] @{ RawData = [byte[]] @(${[...certificate.raw].join(', ')}); HasPrivateKey = $false }`,
      },
    });
    expect(facts.exchange.authCertificates).toEqual([
      {
        server: 'EX1',
        thumbprint: thumb,
        present: true,
        subject: 'CN=auth',
        status: '',
        hasPrivateKey: null,
        notAfter: certificate.validToDate.toISOString(),
      },
    ]);
  });

  it('hashes alike with the same salt only', async () => {
    const sample = async (parameters: Record<string, string>) => {
      const { facts } = await run(healthyOrganization, {
        parameters: { SampleMailbox: ['adele@contoso.com'], ...parameters },
      });
      return facts.exchange.delegates[0]?.mailbox;
    };
    const salted = await sample({ Salt: 'pepper' });
    expect(await sample({ Salt: 'pepper' })).toBe(salted);
    expect(await sample({})).not.toBe(salted);
  });

  it('loses one section to one failing command, and names no mailbox in its error', async () => {
    const parameters = { SampleMailbox: ['adele@contoso.com', 'megan'] };
    const { facts, json, warnings } = await run(
      { ...healthyOrganization, 'Get-AuthServer': accessDenied },
      { parameters },
    );
    expect(facts.errors).toEqual([
      { section: 'exchange.authServers', message: 'Access is denied.' },
      {
        section: 'exchange.delegates',
        message: expect.stringMatching(/^[0-9a-f]{32}: The operation .* object '<address>' couldn't be found\.$/),
      },
    ]);
    expect(facts.exchange).not.toHaveProperty('authServers');
    expect(facts.exchange).toHaveProperty('partnerApplications');
    expect(facts.exchange.delegates).toHaveLength(1);
    expect(facts.sections).toContainEqual({
      section: 'exchange.authServers',
      complete: false,
      elapsedMs: expect.any(Number),
    });
    expect(json).not.toContain('megan');
    expect(warnings[0]).toBe('exchange.authServers: Access is denied.');
  });

  it('says what it did not read for want of the servers', async () => {
    const { facts } = await run({ ...healthyOrganization, 'Get-ExchangeServer': accessDenied });
    expect(facts.errors).toEqual([
      { section: 'exchange.servers', message: 'Access is denied.' },
      { section: 'exchange.builds', message: 'not read: the servers are not known' },
      { section: 'exchange.mailboxes', message: 'not read: the servers are not known' },
      { section: 'exchange.authCertificates', message: 'not read: the servers are not known' },
    ]);
    expect(facts.exchange).not.toHaveProperty('mailboxes');
  });

  it('runs in the Exchange Management Shell of an older version, where commands are missing', async () => {
    const { 'Get-SettingOverride': _, 'Get-IntraOrganizationConnector': __, ...older } = healthyOrganization;
    const { facts } = await run(older);
    expect(facts.errors).toEqual([
      {
        section: 'exchange.intraOrganizationConnectors',
        message: expect.stringContaining("'Get-IntraOrganizationConnector' is not recognized"),
      },
      {
        section: 'exchange.settingOverrides',
        message: expect.stringContaining("'Get-SettingOverride' is not recognized"),
      },
    ]);
  });

  it('refuses a shell that has neither Exchange nor Entra Connect', async () => {
    const { errors, json } = await run({});
    expect(errors.join()).toContain('run the script in the Exchange Management Shell or on the Entra Connect server');
    expect(json).toBe('{}');
  });

  it('writes an empty organization as empty, and what must be there as an error', async () => {
    const empty = Object.fromEntries(Object.keys(healthyOrganization).map((name) => [name, []]));
    const { facts } = await run(empty, { parameters: { Part: 'Exchange' } });
    expect(facts.exchange).toMatchObject({
      servers: [],
      builds: [],
      mailboxes: { byServer: [], byDomain: [] },
      remoteMailboxes: { count: 0, byRoutingDomain: [] },
      hybridConfiguration: { present: false, features: [], domains: [] },
      mailboxEwsPolicies: { sampled: 0, policies: [] },
    });
    expect(facts.errors).toEqual([
      { section: 'exchange.authConfig', message: 'Get-AuthConfig returned nothing' },
      {
        section: 'exchange.authCertificates',
        message: 'not read: the thumbprints of the Auth certificate are not known',
      },
      { section: 'exchange.organizationConfig', message: 'Get-OrganizationConfig returned nothing' },
    ]);
  });

  it('collects fifty servers with thousands of mailboxes, of which three do not answer', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `EX${index + 1}`);
    const { facts } = await run({
      ...healthyOrganization,
      'Get-ExchangeServer': names.map(server),
      'Get-Mailbox': {
        parameters: ['Server'],
        body: "foreach ($index in 1..100) { [pscustomobject] @{ PrimarySmtpAddress = 'user@contoso.com' } }",
      },
      'Get-ItemProperty': {
        parameters: ['Path', 'LiteralPath'],
        body: `
          if ($LiteralPath -match '^\\\\\\\\ex(7|8|9)\\.') { throw 'The network path was not found.' }
          if ($LiteralPath -notmatch '^(C:|\\\\\\\\ex\\d+\\.contoso\\.local\\\\C\\$)\\\\Exchange\\\\V15\\\\Bin\\\\ExSetup.exe$') { throw "wrong path $LiteralPath" }
          [pscustomobject] @{ VersionInfo = [pscustomobject] @{ FileMajorPart = 15; FileMinorPart = 1; FileBuildPart = 2507; FilePrivatePart = 75 } }`,
      },
    });
    expect(facts.exchange.servers).toHaveLength(50);
    expect(facts.exchange.builds).toHaveLength(47);
    expect(facts.exchange.mailboxes.byServer).toHaveLength(50);
    expect(facts.exchange.mailboxes.byDomain).toEqual([{ domain: 'contoso.com', count: 5_000 }]);
    expect(facts.exchange.authCertificates).toHaveLength(50);
    expect(facts.errors).toEqual(
      ['EX7', 'EX8', 'EX9'].map((name) => ({
        section: 'exchange.builds',
        message: `${name}: The network path was not found.`,
      })),
    );
  });

  it('ends a hanging command at the time limit, keeps what came and goes on', async () => {
    const { facts } = await run(
      {
        ...healthyOrganization,
        'Get-AuthServer': hanging,
        'Get-RemoteMailbox': {
          body: "[pscustomobject] @{ RemoteRoutingAddress = 'a@contoso.mail.onmicrosoft.com' }; Start-Sleep -Seconds 600",
        },
      },
      { parameters: { SectionSeconds: 3, MailboxSeconds: 3 } },
    );
    expect(facts.errors).toEqual([
      {
        section: 'exchange.remoteMailboxes',
        message: 'Get-RemoteMailbox was stopped: it did not end in time; what came until then is kept',
      },
      { section: 'exchange.authServers', message: 'Get-AuthServer was stopped: it did not end in time' },
    ]);
    expect(facts.exchange.remoteMailboxes).toMatchObject({ count: 1, truncated: true });
    expect(facts.exchange).toHaveProperty('partnerApplications');
  });

  it('writes the same on a German server', async () => {
    const request = { parameters: { SampleMailbox: ['adele@contoso.com'], Salt: 'pepper' } };
    const german = await run(healthyOrganization, { ...request, culture: 'de-DE' });
    const english = await run(healthyOrganization, { ...request, culture: 'en-US' });
    expect(german.facts.errors).toEqual([]);
    expect(german.facts.exchange).toEqual(english.facts.exchange);
  });

  it("reads through the shell's remote session to Exchange, where lists and enumerations arrive deserialized", async () => {
    const types = {
      'Get-AcceptedDomain': {
        body: "[pscustomobject] @{ DomainName = 'contoso.com'; DomainType = [DayOfWeek]::Monday; Default = $true }",
      },
      'Get-SettingOverride': {
        body: "[pscustomobject] @{ Parameters = [System.Collections.Generic.List[string]] @('Enabled=true') }",
      },
    };
    const request = { parameters: { SampleMailbox: ['adele@contoso.com'], Salt: 'pepper' } };
    const local = await run({ ...healthyOrganization, ...types }, request);
    const remote = await run({ ...healthyOrganization, ...types, 'Get-PSSession': exchangeSession }, request);
    expect(remote.facts.errors).toEqual([]);
    expect(remote.facts.exchange).toEqual(local.facts.exchange);
    expect(remote.facts.exchange.acceptedDomains).toEqual([{ domain: 'contoso.com', type: 'Monday', default: true }]);
    expect(remote.calls).not.toContain('Import-PSSession');
  });

  it('ends a command that hangs in the remote session, and goes on', async () => {
    const { facts } = await run(
      { ...healthyOrganization, 'Get-PSSession': exchangeSession, 'Get-AuthServer': hanging },
      { parameters: { SectionSeconds: 3 } },
    );
    expect(facts.errors).toEqual([
      { section: 'exchange.authServers', message: 'Get-AuthServer was stopped: it did not end in time' },
    ]);
    expect(facts.exchange).toHaveProperty('organizationConfig');
  });

  it('leaves a command behind that cannot even be stopped, and goes on in a new runspace', async () => {
    const { facts } = await run(
      {
        ...healthyOrganization,
        'Get-RemoteMailbox': {
          body: "[pscustomobject] @{ RemoteRoutingAddress = 'a@contoso.mail.onmicrosoft.com' }; [System.Threading.Thread]::Sleep(8000)",
        },
      },
      { parameters: { MailboxSeconds: 3 } },
    );
    expect(facts.errors).toEqual([
      {
        section: 'exchange.remoteMailboxes',
        message: 'Get-RemoteMailbox was stopped: it did not end in time; what came until then is kept',
      },
    ]);
    expect(facts.exchange.remoteMailboxes).toMatchObject({ count: 1, truncated: true });
    expect(facts.exchange).toHaveProperty('partnerApplications');
  });

  it('collects the Entra Connect part where its commands are, with all writeback rights', async () => {
    const { facts, json, errors } = await run(entraConnect([entry(anything, anything)]));
    expect(errors).toEqual([]);
    expect(facts.errors).toEqual([]);
    expect(facts.parts).toEqual(['entraConnect']);
    expect(facts).not.toHaveProperty('exchange');
    expect(facts.entraConnect).toEqual({
      globalSettings: { exchangeHybrid: true, version: '2.5.79.0' },
      scheduler: { syncCycleEnabled: true, stagingModeEnabled: false },
      rules: [{ name: 'Out to AD - User Exchange Hybrid', enabled: true }],
      connectorAccounts: [{ forest: 'contoso.local', account: expect.stringMatching(/^[0-9a-f]{32}$/) }],
      writeback: [
        {
          forest: 'contoso.local',
          classes: [
            { class: 'user', granted: attributes, missing: [] },
            { class: 'inetOrgPerson', granted: attributes, missing: [] },
            { class: 'group', granted: ['proxyAddresses'], missing: [] },
            { class: 'contact', granted: ['proxyAddresses'], missing: [] },
          ],
        },
      ],
      writebackEffect: [{ forest: 'contoso.local', sampled: 2, populated: 1, truncated: false }],
    });
    expect(json).not.toContain('MSOL_');
  });

  it.each([
    [
      'one attribute of one class',
      [entry(schemaId('proxyAddresses'), schemaId('user'))],
      'user',
      attributes.filter((name) => name !== 'proxyAddresses'),
    ],
    ['another class', [entry(anything, schemaId('user'))], 'group', ['proxyAddresses']],
    [
      'an entry that is not inherited',
      [entry(anything, anything, { InheritanceType: 'None' })],
      'contact',
      ['proxyAddresses'],
    ],
    [
      'reading only',
      [entry(anything, anything, { ActiveDirectoryRights: 'ReadProperty' })],
      'contact',
      ['proxyAddresses'],
    ],
    [
      'another account',
      [entry(anything, anything, { IdentityReference: 'S-1-5-21-9-9-9-500' })],
      'contact',
      ['proxyAddresses'],
    ],
    [
      'a denied attribute',
      [entry(anything, anything), entry(schemaId('publicDelegates'), anything, { AccessControlType: 'Deny' })],
      'user',
      ['publicDelegates'],
    ],
  ])('tells which writeback rights are missing: %s', async (_, entries, name, missing) => {
    const { facts } = await run(entraConnect(entries));
    expect(facts.entraConnect.writeback[0]?.classes.find((row) => row.class === name)?.missing).toEqual(missing);
  });
});
