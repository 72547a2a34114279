metadata description = 'The one identity of the app. User-assigned: it exists before the app does, so its roles and its grants in a tenant are in place at the first start, and they outlive the app when it is made anew.'

param name string
param location string
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
