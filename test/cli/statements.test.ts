import { beforeAll, expect, test } from 'vitest';
import { parseDocument } from '../../src/domain/organization.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { createTableStore } from '../../src/store/table-store.ts';
import { useAzurite } from '../azurite.ts';
import { stateOf, time, watch } from '../store/samples.ts';
import { fieldcheck as callOf } from './shell.ts';

const azurite = useAzurite();
const key = 'contoso/dkim/a.contoso.com/dkim/active-key-published#selector1';

beforeAll(async () => {
  const store = createTableStore({ connectionString: azurite.connectionString });
  await store.open();
  const document = parseDocument('organization document', evaluations.document, {
    id: 'contoso',
    evaluations: { dkim: {} },
  });
  await store.putOrganization(document, '*', time());
  const state = stateOf('a.contoso.com');
  await store.restore(watch, {
    states: [
      {
        ...state,
        findings: {
          'dkim/active-key-published#selector1': {
            verdict: 'fail',
            severity: 'high',
            since: time(),
            unknownRuns: 0,
            toldAt: time(),
          },
        },
      },
    ],
    history: [],
  });
});

const fieldcheck = (...args: string[]) => callOf(args, { settings: { AzureWebJobsStorage: azurite.connectionString } });

const soon = new Date(Date.now() + 20 * 86_400_000).toISOString();

test('a silence is added, listed and ended', { timeout: 60_000 }, async () => {
  const said = ['--until', soon, '--reason', 'DNS moves', '--ticket', 'CHG-17', '--by', 'Adele'];
  const added = await fieldcheck('silence', 'add', 'contoso', '--subject', '*.contoso.com', ...said, '--json');
  expect([added.code, added.stderr]).toEqual([0, '']);
  const silence = JSON.parse(added.stdout) as { id: string };
  expect(silence).toMatchObject({
    kind: 'silence',
    match: { subject: '*.contoso.com' },
    until: soon,
    by: 'Adele',
    reason: 'DNS moves',
    ticket: 'CHG-17',
  });
  expect(JSON.parse((await fieldcheck('silence', 'list', 'contoso', '--json')).stdout)).toEqual([silence]);
  expect((await fieldcheck('silence', 'list', 'contoso')).stdout).toMatch(
    /^silence-\d{8}-\w{8} {2}subject \*\.contoso\.com {2}Silenced by Adele until .* \(CHG-17\): DNS moves\n$/,
  );
  const ended = await fieldcheck('silence', 'end', 'contoso', silence.id, '--json');
  expect(JSON.parse(ended.stdout)).toMatchObject({ id: silence.id, endedFor: expect.stringMatching(/^ended by \w/) });
  expect((await fieldcheck('silence', 'list', 'contoso')).stdout).toBe('None.\n');
  expect((await fieldcheck('silence', 'list', 'contoso', '--all')).stdout).toContain(' Ended ');
});

test('an incident that is open is accepted by its key', { timeout: 60_000 }, async () => {
  const added = await fieldcheck('accept', 'add', key, '--until', soon, '--reason', 'No mail', '--json');
  expect([added.code, added.stderr]).toEqual([0, '']);
  const acceptance = JSON.parse(added.stdout) as { id: string };
  expect(acceptance).toMatchObject({ kind: 'acceptance', key, severity: 'high', reason: 'No mail' });
  expect(JSON.parse((await fieldcheck('accept', 'list', 'contoso', '--json')).stdout)).toEqual([acceptance]);
  expect((await fieldcheck('accept', 'end', 'contoso', acceptance.id)).stdout).toContain(
    `${acceptance.id}  ${key}  Accepted by`,
  );
});

test.each([
  [['silence', 'add', 'contoso', '--subject', '*', '--reason', 'x'], "required option '--until <time>' not specified"],
  [['silence', 'add', 'contoso', '--until', soon, '--reason', 'x'], 'match: names nothing'],
  [['silence', 'add', 'contoso', '--subject', '*', '--until', '2020-01-01', '--reason', 'x'], 'is past'],
  [['accept', 'add', 'a.contoso.com', '--until', soon, '--reason', 'x'], 'is no incident; a key reads'],
  [['accept', 'end', 'contoso', 'acceptance-1'], 'The acceptance "acceptance-1" of "contoso" does not exist'],
])('%j is refused', { timeout: 30_000 }, async (args, words) => {
  const { code, stdout, stderr } = await fieldcheck(...args);
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toContain(words);
});
