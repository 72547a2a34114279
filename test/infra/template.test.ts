import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { BICEP_VERSION, type Bicep, findBicep, type Resource, type Template } from './bicep.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const found = findBicep();
if (typeof found === 'string') {
  console.warn(`The tests of infra/ with the Bicep compiler ${BICEP_VERSION} did not run: ${found}.`);
}
const bicep = found as Bicep;
afterAll(async () => {
  if (typeof found !== 'string') await bicep.close();
});

const ROLES = {
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb',
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6',
};

/** Settings that Flex Consumption refuses or ignores: the runtime stands in functionAppConfig there. */
const FORBIDDEN_ON_FLEX =
  /^(FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_CONTENT\w*|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_NODE_DEFAULT_VERSION|WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT|WEBSITE_TIME_ZONE|TZ)$/;

/** Settings that the Functions host reads and the product does not. */
const HOST_SETTINGS =
  /^(APPLICATIONINSIGHTS_(CONNECTION_STRING|AUTHENTICATION_STRING)|AzureWebJobsStorage__blobServiceUri)$/;

/** Settings that the product reads and Azure must not have: for the local host, to aim it at imitated clouds, and secrets
 * of an application, for which the managed identity vouches instead. */
const NOT_IN_AZURE =
  /^FIELDCHECK_(LOCAL_CHANNELS|LOCAL_ACCESS|SAVED_FACTS|ZONE_RESOLVERS|ENDPOINT_\w+|CLIENT_SECRET|CLIENT_CERTIFICATE)$/;

