import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openPwsh, type PowerShellHost } from '../powershell/host.ts';
import { createAuthority } from '../sources/https-probe/certificates.ts';
import {
  accessDenied,
  allowList,
  collect,
  collectorFolder,
  foreignCalls,
  hanging,
  literal,
  type StandIn,
  unused,
  waitUnstoppably,
} from './collectors.ts';
import {
  anything,
  attributes,
  entraConnect,
  entraConnectProgram,
  entry,
  healthyOrganization,
  schemaId,
  server,
  teamsScheduler,
  tenant,
  thumbprint,
} from './exchange-stand-ins.ts';

const script = 'Collect-TeamsInteropFacts.ps1';
const path = join(collectorFolder, script);
// The first run of a host compiles the engine: some seconds, more where others work on the same machine.
vi.setConfig({ testTimeout: 90_000 });
const host = await openPwsh();
const engine = host as PowerShellHost;
let programs = '';
beforeAll(async () => {
  programs = await entraConnectProgram();
});
afterAll(() => rm(programs, { recursive: true }));

const allowed = allowList({
  commands: [
    'Get-ADForest',
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

describe.runIf(host)(`Collect-TeamsInteropFacts on ${host?.name}`, () => {
  const run = (standIns: Record<string, StandIn>, request: Parameters<typeof collect>[3] = {}) =>
    collect<Facts>(engine, script, standIns, { environment: { ProgramFiles: programs }, ...request });

  it('writes every section of a healthy organization', async () => {
    const parameters = { SampleMailbox: ['adele@contoso.com'], OAuthTestMailbox: 'adele@contoso.com', Salt: 'pepper' };
    const { facts, json, output, errors, calls } = await run(healthyOrganization, { parameters });
    expect(errors).toEqual([]);
    expect(output.at(-1)).toMatch(/^VERDICT complete: /);
    const hash = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect(facts).toEqual({
      schema: 'teams-exchange-interop/1',
      collectedAt: expect.stringMatching(/Z$/),
      collector: { version: '1.1.0', psVersion: expect.any(String) },
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
        forest: {
          domains: [
            { domain: 'contoso.local', mailboxes: 3 },
            { domain: 'child.contoso.local', mailboxes: 1 },
          ],
          notLookedAt: [],
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

  it('knows a delegate whose name in the directory is not the display name', async () => {
    const { facts } = await run(
      {
        ...healthyOrganization,
        'Get-Mailbox': {
          parameters: ['Server', 'Identity', 'OrganizationalUnit'],
          body: "[pscustomobject] @{ PrimarySmtpAddress = 'adele@contoso.com'; OrganizationalUnit = 'contoso.local/Users'; GrantSendOnBehalfTo = @('contoso.local/Users/u4711', 'contoso.local/Users/gone') }",
        },
        'Get-User': {
          parameters: ['Identity'],
          body: `
            if ($Identity -eq 'contoso.local/Users/gone') { throw 'no such user' }
            [pscustomobject] @{ DisplayName = 'Diego Siciliani'; RecipientTypeDetails = 'LinkedUser' }`,
        },
      },
      { parameters: { SampleMailbox: ['adele@contoso.com'] } },
    );
    expect(facts.exchange.delegates[0]).toMatchObject({
      sendOnBehalfCount: 2,
      delegates: [
        { rights: ['Editor'], sendOnBehalf: true },
        { rights: ['Author'], sendOnBehalf: false },
      ],
    });
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
            row('Isaiah Langer', 'PublishingEditor', '$null'),
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
      { rights: ['PublishingEditor'], isDelegate: false, sendOnBehalf: false },
    ]);
  });

  it('reads a certificate that arrives as its raw data, and claims nothing about its private key', async () => {
    const certificate = new X509Certificate(createAuthority().issue(['auth']).cert);
    const thumb = certificate.fingerprint.replaceAll(':', '');
    const { facts } = await run({
      ...healthyOrganization,
      'Get-AuthConfig': [{ CurrentCertificateThumbprint: thumb, NextCertificateThumbprint: null }],
      // A real certificate: what of it arrives is decided by the real serializer.
      'Get-ExchangeCertificate': {
        body: `[System.Security.Cryptography.X509Certificates.X509Certificate2]::new([byte[]] @(${[...certificate.raw].join(', ')}))`,
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

  describe('whose first connections to Exchange do not open', () => {
    /** A server that takes a connection and lets go of it at once, without a word: the collector's runspace is a real one. */
    const busy = createServer((connection) => {
      connections += 1;
      connection.on('error', () => undefined).resume();
      connection.write("<CloseAck PSGuid='00000000-0000-0000-0000-000000000000' />\n");
    });
    let pipe = '';
    let connections = 0;
    beforeAll(async () => {
      pipe = join(await mkdtemp(join(tmpdir(), 'fieldcheck-pipe-')), 'exchange');
      await once(busy.listen(pipe), 'listening');
    });
    beforeEach(() => {
      connections = 0;
    });
    afterAll(async () => {
      busy.close();
      await rm(dirname(pipe), { recursive: true });
    });

    /** A session whose first connections lead elsewhere, and all others to the server that answers. */
    const organization = (times: number, elsewhere: string | number = pipe): Record<string, StandIn> => ({
      ...healthyOrganization,
      // A pause before the second connection changes nothing here: it is only told.
      'Start-Sleep': {
        parameters: ['Seconds', 'Milliseconds'],
        body: 'if ($Seconds) { Write-Verbose "a pause of $Seconds s" -Verbose } else { [System.Threading.Thread]::Sleep($Milliseconds) }',
      },
      'Get-PSSession': {
        body: `
          $script:asked += 1
          $target = if ($script:asked -le ${times}) { ${literal(elsewhere)} } else { $PID }
          $connection = [System.Management.Automation.Runspaces.NamedPipeConnectionInfo]::new($target)
          [pscustomobject] @{ ConfigurationName = 'Microsoft.Exchange'; State = 'Opened'; Runspace = [pscustomobject] @{ OriginalConnectionInfo = $connection } }`,
      },
    });

    it('connects once more', async () => {
      const { facts, verbose } = await run(organization(1));
      expect(connections).toBe(1);
      expect(verbose).toEqual(['a pause of 1 s']);
      expect(facts.errors).toEqual([]);
    });

    it('says its state when the second connection does not open either, and connects for the next section', async () => {
      const { facts } = await run(organization(2));
      expect(connections).toBe(2);
      expect(facts.errors).toEqual([
        {
          section: 'exchange.scope',
          message: 'the connection to Exchange did not open: it is Broken, and no reason was given',
        },
      ]);
    });

    it('says the reason where there is one', async () => {
      const nobody = 2_147_483_647;
      const { facts } = await run(organization(2, nobody));
      expect(facts.errors).toEqual([
        {
          section: 'exchange.scope',
          message: `the connection to Exchange did not open: Process with an Id of ${nobody} is not running.`,
        },
      ]);
    });

    it('does not connect once more when the time of the section would be over', async () => {
      const { facts } = await run(organization(1), { parameters: { SectionSeconds: 1 } });
      expect(connections).toBe(1);
      // On a busy machine the first connection itself takes all of the time.
      expect(facts.errors[0]).toEqual({
        section: 'exchange.scope',
        message: expect.stringMatching(
          /^the connection to Exchange did not open: it is Broken, and no reason was given$|^no connection to Exchange came about in time$/,
        ),
      });
    });
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
      { section: 'exchange.forest', message: 'Get-ADForest returned nothing' },
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
    expect([german.errors, german.timedOut, german.facts.errors]).toEqual([[], false, []]);
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
    const local = await run({ ...healthyOrganization, ...types, 'Get-PSSession': [] }, request);
    const remote = await run({ ...healthyOrganization, ...types }, request);
    expect(remote.facts.errors).toEqual([]);
    expect(remote.facts.exchange).toEqual(local.facts.exchange);
    expect(remote.facts.exchange.acceptedDomains).toEqual([{ domain: 'contoso.com', type: 'Monday', default: true }]);
    expect(remote.calls).not.toContain('Import-PSSession');
  });

  it('ends a command that hangs in the remote session, and goes on', async () => {
    const { facts } = await run(
      { ...healthyOrganization, 'Get-AuthServer': hanging },
      { parameters: { SectionSeconds: 3 } },
    );
    expect(facts.errors).toEqual([
      { section: 'exchange.authServers', message: 'Get-AuthServer was stopped: it did not end in time' },
    ]);
    expect(facts.exchange).toHaveProperty('organizationConfig');
  });

  it('names the domain of the forest that it could not look at', async () => {
    const { facts } = await run({
      ...healthyOrganization,
      'Get-Mailbox': {
        parameters: ['Server', 'Identity', 'OrganizationalUnit'],
        body: `
          if ($OrganizationalUnit -eq 'Child.contoso.local') { throw "The domain controller of Child.contoso.local isn't available." }
          if ($Server) { [pscustomobject] @{ PrimarySmtpAddress = 'a@contoso.com'; OrganizationalUnit = 'contoso.local/Users' } }`,
      },
    });
    expect(facts.exchange.forest).toEqual({
      domains: [{ domain: 'contoso.local', mailboxes: 1 }],
      notLookedAt: ['child.contoso.local'],
    });
    expect(facts.errors).toEqual([
      {
        section: 'exchange.forest',
        message: "Child.contoso.local: The domain controller of Child.contoso.local isn't available.",
      },
    ]);
  });

  it('says first that an Entra Connect server is in staging mode', async () => {
    const { warnings, facts } = await run({
      ...entraConnect([entry(anything, anything)]),
      'Get-ADSyncScheduler': [{ SyncCycleEnabled: true, StagingModeEnabled: true }],
    });
    expect(warnings).toEqual([
      'This Entra Connect server is in staging mode and exports nothing: run the script on the active one, too.',
    ]);
    expect(facts.sections[0]?.section).toBe('entraConnect.scheduler');
  });

  it('loads the module from where the setup of Entra Connect put it, and says the reason where it is not', async () => {
    const setup = (folder: string): StandIn => ({
      parameters: ['LiteralPath'],
      body: `
        if ($LiteralPath -ne 'HKLM:\\SOFTWARE\\Microsoft\\Azure AD Connect') { throw "no such path $LiteralPath" }
        [pscustomobject] @{ WizardPath = '${folder}\\AzureADConnect.exe' }`,
    });
    const at = async (folder: string) => {
      const standIns = { ...entraConnect([entry(anything, anything)]), 'Get-ItemProperty': setup(folder) };
      return (await run(standIns, { environment: { ProgramFiles: '/nowhere' } })).facts;
    };
    expect((await at(join(programs, 'Microsoft Azure Active Directory Connect'))).errors).toEqual([]);
    expect((await at('/elsewhere')).errors[0]).toEqual({
      section: 'entraConnect.connectorAccounts',
      message: expect.stringMatching(
        /^\/elsewhere\\AdSyncConfig\\AdSyncConfig\.psm1 was not loaded: The specified module .* was not loaded because no valid module file was found/,
      ),
    });
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

  it('leaves a command behind that cannot even be stopped, and goes on in a new runspace', async () => {
    const { facts } = await run(
      {
        ...healthyOrganization,
        'Get-PSSession': [],
        'Get-RemoteMailbox': {
          body: `[pscustomobject] @{ RemoteRoutingAddress = 'a@contoso.mail.onmicrosoft.com' }; ${waitUnstoppably}`,
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

  it('ends also where a command cannot be stopped and the server admits no other connection', async () => {
    // The named pipe of a process has room for one.
    const { facts, timedOut } = await run(
      { ...healthyOrganization, 'Get-SettingOverride': { body: waitUnstoppably } },
      { parameters: { SectionSeconds: 2 } },
    );
    expect(timedOut).toBe(false);
    expect(facts.errors).toEqual([
      { section: 'exchange.settingOverrides', message: 'Get-SettingOverride was stopped: it did not end in time' },
      { section: 'exchange.organizationConfig', message: 'no connection to Exchange came about in time' },
      { section: 'exchange.mailboxEwsPolicies', message: 'no connection to Exchange came about in time' },
    ]);
    expect(facts.exchange).toHaveProperty('hybridConfiguration');
  });
});
