metadata description = 'Key Vault for the channel secrets. A webhook URL is a credential: whoever has it can post.'

param name string
param location string
param tags object

@description('False when a private endpoint is the only way in.')
param publicNetworkAccess bool

@description('Log Analytics workspace that the audit log goes to.')
param workspaceName string

@description('Names of settings, separated by spaces.')
param channelSettings string

@description('NAME=VALUE, separated by spaces. A webhook URL never holds a space, so nothing needs quoting on the way here.')
@secure()
param channelSecrets string

var settingNames = filter(split(channelSettings, ' '), settingName => !empty(settingName))
var pairs = filter(split(channelSecrets, ' '), pair => !empty(pair))
var unlisted = filter(pairs, pair => !contains(settingNames, first(split(pair, '='))))

// Names of secrets may not hold an underscore, names of settings usually do.
var secretNames = [for settingName in settingNames: toLower(replace(settingName, '_', '-'))]

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    // A deleted vault can be had back, by nobody's mistake or malice less. It also keeps its name for 90 days.
    enablePurgeProtection: true
    publicNetworkAccess: publicNetworkAccess ? 'enabled' : 'disabled'
    networkAcls: {
      // Deployments write secrets through Azure Resource Manager, a trusted service, also when the network is closed.
      bypass: 'AzureServices'
      defaultAction: publicNetworkAccess ? 'Allow' : 'Deny'
    }
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

// Who read or wrote a secret, and who was refused. Every version of this type that knows groups of logs is a preview.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspace.id
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

resource secrets 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = [
  for (settingName, index) in settingNames: if (!empty(filter(pairs, pair => startsWith(pair, '${settingName}=')))) {
    parent: vault
    name: secretNames[index]
    properties: {
      contentType: 'fieldcheck channel secret, setting ${settingName}'
      // Everything after the first equals sign: webhook URLs hold more of them.
      value: join(skip(split(first(filter(pairs, pair => startsWith(pair, '${settingName}='))) ?? '', '='), 1), '=')
    }
  }
]

// The reference carries no version: a rotated secret is picked up within a day, or at once by a restart.
output channelSettings object = empty(unlisted)
  ? toObject(
      range(0, length(settingNames)),
      index => settingNames[index],
      index =>
        '@Microsoft.KeyVault(SecretUri=https://${name}${environment().suffixes.keyvaultDns}/secrets/${secretNames[index]})'
    )
  : fail('channelSecrets holds a NAME=VALUE whose NAME is not listed in channelSettings. Correct one of the two.')
