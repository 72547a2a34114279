metadata description = 'A workbook in the portal: what was answered, which watches nobody looks at, runs, deliveries, what went wrong. Its queries are the files in infra/operations/queries/.'

param location string
param tags object
param workspaceName string

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

var tables = [
  {
    title: 'Answers: each watch as its last complete run found it'
    query: loadTextContent('../operations/queries/answers.kql')
    empty: 'No run of the last 30 days is logged.'
  }
  {
    title: 'Blind: nobody has looked for more than a day'
    query: loadTextContent('../operations/queries/blind-watches.kql')
    empty: 'Every watch was looked at within a day.'
  }
  {
    title: 'Runs of the last week'
    query: loadTextContent('../operations/queries/runs.kql')
    empty: 'No run of the last week is logged.'
  }
  {
    title: 'Deliveries of the last week, by channel and day'
    query: loadTextContent('../operations/queries/deliveries.kql')
    empty: 'Nothing was delivered in the last week.'
  }
  {
    title: 'What went wrong in the last day'
    query: loadTextContent('../operations/queries/failures.kql')
    empty: 'Nothing went wrong.'
  }
]

var introduction = {
  type: 1
  name: 'introduction'
  content: {
    json: '## fieldcheck\nWhat the app logged about its own work. Subjects and their findings are on the app\'s pages, not here.'
  }
}

var items = [
  for (table, index) in tables: {
    type: 3
    name: 'table-${index}'
    content: {
      version: 'KqlItem/1.0'
      title: table.title
      query: table.query
      noDataMessage: table.empty
      size: 0
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      crossComponentResources: [workspace.id]
      visualization: 'table'
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // The name of a workbook is a GUID.
  name: guid(resourceGroup().id, 'fieldcheck workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'fieldcheck'
    category: 'workbook'
    sourceId: workspace.id
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([introduction], items)
    })
  }
}
