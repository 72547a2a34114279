import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** What we use of host.json. The host ignores keys it does not know, so a typing error there shows only here. */
const hostSchema = z.strictObject({
  version: z.literal('2.0'),
  functionTimeout: z
    .string()
    .regex(/^00:(0\d|10):00$/, 'ten minutes at most: a hanging probe is paid for by the second'),
  extensions: z.strictObject({
    http: z.strictObject({ routePrefix: z.literal('api') }),
    queues: z.strictObject({
      batchSize: z.int().min(1).max(32),
      newBatchThreshold: z.int().min(0),
      maxDequeueCount: z.int().min(2),
      visibilityTimeout: z.string().regex(/^00:00:[1-5]\d$/, 'the default of 0 retries at once, five times in a row'),
      maxPollingInterval: z.string().regex(/^00:0[01]:\d\d$/),
      messageEncoding: z.literal('base64'),
    }),
  }),
  logging: z.strictObject({
    logLevel: z.record(z.string(), z.enum(['Trace', 'Debug', 'Information', 'Warning', 'Error', 'Critical', 'None'])),
    applicationInsights: z.strictObject({
      samplingSettings: z.strictObject({ isEnabled: z.boolean(), excludedTypes: z.string() }),
    }),
  }),
  extensionBundle: z.strictObject({
    id: z.literal('Microsoft.Azure.Functions.ExtensionBundle'),
    version: z.literal('[4.*, 5.0.0)'),
  }),
});

const hookSchema = z.strictObject({ shell: z.enum(['pwsh', 'sh']), run: z.string().min(1) });
const azureYamlSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  services: z.strictObject({
    api: z.strictObject({
      project: z.literal('.'),
      language: z.literal('js'),
      host: z.literal('function'),
      dist: z.string().regex(/^[a-z-]+$/),
      remoteBuild: z.literal(false),
      hooks: z.strictObject({ prepackage: z.strictObject({ windows: hookSchema, posix: hookSchema }) }),
    }),
  }),
});

const parametersSchema = z.strictObject({
  $schema: z.literal('https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#'),
  contentVersion: z.literal('1.0.0.0'),
  // A variable without a default is one that azd has to ask for.
  parameters: z.record(
    z.string(),
    z.strictObject({ value: z.string().regex(/^\$\{(AZURE_ENV_NAME|AZURE_LOCATION|FIELDCHECK_[A-Z_]+=[^}"\\]*)\}$/) }),
  ),
});

describe('files that a deployment reads', () => {
  test('host.json holds only what the host knows, with values that fit the queues', () => {
    const host = hostSchema.parse(JSON.parse(read('host.json')));
    // The next batch is fetched when this many are left, so more than a batch would mean: always.
    expect(host.extensions.queues.newBatchThreshold).toBeLessThanOrEqual(host.extensions.queues.batchSize);
  });

  test('azure.yaml deploys what was built here, by one command on every system', () => {
    const { hooks } = azureYamlSchema.parse(parseYaml(read('azure.yaml'))).services.api;
    expect(hooks.prepackage.posix.run).toBe('npm run package');
    expect(hooks.prepackage.windows.run).toBe(hooks.prepackage.posix.run);
  });

  test('main.parameters.json names every parameter of main.bicep with its own default, and asks for two', () => {
    const { parameters } = parametersSchema.parse(JSON.parse(read('infra/main.parameters.json')));
    const declared = [...read('infra/main.bicep').matchAll(/^param (\w+) \w+(?: = (.+))?$/gm)];
    expect(Object.keys(parameters).sort()).toEqual(declared.map(([, name]) => name).sort());
    for (const [, name = '', expression] of declared) {
      const [, fallback] = /=(.*)\}$/.exec(parameters[name]?.value ?? '') ?? [];
      expect({ [name]: fallback }).toEqual({ [name]: expression?.replace(/^'|'$/g, '') });
    }
  });

  test('the documentation has every variable, with its default', () => {
    const { parameters } = parametersSchema.parse(JSON.parse(read('infra/main.parameters.json')));
    const page = read('infra/README.md');
    for (const { value } of Object.values(parameters)) {
      const [, name, fallback = ''] = /\{(FIELDCHECK_\w+)=(.*)\}/.exec(value) ?? [];
      if (name === undefined) continue;
      const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``));
      expect(row, `the row of ${name}`).toContain(fallback);
    }
  });

  test('.funcignore keeps sources, tests and local settings at home', () => {
    const lines = read('.funcignore').split('\n');
    for (const kept of [
      'src/',
      'test/',
      'tools/',
      'infra/',
      'functions/',
      'node_modules/',
      'local.settings.json',
      '*.map',
    ]) {
      expect(lines).toContain(kept);
    }
  });
});
