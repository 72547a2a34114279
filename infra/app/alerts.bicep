metadata description = 'Five alerts on what the app logs. Each has a page with the same name in infra/operations/, and its query is a file there too, to be run by hand as well.'

param location string
param tags object
param workspaceName string

@description('Empty: alerts fire without telling anybody.')
param alertEmail string

var alerts = [
  {
    name: 'no-heartbeat'
    displayName: 'fieldcheck: no heartbeat'
    description: 'A timer has not ended well for half an hour: nothing is being checked, or nothing delivered. See infra/operations/no-heartbeat.md.'
    severity: 1
    query: loadTextContent('../operations/queries/no-heartbeat.kql')
    windowSize: 'PT1H'
    autoMitigate: true
  }
  {
    name: 'dead-channel'
    displayName: 'fieldcheck: dead channel'
    description: 'A channel refused a notice for good or has not taken it for an hour of tries. Changes are found, but people are not told. See infra/operations/dead-channel.md.'
    severity: 1
    query: loadTextContent('../operations/queries/dead-channel.kql')
    windowSize: 'PT30M'
    autoMitigate: false
  }
  {
    name: 'failed-runs'
    displayName: 'fieldcheck: failed runs'
    description: 'A run was closed at its deadline without all its subjects. What was not looked at keeps its last verdict. See infra/operations/failed-runs.md.'
    severity: 2
    query: loadTextContent('../operations/queries/failed-runs.kql')
    windowSize: 'PT30M'
    autoMitigate: true
  }
  {
    name: 'poison-queue'
    displayName: 'fieldcheck: poison queue not empty'
    description: 'Work failed five times and was put aside. See infra/operations/poison-queue.md.'
    severity: 2
    query: loadTextContent('../operations/queries/poison-queue.kql')
    windowSize: 'PT30M'
    autoMitigate: false
  }
  {
    name: 'refused-callers'
    displayName: 'fieldcheck: refused callers'
    description: 'More than a hundred keys or tokens in five minutes were none: somebody guesses, or a collector has an old key. See infra/operations/refused-callers.md.'
    severity: 3
    query: loadTextContent('../operations/queries/refused-callers.kql')
    windowSize: 'PT30M'
    autoMitigate: true
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: 'ag-fieldcheck'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'fieldcheck'
    enabled: true
    // By mail and not through the product's own channels: these alerts are about those being broken.
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: alertEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: {
    name: 'alert-fieldcheck-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.displayName
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspace.id]
      // Windows overlap: logs arrive some minutes late, and a line must not fall between two looks.
      evaluationFrequency: 'PT15M'
      windowSize: alert.windowSize
      // The tables get their columns with the first log line, after the first deployment.
      skipQueryValidation: true
      // What was put aside or refused does not come back by itself, so those two stay open until somebody closes them.
      autoMitigate: alert.autoMitigate
      criteria: {
        allOf: [
          {
            // Every query returns rows only when something is wrong.
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: empty(alertEmail) ? [] : [operators.id]
      }
    }
  }
]
