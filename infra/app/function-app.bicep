metadata description = 'The function app on Flex Consumption: paid by use, scales to zero, and the only consumption plan that can join a virtual network.'

param name string
param planName string
param location string
param tags object
param identityName string
param storageAccountName string
param packageContainer string
param componentName string

@description('Setting name to Key Vault reference.')
param channelSettings object

@description('Subnet for outbound connections; empty for none.')
param subnetId string

param maximumInstanceCount int
param instanceMemoryMB int
param applicationClientId string
param signInClientId string
param resolvers string
param resolverRate string
param webhookHosts string
param publicUrl string
param dueSchedule string
param deliverySchedule string
param retentionSchedule string
param heartbeatSchedule string
param logLevel string
param allowPrivate bool

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: identityName
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// Flex Consumption takes one app per plan.
resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // azd finds the app that a service of azure.yaml is deployed to by this tag.
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // Key Vault references are read by the system-assigned identity unless told otherwise, and there is none.
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
      }
      runtime: { name: 'node', version: '24' }
    }
  }
}

// Deployments use Entra tokens. Without these two, every app has a user name and a password for its package.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'ftp'
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'scm'
  properties: { allow: false }
}

// A resource of its own: it may name the app's address, which is known only once the app exists.
resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: site
  name: 'appsettings'
  properties: union(channelSettings, {
    // Storage by identity takes all three of the kind, id and addresses. Addresses and not the account's name, so
    // that the clouds with other DNS suffixes work too.
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identity.properties.clientId
    AzureWebJobsStorage__blobServiceUri: account.properties.primaryEndpoints.blob
    AzureWebJobsStorage__queueServiceUri: account.properties.primaryEndpoints.queue
    AzureWebJobsStorage__tableServiceUri: account.properties.primaryEndpoints.table

    APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'

    FIELDCHECK_IDENTITY_CLIENT_ID: identity.properties.clientId
    FIELDCHECK_TENANT_ID: subscription().tenantId
    FIELDCHECK_CLIENT_ID: applicationClientId
    FIELDCHECK_SIGN_IN_CLIENT_ID: signInClientId
    FIELDCHECK_PUBLIC_URL: empty(publicUrl) ? 'https://${site.properties.defaultHostName}' : publicUrl
    FIELDCHECK_RESOLVERS: resolvers
    FIELDCHECK_RESOLVER_RATE: resolverRate
    FIELDCHECK_WEBHOOK_HOSTS: webhookHosts
    FIELDCHECK_DUE_SCHEDULE: dueSchedule
    FIELDCHECK_DELIVERY_SCHEDULE: deliverySchedule
    FIELDCHECK_RETENTION_SCHEDULE: retentionSchedule
    FIELDCHECK_HEARTBEAT_SCHEDULE: heartbeatSchedule
    FIELDCHECK_LOG_LEVEL: logLevel
    FIELDCHECK_ALLOW_PRIVATE: allowPrivate ? 'true' : 'false'
  })
}

output url string = 'https://${site.properties.defaultHostName}'
