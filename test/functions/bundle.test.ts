import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type FunctionApp, loadFunctions, triggerOf } from '../../src/local/host/core.ts';
import { startHost } from '../../src/local/host/host.ts';
import { builtPackage } from '../tools/built-package.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = join((await builtPackage()).folder, 'app/dist/functions.js');

const watch = 'organizations/{organization}/evaluations/{evaluation}';

const http = (method: string, route: string) => ({
  type: 'httpTrigger',
  direction: 'in',
  methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
  route,
  // The doors themselves decide who may enter.
  authLevel: 'anonymous',
});
const queue = (queueName: string) => ({
  type: 'queueTrigger',
  direction: 'in',
  queueName,
  connection: 'AzureWebJobsStorage',
});
const timer = (schedule: string) => ({ type: 'timerTrigger', direction: 'in', schedule });

const page = 'pages/organizations/{organization}/{evaluation}';

/** Every function that the product has. Whoever adds, renames or removes one changes this list on purpose. */
const expected = {
  acceptBaseline: http('POST', 'organizations/{organization}/evaluations/smtp-source-ip/subjects/{service}/baseline'),
  addKey: http('POST', 'organizations/{organization}/keys'),
  audit: http('GET', 'audit'),
  deleteAccess: http('DELETE', 'organizations/{organization}/access/{kind}/{id}'),
  acceptPage: http('POST', `${page}/subjects/{subject}/acceptances`),
  addAcceptance: http('POST', 'organizations/{organization}/acceptances'),
  addSilence: http('POST', 'organizations/{organization}/silences'),
  badge: http('GET', `${watch}/badge.svg`),
  deleteOrganization: http('DELETE', 'organizations/{organization}'),
  deliver: timer('30 * * * * *'),
  deliverNudged: queue('deliveries'),
  doctor: http('GET', 'doctor'),
  endKey: http('DELETE', 'organizations/{organization}/keys/{key}'),
  endAcceptance: http('DELETE', 'organizations/{organization}/acceptances/{acceptance}'),
  endStatementPage: http('POST', 'pages/statements/{organization}/{statement}/end'),
  silencePage: http('POST', 'pages/statements/{organization}'),
  endSilence: http('DELETE', 'organizations/{organization}/silences/{silence}'),
  doctorPage: http('GET', 'pages/doctor'),
  evaluate: http('POST', 'evaluations/{evaluation}'),
  explain: http('POST', 'explanations'),
  explainFormPage: http('POST', 'pages/explain'),
  explainInOrganization: http('POST', 'organizations/{organization}/explanations'),
  exportOrganization: http('GET', 'organizations/{organization}/export'),
  explainPage: http('GET', 'pages/explain'),
  failedSelectors: http('GET', 'organizations/{organization}/evaluations/dkim/failed-selectors.csv'),
  getOrganization: http('GET', 'organizations/{organization}'),
  getRun: http('GET', 'runs/{runId}'),
  getSubject: http('GET', `${watch}/subjects/{subject}`),
  health: http('GET', 'health'),
  healthPage: http('GET', 'pages/health'),
  heartbeat: timer('0 0 8 * * *'),
  importOrganization: http('POST', 'organizations/{organization}/import'),
  listAccess: http('GET', 'organizations/{organization}/access'),
  listKeys: http('GET', 'organizations/{organization}/keys'),
  incidentsCsv: http('GET', 'organizations/{organization}/incidents.csv'),
  listAcceptances: http('GET', 'organizations/{organization}/acceptances'),
  listIncidents: http('GET', 'organizations/{organization}/incidents'),
  listOrganizations: http('GET', 'organizations'),
  listSilences: http('GET', 'organizations/{organization}/silences'),
  listSubjects: http('GET', `${watch}/subjects`),
  metrics: http('GET', 'metrics'),
  openApi: http('GET', 'openapi.json'),
  organizationAudit: http('GET', 'organizations/{organization}/audit'),
  organizationHistory: http('GET', 'organizations/{organization}/history'),
  organizationPage: http('GET', 'pages/organizations/{organization}'),
  organizationReport: http('GET', 'organizations/{organization}/report'),
  organizationSchema: http('GET', 'organization.schema.json'),
  overviewPage: http('GET', 'pages'),
  pageScript: http('GET', 'pages/script.js'),
  pageStyle: http('GET', 'pages/style.css'),
  postFacts: http('POST', 'organizations/{organization}/facts'),
  putAccess: http('PUT', 'organizations/{organization}/access/{kind}/{id}'),
  putOrganization: http('PUT', 'organizations/{organization}'),
  report: http('GET', `${watch}/report`),
  retain: timer('0 0 3 * * *'),
  runbook: http('GET', 'organizations/{organization}/evaluations/smtp-source-ip/subjects/{service}/runbook'),
  signIn: http('GET', 'sign-in'),
  signInCallback: http('GET', 'sign-in/callback'),
  signOut: http('GET', 'sign-out'),
  rulePage: http('GET', 'pages/rules/{evaluation}/{rule}'),
  rulesPage: http('GET', 'pages/rules'),
  runPage: http('GET', 'pages/runs/{runId}'),
  startDueRuns: timer('0 * * * * *'),
  startRun: http('POST', `${watch}/runs`),
  startRunPage: http('POST', `${page}/runs`),
  subjectHistory: http('GET', `${watch}/subjects/{subject}/runs`),
  testChannel: http('POST', 'organizations/{organization}/channels/{channel}/test'),
  subjectPage: http('GET', `${page}/subjects/{subject}`),
  watchPage: http('GET', page),
  workSlice: queue('slices'),
};

