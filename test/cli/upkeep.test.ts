import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDocument } from '../../src/domain/organization.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createZone, type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import type { Store } from '../../src/store/store.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { startLoopback } from '../notifiers/loopback.ts';
import { factsOf, stateOf, time, watch } from '../store/samples.ts';
import { fieldcheck as callOf, type Ended } from './shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-upkeep-'));
const azurite = useAzurite();

let dns: DnsServer;
let store: Store;

beforeAll(async () => {
  const names = createZone();
  names.set('microsoft.com', { type: 'NS', data: 'ns1-39.azure-dns.com' });
  dns = await startDnsServer({ zone: names });
  store = createTableStore({ connectionString: azurite.connectionString });
  await store.open();
  await store.putOrganization(
    parseDocument('organization document', evaluations.document, {
      id: 'contoso',
      evaluations: { 'smtp-source-ip': {} },
    }),
    '*',
    time(),
  );
  await store.restore(watch, {
    states: ['a.contoso.com', 'b.contoso.com'].map((subject) => stateOf(subject)),
    history: [1, 2, 3].map((minute) => stateOf('a.contoso.com', { run: `contoso.dkim.${minute}`, at: time(-minute) })),
  });
  await store.putFacts([factsOf({ content: { facts: {}, parts: {} } })]);
});
afterAll(async () => {
  await dns.close();
  rmSync(folder, { recursive: true });
});

/** Over the storage of this file. */
function fieldcheck(args: readonly string[], more: Record<string, string> = {}): Promise<Ended> {
  const settings = {
    AzureWebJobsStorage: azurite.connectionString,
    FIELDCHECK_LOCAL_CHANNELS: 'true',
    FIELDCHECK_RESOLVERS: dns.address,
    ...more,
  };
  return callOf(args, { settings, cwd: folder });
}

describe('notify test', () => {
  let answers: number;
  beforeAll(async () => {
    const server = await startLoopback((_request, response) => void response.writeHead(answers).end());
    const url = `http://127.0.0.1:${server.port}/hook`;
    const document = {
      id: 'adatum',
      channels: { tickets: { kind: 'webhook', url }, lost: { url: 'secret:CHANNEL_LOST' } },
    };
    await store.putOrganization(parseDocument('organization document', evaluations.document, document), '*', time());
    return async () => {
      await store.deleteOrganization('adatum');
      await server.close();
    };
  });
  const tryOut = (channel: string, ...more: string[]) =>
    fieldcheck(['notify', 'test', '--organization', 'adatum', '--channel', channel, ...more]);

  test.each([
    [204, 0, /^delivered {2}tickets \(webhook\): http:\/\/127\.0\.0\.1:\d+\/…#[0-9a-f]{8} took 2 events\.\n$/],
    [
      403,
      1,
      /^rejected {2}tickets \(webhook\): .* answered 403: the address does not give the right to post\. Create /,
    ],
    [503, 2, /^retry {2}tickets \(webhook\): .* answered 503: a fault on its side; it is tried again\.\n$/],
  ])('of a channel that answers %i ends with %i and says why', async (status, code, sentence) => {
    answers = status;
    expect(await tryOut('tickets')).toEqual({ code, stdout: expect.stringMatching(sentence), stderr: '' });
  });

  test('says as JSON what is missing, and refuses a call that names nothing', async () => {
    const lost = await tryOut('lost', '--json');
    expect(lost.code).toBe(1);
    expect(JSON.parse(lost.stdout)).toEqual({
      organization: 'adatum',
      channel: 'lost',
      kind: 'teams-workflow',
      outcome: 'rejected',
      detail: 'channel "lost" of adatum: the setting CHANNEL_LOST, which should hold its address, is not set',
    });
    const nobody = await tryOut('nobody');
    expect(nobody).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('The channel "nobody" of adatum'),
    });
  });
});

