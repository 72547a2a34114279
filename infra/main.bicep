targetScope = 'subscription'

metadata description = 'fieldcheck: the function app, what it stores in, how it is watched, and nothing else.'

// ---------------------------------------------------------------------------------------------------------------
// What azd asks for
// ---------------------------------------------------------------------------------------------------------------

@description('Name of the azd environment. It names the resource group and makes every other name unique.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region. It has to offer Flex Consumption: az functionapp list-flexconsumption-locations.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

// ---------------------------------------------------------------------------------------------------------------
// What has a default (infra/README.md, "Parameters")
// ---------------------------------------------------------------------------------------------------------------

@description('Most instances one function may scale to. 40 is the lowest number Flex Consumption takes; more is bought with DNS load, since every instance asks the resolvers at its own pace.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Memory of an instance in MB. 2048 is one core.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Redundancy of the storage account. The history cannot be gathered again, so take a zone- or geo-redundant kind where its loss would matter.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Most log data a day, in GB; a runaway log stops there and not at the end of the month. -1 is no limit.')
@minValue(-1)
param logDailyQuotaGB int = 1

@description('Mail address that gets the operational alerts. Empty: the alerts still fire and show in the portal, but nobody is told.')
param alertEmail string = ''

@description('Client id of the application that other tenants admit, for which the identity vouches (infra/access/README.md). Empty: only this tenant is read.')
param applicationClientId string = ''

@description('Client id of the application "fieldcheck sign-in", which infra/access/grant-access.sh sign-in makes. Empty: nobody signs in; keys of organizations count all the same.')
param signInClientId string = ''

@description('DNS resolvers that are asked, as HOST or HOST:PORT, separated by commas. The second one confirms what the first calls broken.')
param resolvers string = '1.1.1.1,9.9.9.9'

@description('Most queries a second to one resolver; empty: what the app takes for safe.')
param resolverRate string = ''

@description('Host suffixes of Workflows webhooks besides the known ones, separated by commas; for sovereign clouds.')
param webhookHosts string = ''

@description('Address that cards and reports link to. Empty: the address of the function app itself.')
param publicUrl string = ''

@description('When due evaluations are looked for: NCRONTAB with six fields, in UTC.')
param dueSchedule string = '0 * * * * *'

@description('When undelivered notices are looked for: NCRONTAB with six fields, in UTC.')
param deliverySchedule string = '30 * * * * *'

@description('When what is older than an organization wants it kept is deleted: NCRONTAB with six fields, in UTC.')
param retentionSchedule string = '0 0 3 * * *'

@description('When the log, and the channels that ask for it, are told that all is running: NCRONTAB with six fields, in UTC.')
param heartbeatSchedule string = '0 0 8 * * *'

@description('The least that the app logs. Alerts and queries count on info.')
@allowed(['info', 'warn', 'error'])
param logLevel string = 'info'

@description('Whether probes may reach private addresses. Only sensible together with virtualNetwork.')
param allowPrivate bool = false

@description('Names of the settings that organization documents refer to as secret:NAME, separated by spaces, for example: MAIL_TEAM_WEBHOOK OPS_WEBHOOK.')
param channelSettings string = ''

@description('Values for channelSettings as NAME=VALUE, separated by spaces. Only the names given here are written; the Key Vault keeps the others as they are.')
@secure()
param channelSecrets string = ''

@description('Whether to put the app into a virtual network: private endpoints for storage and Key Vault, one fixed outbound address (a NAT gateway), and the only way to reach port 25.')
param virtualNetwork bool = false

@description('Address range of the virtual network, /24 or larger. It must not overlap the networks it is to be peered with.')
param virtualNetworkPrefix string = '10.90.0.0/22'

@description('Addresses or CIDRs that SMTP probes may reach on port 25, separated by spaces. Port 25 stays closed to everything else.')
param smtpProbeTargets string = ''

@description('Whether the person who deploys may read and write the data as well, for example to run the CLI against this storage.')
param developerAccess bool = false

@description('What deploys: a person, or the service principal of a pipeline. Azure looks it up faster, and fails less often, when it is told.')
@allowed(['User', 'ServicePrincipal'])
param deployerType string = 'User'

// ---------------------------------------------------------------------------------------------------------------
// Names: one short hash, the same at every deployment of this environment
// ---------------------------------------------------------------------------------------------------------------

var suffix = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }

