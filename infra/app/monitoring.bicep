metadata description = 'Where logs go. Neither takes a key: only identities with a role can write, so a leaked connection string is worth nothing.'

param workspaceName string
param componentName string
param location string
param tags object
param retentionDays int
param dailyQuotaGB int

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyQuotaGB }
    features: {
      disableLocalAuth: true
      // Who may read a resource may read its logs; nobody needs rights on the whole workspace for that.
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}
