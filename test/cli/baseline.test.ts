import { beforeAll, expect, test } from 'vitest';
import { createTableStore } from '../../src/store/table-store.ts';
import { createClock, createMachine } from '../app/machine.ts';
import { useAzurite } from '../azurite.ts';
import { healthy } from '../evaluations/smtp-source-ip/service.ts';
import { type Ended, fieldcheck } from './shell.ts';

const azurite = useAzurite();
// By the clock of the CLI, by which supplied facts expire.
const collectedAt = new Date().toISOString();

beforeAll(async () => {
  const { app } = createMachine({
    store: createTableStore({ connectionString: azurite.connectionString }),
    resolvers: ['192.0.2.53'],
    clock: createClock(new Date(collectedAt)),
  });
  const { service, files } = healthy();
  const { kind: _, ...declaration } = service;
  const evaluations = { 'smtp-source-ip': { services: [declaration] } };
  await app.putOrganization('contoso', { id: 'contoso', evaluations });
  const content = new TextEncoder().encode(JSON.stringify({ ...files.EX1, collectedAt }));
  await app.acceptFacts('contoso', content, false);
  await app.stop();
});

/** `fieldcheck baseline accept`, over the storage of this file. */
function accept(...args: readonly string[]): Promise<Ended> {
  return fieldcheck(['baseline', 'accept', ...args], {
    settings: { AzureWebJobsStorage: azurite.connectionString },
  });
}

test('baseline accept says what it accepted, of when, and what is missing', async () => {
  const { code, stdout, stderr } = await accept('contoso', 'smtp-in', '--by', 'Mail team');
  expect([code, stderr]).toEqual([0, '']);
  const [first, ...rest] = stdout.split('\n');
  expect(first).toMatch(/^smtp-in: baseline of EX1 accepted \d{4}-\d{2}-\d{2}T\S+Z, as collected /);
  expect(first?.endsWith(collectedAt)).toBe(true);
  expect(rest).toEqual(['without EX2: there are no facts', '']);
});

test('baseline accept of a service that is not there is a bad call', async () => {
  expect(await accept('contoso', 'smtp-out')).toEqual({
    code: 3,
    stdout: '',
    stderr: 'fieldcheck: The service "smtp-out" of "contoso" does not exist.\n',
  });
});
