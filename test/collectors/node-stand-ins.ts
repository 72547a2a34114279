import type { StandIn } from './collectors.ts';

export const lan = '{00000000-0000-4000-8000-000000000001}';
export const loopback = '{00000000-0000-4000-8000-000000000002}';

/** A node that is set up for Direct Server Return, as its commands tell it. */
export function healthyNode(logFolder: string): Record<string, StandIn> {
  const ipInterfaces = [
    ['LAN', 'IPv4', 15, 'Enabled', 'Disabled', 'Enabled'],
    ['Loopback', 'IPv4', 254, 'Disabled', 'Enabled', 'Enabled'],
    ['Loopback Pseudo-Interface 1', 'IPv4', 75, 'Enabled', 'Disabled', 'Disabled'],
  ].map(([InterfaceAlias, AddressFamily, InterfaceMetric, AutomaticMetric, WeakHostSend, WeakHostReceive]) => ({
    InterfaceAlias,
    AddressFamily,
    InterfaceMetric,
    AutomaticMetric,
    WeakHostSend,
    WeakHostReceive,
    Dhcp: 'Disabled',
    DadTransmits: 3,
  }));
  return {
    'Get-ItemProperty': {
      parameters: ['Path', 'LiteralPath'],
      body: `
        if ($LiteralPath -like '*CurrentVersion') { [pscustomobject] @{ ProductName = 'Windows Server 2022 Datacenter'; CurrentBuild = '20348'; UBR = 2700 } }
        elseif ($LiteralPath -like '*ExchangeServer*Setup') { [pscustomobject] @{ MsiInstallPath = 'C:\\Exchange\\' } }
        elseif ($LiteralPath -eq 'C:\\Exchange\\Bin\\ExSetup.exe') { [pscustomobject] @{ VersionInfo = [pscustomobject] @{ FileMajorPart = 15; FileMinorPart = 2; FileBuildPart = 2562; FilePrivatePart = 53 } } }
        elseif ($Path -like '*NetBT*Tcpip_*') {
          [pscustomobject] @{ PSChildName = 'Tcpip_${lan}'; NetbiosOptions = 0 }
          [pscustomobject] @{ PSChildName = 'Tcpip_${loopback}'; NetbiosOptions = 2 }
          [pscustomobject] @{ PSChildName = 'Tcpip_{00000000-0000-4000-8000-000000000003}' }
        } else { throw "no such path $Path$LiteralPath" }`,
    },
    'Get-NetAdapter': [
      {
        Name: 'LAN',
        InterfaceDescription: 'vmxnet3 Ethernet Adapter',
        InterfaceGuid: lan,
        ifIndex: 4,
        Status: 'Up',
        ComponentID: 'PCI\\VEN_15AD&DEV_07B0',
        PnPDeviceID: 'PCI\\VEN_15AD',
      },
      {
        Name: 'Loopback',
        InterfaceDescription: 'Microsoft KM-TEST Loopback Adapter',
        InterfaceGuid: loopback,
        ifIndex: 9,
        Status: 'Up',
        ComponentID: '*msloop',
        PnPDeviceID: 'ROOT\\NET\\0000',
      },
    ],
    'Get-NetAdapterBinding': [
      { Name: 'Loopback', ComponentID: 'ms_tcpip', Enabled: true },
      { Name: 'Loopback', ComponentID: 'ms_msclient', Enabled: false },
    ],
    'Get-NetIPInterface': ipInterfaces,
    'Get-NetIPAddress': [
      {
        InterfaceAlias: 'LAN',
        IPAddress: '192.0.2.11',
        PrefixLength: 24,
        AddressState: 'Preferred',
        SkipAsSource: false,
      },
      {
        InterfaceAlias: 'Loopback',
        IPAddress: '192.0.2.25',
        PrefixLength: 32,
        AddressState: 'Preferred',
        SkipAsSource: true,
      },
    ],
    'Get-NetRoute': [
      {
        DestinationPrefix: '0.0.0.0/0',
        NextHop: '192.0.2.1',
        InterfaceAlias: 'LAN',
        RouteMetric: 256,
        InterfaceMetric: 15,
      },
    ],
    'Get-NetNeighbor': [
      { InterfaceAlias: 'LAN', IPAddress: '192.0.2.25', LinkLayerAddress: '00-00-5E-00-53-05', State: 'Stale' },
    ],
    'Get-DnsClient': [
      { InterfaceAlias: 'LAN', RegisterThisConnectionsAddress: true },
      { InterfaceAlias: 'Loopback', RegisterThisConnectionsAddress: false },
    ],
    'Get-DnsClientServerAddress': [
      { InterfaceAlias: 'LAN', ServerAddresses: ['192.0.2.53', '192.0.2.54'] },
      { InterfaceAlias: 'LAN', ServerAddresses: [] },
      { InterfaceAlias: 'Loopback', ServerAddresses: [] },
    ],
    'Resolve-DnsName': [{ Name: 'EX1', IPAddress: '192.0.2.11' }],
    'Get-NetFirewallProfile': [
      { Name: 'Public', Enabled: 'True', DefaultInboundAction: 'Block', DisabledInterfaceAliases: ['NotConfigured'] },
    ],
    'Get-NetConnectionProfile': [{ InterfaceAlias: 'LAN', NetworkCategory: 'DomainAuthenticated' }],
    'Get-NetFirewallPortFilter': [
      { InstanceID: 'smtp', Protocol: 'TCP', LocalPort: ['25', '587'] },
      { InstanceID: 'range', Protocol: 'TCP', LocalPort: '20-30' },
      { InstanceID: 'app', Protocol: 'Any', LocalPort: 'Any' },
      { InstanceID: 'other', Protocol: 'Any', LocalPort: 'Any' },
      { InstanceID: 'some', Protocol: 'TCP', LocalPort: '25' },
      { InstanceID: 'web', Protocol: 'TCP', LocalPort: '443' },
    ],
    'Get-NetFirewallApplicationFilter': [
      { InstanceID: 'smtp', Program: 'C:\\Exchange\\Bin\\MSExchangeFrontendTransport.exe', Package: null },
      { InstanceID: 'range', Program: 'Any', Package: null },
      { InstanceID: 'app', Program: 'Any', Package: 'S-1-15-2-1' },
      { InstanceID: 'other', Program: 'C:\\Other\\other.exe', Package: null },
      { InstanceID: 'some', Program: 'Any', Package: null },
      { InstanceID: 'web', Program: 'Any', Package: null },
    ],
    'Get-NetFirewallAddressFilter': ['smtp', 'range', 'app', 'other', 'web', 'some'].map((InstanceID) => ({
      InstanceID,
      LocalAddress: 'Any',
      RemoteAddress: InstanceID === 'some' ? ['192.0.2.0/24', '198.51.100.0/24'] : 'Any',
    })),
    'Get-NetFirewallInterfaceFilter': [
      { InstanceID: 'smtp', InterfaceAlias: ['Loopback', 'LAN'] },
      { InstanceID: 'range', InterfaceAlias: 'Any' },
      { InstanceID: 'web', InterfaceAlias: 'Any' },
    ],
    'Get-NetFirewallRule': [
      { InstanceID: 'smtp', Profile: 'Any', Action: 'Allow', Enabled: 'True' },
      { InstanceID: 'range', Profile: 'Domain, Private', Action: 'Block', Enabled: 'True' },
      { InstanceID: 'app', Profile: 'Any', Action: 'Allow', Enabled: 'True' },
      { InstanceID: 'other', Profile: 'Any', Action: 'Allow', Enabled: 'True' },
      { InstanceID: 'some', Profile: 'Any', Action: 'Allow', Enabled: 'True' },
      { InstanceID: 'web', Profile: 'Any', Action: 'Allow', Enabled: 'True' },
    ],
    'Get-ReceiveConnector': [
      {
        Identity: 'EX1\\Relay',
        DistinguishedName: 'CN=Relay,CN=EX1,DC=contoso,DC=local',
        Enabled: true,
        TransportRole: 'FrontendTransport',
        Bindings: ['0.0.0.0:25', '[::]:25'],
        RemoteIPRanges: ['192.0.2.5', '203.0.113.0/24'],
        PermissionGroups: 'AnonymousUsers',
        AuthMechanism: 'Tls',
        ProtocolLoggingLevel: 'Verbose',
        Fqdn: 'mail.contoso.com',
        MaxInboundConnectionPerSource: '20',
        MaxInboundConnectionPercentagePerSource: 2,
        WhenChangedUTC: new Date('2026-11-01T08:00:00Z'),
      },
    ],
    'Get-ADPermission': {
      parameters: ['Identity'],
      body: `
        if ($Identity -ne 'CN=Relay,CN=EX1,DC=contoso,DC=local') { throw "unknown identity $Identity" }
        [pscustomobject] @{ User = 'S-1-5-7'; ExtendedRights = @('ms-Exch-SMTP-Submit', 'ms-Exch-SMTP-Accept-Any-Recipient'); Deny = $false; IsInherited = $false }
        [pscustomobject] @{ User = [pscustomobject] @{ SecurityIdentifier = 'S-1-5-11' }; ExtendedRights = 'ms-Exch-SMTP-Submit'; Deny = $true; IsInherited = $true }
        [pscustomobject] @{ User = 'S-1-5-18'; ExtendedRights = $null; AccessRights = 'ReadProperty'; Deny = $false; IsInherited = $true }
        [pscustomobject] @{ User = 'S-1-5-32-544'; ExtendedRights = $null; AccessRights = @('GenericAll'); Deny = $false; IsInherited = $true }
        [pscustomobject] @{ User = 'MS Exchange\\Externally Secured Servers'; ExtendedRights = $null; AccessRights = 'ExtendedRight'; Deny = $false; IsInherited = $false }`,
    },
    'Get-FrontendTransportService': [
      {
        ReceiveProtocolLogPath: logFolder,
        ReceiveProtocolLogMaxAge: '30.00:00:00',
        ReceiveProtocolLogMaxDirectorySize: '250 MB (262.144.000 bytes)',
        ReceiveProtocolLogMaxFileSize: '10 MB (10.485.760 bytes)',
      },
    ],
    'Get-MailboxServer': [{ Name: 'EX1', DatabaseAvailabilityGroup: 'DAG1' }],
    'Get-ClusterNetwork': [
      { Name: 'MAPI', Role: 'ClusterAndClient', Address: '192.0.2.0', AddressMask: '255.255.255.0' },
    ],
  };
}