describe.runIf(typeof found !== 'string')('infra/main.bicep, compiled', async () => {
  const { template, diagnostics } = typeof found === 'string' ? nothing : await found.build('infra/main.bicep');
  const resources = [...everyResource(template)];
  const settings = appSettings(resources);

  test('builds and lints without a warning, formatted as the compiler formats', async () => {
    expect(diagnostics).toEqual([]);
    expect(await bicep.unformatted('infra')).toEqual([]);
  });

  test('its linter warns among the words of the compiler, and a file that is not formatted is found', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-bicep-'));
    try {
      writeFileSync(join(folder, 'main.bicep'), "param  unused string\noutput one string = 'one'\n");
      const linted = await bicep.build(join(folder, 'main.bicep'));
      expect(linted.diagnostics).toEqual([
        expect.stringMatching(
          /main\.bicep\(1,8\): Warning no-unused-params: Parameter "unused" is declared but never used\./,
        ),
      ]);
      expect(await bicep.unformatted(relative(root, folder))).toEqual([join(relative(root, folder), 'main.bicep')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('every resource states its API version, and none is a preview where there is another', () => {
    for (const { type, apiVersion } of resources)
      expect(`${type}@${apiVersion}`).toMatch(
        type === 'Microsoft.Insights/diagnosticSettings' ? /@2021-05-01-preview$/ : /@\d{4}-\d{2}-\d{2}$/,
      );
  });

  test('every parameter says what it is for, and azd has to ask for two only', () => {
    const undescribed = Object.entries(template.parameters).filter(([, { metadata }]) => !metadata?.description);
    expect(undescribed).toEqual([]);
    const required = Object.entries(template.parameters).filter(([, parameter]) => !('defaultValue' in parameter));
    expect(required.map(([name]) => name)).toEqual(['environmentName', 'location']);
  });

  test('how far it scales is a parameter, from the least that Flex Consumption takes', () => {
    expect(template.parameters.maximumInstanceCount).toMatchObject({ defaultValue: 40, minValue: 40 });
    expect(only(resources, 'Microsoft.Web/sites').properties.functionAppConfig.scaleAndConcurrency).toEqual({
      maximumInstanceCount: "[parameters('maximumInstanceCount')]",
      instanceMemoryMB: "[parameters('instanceMemoryMB')]",
    });
  });

  test('secrets are secure parameters, and no output holds one', () => {
    expect(template.parameters.channelSecrets?.type).toBe('securestring');
    expect(JSON.stringify(template.outputs)).not.toMatch(/secret|listkeys/i);
  });

  test('names of outputs are upper case, and none is an input under the same name', () => {
    const names = Object.keys(template.outputs);
    expect(names.filter((name) => name !== name.toUpperCase())).toEqual([]);
    const inputs = readFileSync(join(root, 'infra/main.parameters.json'), 'utf8');
    // AZURE_LOCATION is the same value before and after.
    expect(names.filter((name) => inputs.includes(`\${${name}`))).toEqual(['AZURE_LOCATION']);
  });

  test('no setting that Flex Consumption forbids, and the runtime where it belongs', () => {
    expect(settings.filter((name) => FORBIDDEN_ON_FLEX.test(name))).toEqual([]);
    const { functionAppConfig, siteConfig } = only(resources, 'Microsoft.Web/sites').properties;
    expect(functionAppConfig.runtime).toEqual({ name: 'node', version: '24' });
    expect(siteConfig).not.toHaveProperty('linuxFxVersion');
  });

  test('host storage is reached by identity: kind, id and addresses, and no connection string beside them', () => {
    expect(settings.filter((name) => name.startsWith('AzureWebJobsStorage'))).toEqual([
      'AzureWebJobsStorage__credential',
      'AzureWebJobsStorage__clientId',
      'AzureWebJobsStorage__blobServiceUri',
      'AzureWebJobsStorage__queueServiceUri',
      'AzureWebJobsStorage__tableServiceUri',
    ]);
    expect(JSON.stringify(template)).not.toMatch(/AccountKey=|listKeys\(/i);
  });

  test('who signs in is a setting of the app, and nothing stands before its doors', () => {
    expect(settings).toContain('FIELDCHECK_SIGN_IN_CLIENT_ID');
    expect(template.parameters.signInClientId?.defaultValue).toBe('');
    expect(JSON.stringify(template)).not.toMatch(/authsettings/i);
  });

  const config = join(root, 'src/config.ts');
  test.runIf(existsSync(config))('its settings are those that the product reads, and the other way round', async () => {
    const { settingsSchema } = await import(pathToFileURL(config).href);
    const read: string[] = Object.keys(settingsSchema.shape);
    const set = settings.filter((name) => !HOST_SETTINGS.test(name));
    expect(set.filter((name) => !read.includes(name))).toEqual([]);
    const expected = read.filter((name) => name.startsWith('FIELDCHECK_') && !NOT_IN_AZURE.test(name));
    expect(settings.filter((name) => name.startsWith('FIELDCHECK_')).sort()).toEqual(expected.sort());
    const fallback = (name: string) => settingsSchema.shape[name].safeParse(undefined).data;
    expect(template.parameters.dueSchedule?.defaultValue).toBe(fallback('FIELDCHECK_DUE_SCHEDULE'));
    expect(template.parameters.deliverySchedule?.defaultValue).toBe(fallback('FIELDCHECK_DELIVERY_SCHEDULE'));
    expect(template.parameters.retentionSchedule?.defaultValue).toBe(fallback('FIELDCHECK_RETENTION_SCHEDULE'));
    expect(template.parameters.heartbeatSchedule?.defaultValue).toBe(fallback('FIELDCHECK_HEARTBEAT_SCHEDULE'));
  });

  test('every alert has its query and its page in infra/operations', () => {
    const text = JSON.stringify(template);
    for (const name of ['no-heartbeat', 'dead-channel', 'failed-runs', 'poison-queue']) {
      expect(text).toContain(`infra/operations/${name}.md`);
      expect(existsSync(join(root, `infra/operations/${name}.md`))).toBe(true);
      const query = readFileSync(join(root, `infra/operations/queries/${name}.kql`), 'utf8');
      expect(text).toContain(JSON.stringify(query).slice(1, -1));
    }
  });
});

describe.runIf(typeof found !== 'string')('what a deployment creates', async () => {
  const least = { environmentName: 'test', location: 'westeurope' };
  const plain = typeof found === 'string' ? [] : await found.snapshot('infra/main.bicep', least);
  const full =
    typeof found === 'string'
      ? []
      : await found.snapshot('infra/main.bicep', {
          ...least,
          virtualNetwork: true,
          smtpProbeTargets: '192.0.2.25 198.51.100.0/28',
          alertEmail: 'operators@contoso.com',
          channelSettings: 'MAIL_TEAM_WEBHOOK OPS_WEBHOOK',
          channelSecrets: 'MAIL_TEAM_WEBHOOK=https://example.test/invoke?api-version=1&sig=secret',
        });

  test('with two parameters: these resources and no others', () => {
    expect(tally(plain)).toEqual({
      'Microsoft.Resources/resourceGroups': 1,
      'Microsoft.ManagedIdentity/userAssignedIdentities': 1,
      'Microsoft.OperationalInsights/workspaces': 1,
      'Microsoft.Insights/components': 1,
      'Microsoft.Insights/diagnosticSettings': 1,
      'Microsoft.Storage/storageAccounts': 1,
      'Microsoft.Storage/storageAccounts/blobServices': 1,
      'Microsoft.Storage/storageAccounts/blobServices/containers': 1,
      'Microsoft.Storage/storageAccounts/queueServices': 1,
      'Microsoft.Storage/storageAccounts/queueServices/queues': 4,
      'Microsoft.Storage/storageAccounts/tableServices': 1,
      'Microsoft.Storage/storageAccounts/tableServices/tables': 5,
      'Microsoft.KeyVault/vaults': 1,
      'Microsoft.Authorization/roleAssignments': 5,
      'Microsoft.Web/serverfarms': 1,
      'Microsoft.Web/sites': 1,
      'Microsoft.Web/sites/basicPublishingCredentialsPolicies': 2,
      'Microsoft.Web/sites/config': 1,
      'Microsoft.Insights/scheduledQueryRules': 5,
      'Microsoft.Insights/workbooks': 1,
    });
  });

  test('azd finds the resource group and the app by their tags', () => {
    expect(only(plain, 'Microsoft.Resources/resourceGroups').tags).toEqual({ 'azd-env-name': 'test' });
    expect(only(plain, 'Microsoft.Web/sites').tags).toEqual({ 'azd-env-name': 'test', 'azd-service-name': 'api' });
  });

  test('storage: no shared keys, no public blobs, TLS 1.2, everything declared', () => {
    expect(only(plain, 'Microsoft.Storage/storageAccounts').properties).toMatchObject({
      allowSharedKeyAccess: false,
      allowBlobPublicAccess: false,
      allowCrossTenantReplication: false,
      defaultToOAuthAuthentication: true,
      minimumTlsVersion: 'TLS1_2',
      supportsHttpsTrafficOnly: true,
    });
    expect(leaves(plain, 'Microsoft.Storage/storageAccounts/queueServices/queues')).toEqual([
      'slices',
      'slices-poison',
      'deliveries',
      'deliveries-poison',
    ]);
    expect(leaves(plain, 'Microsoft.Storage/storageAccounts/tableServices/tables')).toEqual([
      'organizations',
      'evaluations',
      'facts',
      'access',
      'audit',
    ]);
    const container = only(plain, 'Microsoft.Storage/storageAccounts/blobServices/containers');
    expect(container.properties).toEqual({ publicAccess: 'None' });
    expect(container.name).toMatch(/\/app-package$/);
  });

  test('the app: https only, TLS 1.2, one user-assigned identity that also reads the secrets, no passwords', () => {
    const site = only(plain, 'Microsoft.Web/sites');
    expect(site.properties).toMatchObject({ httpsOnly: true, siteConfig: { minTlsVersion: '1.2' } });
    expect(site.identity?.type).toBe('UserAssigned');
    expect(Object.keys(site.identity?.userAssignedIdentities as object)).toEqual([
      site.properties.keyVaultReferenceIdentity,
    ]);
    expect(site.properties.functionAppConfig.deployment.storage.authentication).toEqual({
      type: 'UserAssignedIdentity',
      userAssignedIdentityResourceId: site.properties.keyVaultReferenceIdentity,
    });
    const doors = every(plain, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies');
    expect(doors.map(({ name, properties }) => [basename(name), properties.allow])).toEqual([
      ['ftp', false],
      ['scm', false],
    ]);
    expect(only(plain, 'Microsoft.Web/serverfarms').sku).toEqual({ name: 'FC1', tier: 'FlexConsumption' });
  });

  test('Key Vault: roles instead of access policies, and what is deleted can be had back', () => {
    expect(only(plain, 'Microsoft.KeyVault/vaults').properties).toMatchObject({
      enableRbacAuthorization: true,
      enableSoftDelete: true,
      enablePurgeProtection: true,
    });
    expect(only(plain, 'Microsoft.KeyVault/vaults').properties).not.toHaveProperty('accessPolicies');
  });

  test('logs are taken from identities only', () => {
    expect(only(plain, 'Microsoft.Insights/components').properties.DisableLocalAuth).toBe(true);
    expect(only(plain, 'Microsoft.OperationalInsights/workspaces').properties.features.disableLocalAuth).toBe(true);
  });

  test('the app gets five roles, each on one resource, under names that stay the same', async () => {
    const assignments = every(plain, 'Microsoft.Authorization/roleAssignments');
    const granted = assignments.map(({ properties }) => basename(properties.roleDefinitionId)).sort();
    expect(granted).toEqual(Object.values(ROLES).sort());
    for (const { properties, id, name } of assignments) {
      expect(properties.principalType).toBe('ServicePrincipal');
      expect(id).toMatch(
        /^\[extensionResourceId\('[^']+\/Microsoft\.(Storage\/storageAccounts|KeyVault\/vaults|Insights\/components)\/[^/']+'/,
      );
      // Resource, principal and role: an identity that was made anew gets assignments of its own.
      expect(name).toMatch(
        /guid\('[^']+', reference\('[^']+userAssignedIdentities[^']+', '[^']+'\)\.principalId, '[0-9a-f-]{36}'\)/,
      );
    }
    const again = every(await bicep.snapshot('infra/main.bicep', least), 'Microsoft.Authorization/roleAssignments');
    expect(again.map(({ name }) => name)).toEqual(assignments.map(({ name }) => name));
  });

  test('a channel secret goes to the vault, and the vault keeps those that were not given', () => {
    const secrets = every(full, 'Microsoft.KeyVault/vaults/secrets');
    expect(secrets.map(({ name }) => basename(name))).toEqual(['mail-team-webhook', 'ops-webhook']);
    for (const { condition } of secrets) expect(condition).toContain("parameters('channelSecrets')");
    expect(JSON.stringify(full)).not.toContain('sig=secret');
  });

  test('in a virtual network: storage and vault closed, reached through private endpoints', () => {
    expect(only(full, 'Microsoft.Storage/storageAccounts').properties).toMatchObject({
      publicNetworkAccess: 'Disabled',
      networkAcls: { defaultAction: 'Deny' },
    });
    expect(only(full, 'Microsoft.KeyVault/vaults').properties).toMatchObject({
      publicNetworkAccess: 'disabled',
      networkAcls: { defaultAction: 'Deny' },
    });
    const endpoints = every(full, 'Microsoft.Network/privateEndpoints');
    expect(
      endpoints.map((endpoint) => endpoint.properties.privateLinkServiceConnections[0].properties.groupIds),
    ).toEqual([['blob'], ['queue'], ['table'], ['vault']]);
    expect(every(full, 'Microsoft.Network/privateDnsZones')).toHaveLength(4);
    expect(every(full, 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups')).toHaveLength(4);
  });

  test('in a virtual network: the app goes out through its own subnet, and port 25 only to what is probed', () => {
    const subnet = every(full, 'Microsoft.Network/virtualNetworks/subnets').find(({ name }) => name.endsWith('/app'));
    expect(subnet?.properties.delegations[0].properties.serviceName).toBe('Microsoft.App/environments');
    expect(subnet?.properties.natGateway.id).toMatch(/natGateways/);
    expect(only(full, 'Microsoft.Web/sites').properties.virtualNetworkSubnetId).toMatch(/subnets.*app|appSubnetId/);
    const rules = only(full, 'Microsoft.Network/networkSecurityGroups').properties.securityRules;
    expect(
      rules.map(({ properties: rule }: Resource) => [
        rule.access,
        rule.destinationPortRange,
        rule.destinationAddressPrefixes ?? rule.destinationAddressPrefix,
      ]),
    ).toEqual([
      ['Allow', '25', ['192.0.2.25', '198.51.100.0/28']],
      ['Deny', '25', '*'],
    ]);
  });

  test('the workbook asks the queries that are files, of the workspace', () => {
    const { serializedData, sourceId } = only(plain, 'Microsoft.Insights/workbooks').properties;
    const { items } = JSON.parse(serializedData) as {
      items: { content: { query?: string; noDataMessage?: string } }[];
    };
    const asked = items.flatMap(({ content }) => content.query ?? []);
    const files = ['answers', 'blind-watches', 'runs', 'deliveries', 'failures'];
    expect(asked).toEqual(
      files.map((name) => readFileSync(join(root, `infra/operations/queries/${name}.kql`), 'utf8')),
    );
    expect(items.filter(({ content }) => 'query' in content && content.noDataMessage === undefined)).toEqual([]);
    expect(sourceId).toContain('Microsoft.OperationalInsights/workspaces');
  });

  test('alerts tell the operators by mail, and not through the channels they watch', () => {
    const group = only(full, 'Microsoft.Insights/actionGroups').properties;
    expect(group.emailReceivers.map((receiver: { emailAddress: string }) => receiver.emailAddress)).toEqual([
      'operators@contoso.com',
    ]);
    for (const { properties } of every(full, 'Microsoft.Insights/scheduledQueryRules')) {
      expect(properties.actions.actionGroups).toHaveLength(1);
    }
    for (const { properties } of every(plain, 'Microsoft.Insights/scheduledQueryRules')) {
      expect(properties.actions.actionGroups).toEqual([]);
    }
  });
});

const nothing: { template: Template; diagnostics: string[] } = {
  template: { parameters: {}, outputs: {}, resources: [] },
  diagnostics: [],
};

/** The resources of a template and of the templates nested in it. Existing ones are references, not resources. */
function* everyResource(template: Template): Generator<Resource> {
  for (const resource of Object.values(template.resources)) {
    if ('existing' in resource) continue;
    if (resource.type === 'Microsoft.Resources/deployments') yield* everyResource(resource.properties.template);
    else yield resource;
  }
}

/** Names of the app settings, out of the expression `[union(…, createObject('name', value, …))]`, in order. */
function appSettings(resources: Resource[]): string[] {
  const resource = resources.find(({ type }) => type === 'Microsoft.Web/sites/config');
  if (!resource) return [];
  const expression: string = resource.properties;
  const args: string[] = [];
  let depth = 0;
  let quoted = false;
  let from = expression.indexOf('createObject(') + 'createObject('.length;
  for (let at = from; depth >= 0; at++) {
    const character = expression[at];
    if (character === undefined) throw new Error(`createObject( is not closed in ${expression}`);
    if (character === "'") quoted = !quoted;
    if (quoted) continue;
    if (character === '(') depth++;
    if (character === ')') depth--;
    if ((character === ',' && depth === 0) || depth < 0) {
      args.push(expression.slice(from, at).trim());
      from = at + 1;
    }
  }
  return args.filter((_, index) => index % 2 === 0).map((name) => name.slice(1, -1));
}

function every(resources: Resource[], type: string): Resource[] {
  return resources.filter((resource) => resource.type === type);
}

function only(resources: Resource[], type: string): Resource {
  const [resource, ...others] = every(resources, type);
  if (!resource || others.length > 0)
    throw new Error(`expected one ${type}, found ${others.length + (resource ? 1 : 0)}`);
  return resource;
}

function leaves(resources: Resource[], type: string): string[] {
  return every(resources, type).map(({ name }) => basename(name));
}

function tally(resources: Resource[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of resources) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}
