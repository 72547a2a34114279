import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { literal, type StandIn } from './collectors.ts';

// An Exchange organization and an Entra Connect server, as their commands tell them.

export const thumbprint = '0123456789ABCDEF0123456789ABCDEF01234567';
export const teamsScheduler = '7557eb47-c689-4224-abcf-aef9bd7573df';
export const tenant = '11111111-2222-3333-4444-555555555555';
const account = 'contoso.local/Users/Exchange Online-ApplicationAccount';

export const server = (name: string) => ({
  Name: name,
  Fqdn: `${name.toLowerCase()}.contoso.local`,
  AdminDisplayVersion: 'Version 15.2 (Build 2562.17)',
  ServerRole: 'Mailbox',
  Site: 'contoso.local/Configuration/Sites/Head Office',
  Edition: 'Enterprise',
  DataPath: 'C:\\Exchange\\V15\\Mailbox',
});

/** An organization of one server that is ready, as its commands tell it. */
export const healthyOrganization: Record<string, StandIn> = {
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
  'Get-ADForest': [{ Domains: ['contoso.local', 'Child.contoso.local'] }],
  'Get-Mailbox': {
    parameters: ['Server', 'Identity', 'OrganizationalUnit'],
    body: `
      if ($OrganizationalUnit) { return }
      if ($Identity -eq 'adele@contoso.com') { [pscustomobject] @{ PrimarySmtpAddress = 'adele@contoso.com'; GrantSendOnBehalfTo = @('contoso.local/Users/Diego Siciliani') } }
      elseif ($Identity) { throw "The operation couldn't be performed because object '$Identity' couldn't be found." }
      else { foreach ($index in 1..3) { [pscustomobject] @{ PrimarySmtpAddress = "user$index@Contoso.com"; OrganizationalUnit = 'contoso.local/Users' } }; [pscustomobject] @{ PrimarySmtpAddress = 'x@fabrikam.com'; OrganizationalUnit = 'child.contoso.local/People/East' } }`,
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
export const attributes = [
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
export const schemaId = (name: string) =>
  `${(schema.findIndex((row) => row.lDAPDisplayName === name) + 1).toString(16).padStart(8, '0')}-0000-0000-0000-000000000000`;

export const anything = '00000000-0000-0000-0000-000000000000';
export const entry = (ObjectType: string, InheritedObjectType: string, more: object = {}) => ({
  IdentityReference: 'S-1-5-21-1-2-3-1104',
  AccessControlType: 'Allow',
  ActiveDirectoryRights: 'ReadProperty, WriteProperty',
  InheritanceType: 'Descendents',
  ObjectType,
  InheritedObjectType,
  ...more,
});

/** An Entra Connect server of one forest whose connector account has these entries on the domain root. */
export function entraConnect(entries: object[]): Record<string, StandIn> {
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

/**
 * Entra Connect's program folder with the one module that is loaded from there (and from no other place: its command is no
 * stand-in); what the environment calls ProgramFiles. Whoever asks for it removes it.
 */
export async function entraConnectProgram(): Promise<string> {
  const programs = await mkdtemp(join(tmpdir(), 'fieldcheck-programs-'));
  const folder = join(programs, 'Microsoft Azure Active Directory Connect', 'AdSyncConfig');
  await mkdir(folder, { recursive: true });
  const account = { ADConnectorName: 'contoso.local', ADConnectorAccountName: 'MSOL_0123456789ab' };
  await writeFile(join(folder, 'AdSyncConfig.psm1'), `function Get-ADSyncADConnectorAccount { ${literal(account)} }`);
  return programs;
}