// Names are computed here and not read from the modules' outputs, so that what-if knows them and can say what changes;
// the price is that the order of the modules is written out as dependsOn.
var names = {
  identity: 'id-fieldcheck-${suffix}'
  workspace: 'log-fieldcheck-${suffix}'
  component: 'appi-fieldcheck-${suffix}'
  storageAccount: 'stfc${suffix}'
  vault: 'kv-fc-${suffix}'
  virtualNetwork: 'vnet-fieldcheck-${suffix}'
  plan: 'plan-fieldcheck-${suffix}'
  site: 'func-fieldcheck-${suffix}'
  packageContainer: 'app-package'
}

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-fieldcheck-${environmentName}'
  location: location
  tags: tags
}

module identity 'app/identity.bicep' = {
  scope: group
  name: 'identity'
  params: {
    name: names.identity
    location: location
    tags: tags
  }
}

module monitoring 'app/monitoring.bicep' = {
  scope: group
  name: 'monitoring'
  params: {
    workspaceName: names.workspace
    componentName: names.component
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyQuotaGB: logDailyQuotaGB
  }
}

module storage 'app/storage.bicep' = {
  scope: group
  name: 'storage'
  params: {
    name: names.storageAccount
    packageContainer: names.packageContainer
    location: location
    tags: tags
    sku: storageSku
    publicNetworkAccess: !virtualNetwork
  }
}

module vault 'app/vault.bicep' = {
  scope: group
  name: 'vault'
  params: {
    name: names.vault
    location: location
    tags: tags
    publicNetworkAccess: !virtualNetwork
    workspaceName: names.workspace
    channelSettings: channelSettings
    channelSecrets: channelSecrets
  }
  dependsOn: [monitoring]
}

module network 'app/network.bicep' = if (virtualNetwork) {
  scope: group
  name: 'network'
  params: {
    name: names.virtualNetwork
    location: location
    tags: tags
    addressPrefix: virtualNetworkPrefix
    smtpProbeTargets: smtpProbeTargets
    storageAccountName: names.storageAccount
    vaultName: names.vault
  }
  dependsOn: [storage, vault]
}

module roles 'app/roles.bicep' = {
  scope: group
  name: 'roles'
  params: {
    // What-if says less about role assignments for it: their names are known only once the identity is there.
    #disable-next-line what-if-short-circuiting
    identityPrincipalId: identity.outputs.principalId
    storageAccountName: names.storageAccount
    vaultName: names.vault
    componentName: names.component
    developerPrincipalId: developerAccess ? deployer().objectId : ''
    developerPrincipalType: deployerType
  }
  dependsOn: [storage, vault, monitoring]
}

module functionApp 'app/function-app.bicep' = {
  scope: group
  name: 'function-app'
  params: {
    name: names.site
    planName: names.plan
    location: location
    tags: tags
    identityName: names.identity
    storageAccountName: names.storageAccount
    packageContainer: names.packageContainer
    componentName: names.component
    channelSettings: vault.outputs.channelSettings
    subnetId: virtualNetwork ? network!.outputs.appSubnetId : ''
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    applicationClientId: applicationClientId
    signInClientId: signInClientId
    resolvers: resolvers
    resolverRate: resolverRate
    webhookHosts: webhookHosts
    publicUrl: publicUrl
    dueSchedule: dueSchedule
    deliverySchedule: deliverySchedule
    retentionSchedule: retentionSchedule
    heartbeatSchedule: heartbeatSchedule
    logLevel: logLevel
    allowPrivate: allowPrivate
  }
  // The app reads its package from storage and its secrets from the vault the moment it exists: the roles come first,
  // and they come after what they are on.
  dependsOn: [roles]
}

module alerts 'app/alerts.bicep' = {
  scope: group
  name: 'alerts'
  params: {
    location: location
    tags: tags
    workspaceName: names.workspace
    alertEmail: alertEmail
  }
  dependsOn: [monitoring]
}

module workbook 'app/workbook.bicep' = {
  scope: group
  name: 'workbook'
  params: {
    location: location
    tags: tags
    workspaceName: names.workspace
  }
  dependsOn: [monitoring]
}

// azd keeps outputs as environment values of the same name. None may be called like a variable of
// main.parameters.json, or the value of the first deployment would be an input of the second.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output FIELDCHECK_APP_NAME string = names.site
output FIELDCHECK_APP_URL string = functionApp.outputs.url
output FIELDCHECK_APP_IDENTITY_NAME string = names.identity
output FIELDCHECK_APP_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output FIELDCHECK_APP_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output FIELDCHECK_APP_STORAGE_ACCOUNT string = names.storageAccount
output FIELDCHECK_APP_KEY_VAULT string = names.vault
output FIELDCHECK_APP_LOG_WORKSPACE string = names.workspace
output FIELDCHECK_APP_OUTBOUND_ADDRESS string = virtualNetwork ? network!.outputs.outboundAddress : ''