describe('export and import', () => {
  test('a file, a refusal, and the same again with --replace', async () => {
    const said = 'contoso: 2 states, 3 of the history, 1 supplied facts';
    expect(await fieldcheck(['export', 'contoso', '--out', 'backup/contoso.ndjson'])).toEqual({
      code: 0,
      stdout: `${said} in backup/contoso.ndjson\n`,
      stderr: '',
    });
    const text = readFileSync(join(folder, 'backup/contoso.ndjson'), 'utf8');
    expect(text.trimEnd().split('\n')).toHaveLength(1 + 1 + 2 + 3 + 1 + 1);
    expect(existsSync(join(folder, 'backup/contoso.ndjson.part'))).toBe(false);

    expect(await fieldcheck(['import', 'backup/contoso.ndjson'])).toEqual({
      code: 3,
      stdout: '',
      stderr:
        'fieldcheck: The organization "contoso" exists. Import with --replace to put the file in its place; what is stored of it now is then gone.\n',
    });
    await store.restore(watch, { states: [stateOf('late.contoso.com')], history: [] });
    expect(await fieldcheck(['import', 'backup/contoso.ndjson', '--replace'])).toEqual({
      code: 0,
      stdout: `${said}\n`,
      stderr: '',
    });
    expect((await store.listStates(watch, 10)).items.map(({ run }) => run.subject)).toEqual([
      'a.contoso.com',
      'b.contoso.com',
    ]);
    expect((await store.listHistory(watch, 10)).items).toHaveLength(3);
  });

  test('standard output when no file is named', async () => {
    const { code, stdout } = await fieldcheck(['export', 'contoso']);
    expect(code).toBe(0);
    expect(stdout.startsWith('{"kind":"fieldcheck organization","version":1,"organization":"contoso"')).toBe(true);
    expect(stdout.endsWith('{"kind":"end","counts":{"states":2,"history":3,"facts":1,"statements":0}}\n')).toBe(true);
  });

  test('every organization into a folder, and all of them from there', async () => {
    const said = 'contoso: 2 states, 3 of the history, 1 supplied facts';
    const saved = await fieldcheck(['export', '--all', '--out', 'all']);
    expect([saved.code, saved.stdout]).toEqual([0, `${said} in all/contoso.ndjson\n`]);
    expect(await fieldcheck(['import', 'all', '--replace'])).toEqual({ code: 0, stdout: `${said}\n`, stderr: '' });
  });

  test.each<[readonly string[], string]>([
    [['export'], 'Name an organization, or say --all --out FOLDER.'],
    [['export', '--all'], 'Say where to: --all --out FOLDER, which gets a file for each organization.'],
    [['export', 'fabrikam', '--out', 'fabrikam.ndjson'], 'The organization "fabrikam" does not exist.'],
    [['import', 'nowhere.ndjson'], 'Cannot read nowhere.ndjson: ENOENT'],
    [['import', '..'], 'Cannot read ..: no file in it ends in .ndjson.'],
    [['import', 'list.json'], 'list.json: line 1: is not the start of an export; write one with "fieldcheck export"'],
  ])('a bad call is one sentence: %o', async (args, sentence) => {
    writeFileSync(join(folder, 'list.json'), '[]\n');
    const { code, stdout, stderr } = await fieldcheck(args);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(sentence);
    expect(existsSync(join(folder, 'fabrikam.ndjson'))).toBe(false);
  });
});

describe('doctor', () => {
  const queues = 'storage queue slices';

  test('exit code 0 when all is well, each line with its state', async () => {
    // Queues are made by whatever opens storage.
    await fieldcheck(['deliver']);
    const { code, stdout, stderr } = await fieldcheck(['doctor']);
    expect([code, stderr]).toEqual([0, '']);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('ok ')),
    ).toEqual([]);
    expect(stdout).toContain(`ok              resolver      ${dns.address}: answers\n`);
    expect(stdout.replace(/ +/g, ' ')).toContain(`ok ${queues}: answers\n`);
  });

  test('1 when something is missing, with the step; 2 when it could not look; 3 for a bad call', async () => {
    const broken = await fieldcheck(['doctor'], { FIELDCHECK_PUBLIC_URL: 'ftp://x' });
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain(
      'missing         setting       FIELDCHECK_PUBLIC_URL: is no http(s) address\n                → Correct FIELDCHECK_PUBLIC_URL: ',
    );
    const blind = await fieldcheck(['doctor', '--json'], {
      AzureWebJobsStorage: azurite.connectionString.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:1'),
    });
    expect(blind.code).toBe(2);
    expect(JSON.parse(blind.stdout).state).toBe('could not look');
    const bad = await fieldcheck(['doctor', '--organization', 'nowhere.json']);
    expect([bad.code, bad.stdout]).toEqual([3, '']);
    expect(bad.stderr).toContain('Cannot read nowhere.json');
  });
});