function triggersOf({ functions }: FunctionApp): Record<string, object> {
  return Object.fromEntries(
    functions.map((fn) => {
      const { name: _, properties: __, ...trigger } = triggerOf(fn);
      return [fn.name, trigger];
    }),
  );
}

describe.each([
  ['the built bundle', bundle],
  ['the unbuilt source', join(root, 'functions/index.ts')],
])('%s', (_, entry) => {
  it('registers exactly these functions with these triggers', async () => {
    const app = await loadFunctions(entry, root);
    expect(app.functions).toHaveLength(Object.keys(expected).length);
    expect(triggersOf(app)).toEqual(expected);
  });

  it('gives an HTTP function its answer and no function another output', async () => {
    const { functions } = await loadFunctions(entry, root);
    for (const fn of functions) {
      const outputs = Object.values(fn.bindings).filter(({ direction }) => direction === 'out');
      expect([fn.name, outputs.map(({ type }) => type)]).toEqual([
        fn.name,
        triggerOf(fn).type === 'httpTrigger' ? ['http'] : [],
      ]);
    }
  });

  it('starts and stops by one hook each', async () => {
    const { hooks } = await loadFunctions(entry, root);
    expect(Object.fromEntries(Object.entries(hooks).map(([name, callbacks]) => [name, callbacks.length]))).toEqual({
      appStart: 1,
      appTerminate: 1,
      preInvocation: 1,
      postInvocation: 0,
    });
  });

  it('keeps clear of the routes that Azure has for itself', async () => {
    const app = await loadFunctions(entry, root);
    const routes = Object.values(triggersOf(app)).flatMap((trigger) => ('route' in trigger ? [trigger.route] : []));
    expect(routes.filter((route) => /^\/?(admin|runtime)(\/|$)/i.test(String(route)))).toEqual([]);
  });

  it('takes the schedule of a timer from its setting, and the default where that is missing or cannot be read', async () => {
    vi.stubEnv('FIELDCHECK_DUE_SCHEDULE', '0 */5 * * * *');
    vi.stubEnv('FIELDCHECK_DELIVERY_SCHEDULE', 'every minute');
    onTestFinished(() => void vi.unstubAllEnvs());
    // Loaded as another module: an app registers once, with the settings that it starts with.
    const again = new URL('?schedules', pathToFileURL(entry));
    const triggers = triggersOf(await loadFunctions(again, root));
    expect(triggers.startDueRuns).toEqual(timer('%FIELDCHECK_DUE_SCHEDULE%'));
    expect(triggers.deliver).toEqual(timer('30 * * * * *'));
    expect(triggers.retain).toEqual(timer('0 0 3 * * *'));
  });

  it.each([
    [{ FIELDCHECK_RESOLVER_RATE: '-5' }, 'settings: FIELDCHECK_RESOLVER_RATE: must be a number above 0'],
    [{ FIELDCHECK_PUBLIC_URL: 'ftp://x' }, 'settings: FIELDCHECK_PUBLIC_URL: is no http(s) address'],
    [{ FIELDCHECK_LOG_LEVEL: 'loud' }, 'settings: FIELDCHECK_LOG_LEVEL: must be info, warn or error'],
    [
      { AzureWebJobsStorage: '@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/storage)' },
      "settings: AzureWebJobsStorage: is a Key Vault reference that was not resolved; check that the secret exists and that the app's identity may read it",
    ],
    [
      { AzureWebJobsStorage: '' },
      'No storage is configured. Set AzureWebJobsStorage__accountName (with AzureWebJobsStorage__credential and __clientId) in Azure, or AzureWebJobsStorage to a connection string locally.',
    ],
    [
      { AzureWebJobsStorage: 'AccountName=contoso;AccountKey=c2VjcmV0' },
      'settings: AzureWebJobsStorage: The connection string of the storage cannot be used. It needs DefaultEndpointsProtocol, AccountName and AccountKey',
    ],
    [
      { FIELDCHECK_RESOLVERS: 'not a host' },
      "settings: FIELDCHECK_RESOLVERS: 'not a host' is no resolver address: it names no host. Write an address like 9.9.9.9",
    ],
    [
      { FIELDCHECK_ZONE_RESOLVERS: '192.0.2.53' },
      'settings: FIELDCHECK_ZONE_RESOLVERS: must be HOST[:PORT]=ZONE ZONE …, separated by commas',
    ],
    [
      { FIELDCHECK_ZONE_RESOLVERS: '192.0.2.53=contoso.com,192.0.2.53:x=fabrikam.com' },
      "settings: FIELDCHECK_ZONE_RESOLVERS: '192.0.2.53:x' is no resolver address: 'x' is no port number.",
    ],
  ])('refuses to start with %o, and says why', async (settings, sentence) => {
    const start = startHost({
      root,
      entry,
      hostJson: { version: '2.0' },
      settings: {
        FIELDCHECK_DUE_SCHEDULE: '0 0 0 1 1 *',
        FIELDCHECK_DELIVERY_SCHEDULE: '0 0 0 1 1 *',
        FIELDCHECK_RETENTION_SCHEDULE: '0 0 0 1 1 *',
        FIELDCHECK_HEARTBEAT_SCHEDULE: '0 0 0 1 1 *',
        ...(settings as Record<string, string>),
      },
      // The connection string that the queues of the host use is none of the app's business here.
      storageConnection: 'UseDevelopmentStorage=true',
      port: 0,
      log: () => {},
    });
    const error = await start.then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).toContain(`The app refused to start: ${sentence}`);
    expect(error?.message).not.toContain('c2VjcmV0');
  });
});
