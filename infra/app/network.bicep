metadata description = 'The optional virtual network. Two reasons to want it: storage and Key Vault without a public address, and SMTP probes, since port 25 can be reached only from a virtual network.'

param name string
param location string
param tags object
param addressPrefix string

@description('Addresses or CIDRs, separated by spaces, that may be reached on port 25.')
param smtpProbeTargets string

param storageAccountName string
param vaultName string

var probeTargets = filter(split(smtpProbeTargets, ' '), target => !empty(target))

// The probe never delivers mail, but an app that can reach port 25 anywhere is worth taking over. It can reach what it
// was told to probe and nothing else.
var admitProbes = empty(probeTargets)
  ? []
  : [
      {
        name: 'smtp-to-declared-services'
        properties: {
          description: 'SMTP probes of the declared services.'
          direction: 'Outbound'
          access: 'Allow'
          priority: 100
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefixes: probeTargets
          destinationPortRange: '25'
        }
      }
    ]

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource outboundRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-${name}-app'
  location: location
  tags: tags
  properties: {
    securityRules: concat(admitProbes, [
      {
        name: 'no-other-smtp'
        properties: {
          description: 'Port 25 is for the declared services only.'
          direction: 'Outbound'
          access: 'Deny'
          priority: 200
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '25'
        }
      }
    ])
  }
}

// Azure gives new subnets no way out of their own any more, and a known address is what firewalls admit.
resource outboundAddress 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: 'pip-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource natGateway 'Microsoft.Network/natGateways@2024-05-01' = {
  name: 'ng-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIpAddresses: [{ id: outboundAddress.id }]
  }
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
  }

  resource appSubnet 'subnets' = {
    // No underscore: Flex Consumption refuses subnets whose names hold one.
    name: 'app'
    properties: {
      // Every instance takes addresses of this subnet; /25 has room for the smallest maximum of 40 and for growth.
      addressPrefix: cidrSubnet(addressPrefix, 25, 0)
      networkSecurityGroup: { id: outboundRules.id }
      natGateway: { id: natGateway.id }
      defaultOutboundAccess: false
      delegations: [
        {
          name: 'flex-consumption'
          // Flex Consumption runs on the environments of Container Apps, hence not Microsoft.Web/serverFarms.
          properties: { serviceName: 'Microsoft.App/environments' }
        }
      ]
    }
  }

  resource endpointSubnet 'subnets' = {
    name: 'private-endpoints'
    properties: {
      addressPrefix: cidrSubnet(addressPrefix, 25, 1)
      // A private endpoint opens no connections.
      defaultOutboundAccess: false
    }
    // A virtual network takes one change at a time.
    dependsOn: [appSubnet]
  }
}

// blob: package and host state; queue and table: the product. Each is an endpoint and a DNS zone of its own.
var privateServices = [
  {
    name: 'blob'
    resourceId: account.id
    zone: 'privatelink.blob.${environment().suffixes.storage}'
  }
  {
    name: 'queue'
    resourceId: account.id
    zone: 'privatelink.queue.${environment().suffixes.storage}'
  }
  {
    name: 'table'
    resourceId: account.id
    zone: 'privatelink.table.${environment().suffixes.storage}'
  }
  {
    name: 'vault'
    resourceId: vault.id
    zone: 'privatelink${replace(environment().suffixes.keyvaultDns, 'vault.', 'vaultcore.')}'
  }
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for service in privateServices: {
    name: service.zone
    location: 'global'
    tags: tags
  }
]

resource zoneLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (service, index) in privateServices: {
    parent: zones[index]
    name: 'to-${name}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: virtualNetwork.id }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for service in privateServices: {
    name: 'pe-${name}-${service.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: virtualNetwork::endpointSubnet.id }
      privateLinkServiceConnections: [
        {
          name: service.name
          properties: {
            privateLinkServiceId: service.resourceId
            groupIds: [service.name]
          }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (service, index) in privateServices: {
    parent: endpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: service.name
          properties: { privateDnsZoneId: zones[index].id }
        }
      ]
    }
    // The app may start as soon as the name has an address, and must be able to look it up by then.
    dependsOn: [zoneLinks[index]]
  }
]

output appSubnetId string = virtualNetwork::appSubnet.id
output outboundAddress string = outboundAddress.properties.ipAddress
