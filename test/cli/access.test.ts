// keys, access and audit of the command line, as a shell runs them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useAzurite } from '../azurite.ts';
import { fieldcheck as callOf } from './shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-access-'));
const azurite = useAzurite();
const me = userInfo().username;
const group = '99999999-0000-0000-0000-000000000009';

const fieldcheck = (...args: string[]) =>
  callOf(args, { settings: { AzureWebJobsStorage: azurite.connectionString }, cwd: folder });

beforeAll(async () => {
  const file = join(folder, 'contoso.json');
  writeFileSync(file, JSON.stringify({ id: 'contoso', evaluations: { dkim: { domains: ['contoso.com'] } } }));
  expect(await fieldcheck('apply', file)).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a key is made, listed without itself, and ended', async () => {
  const made = await fieldcheck('keys', 'add', 'contoso', 'EX1');
  const [text = '', sentence] = made.stdout.split('\n');
  expect(text).toMatch(/^fck_\w{10}_\w{49}$/);
  expect(sentence).toMatch(/^EX1 of contoso \(collector\), good until \d{4}-.*\. It is not shown again\.$/);
  const id = text.slice(4, 14);
  const listed = await fieldcheck('keys', 'list', 'contoso');
  expect(listed.stdout).toMatch(new RegExp(`^${id}  collector  EX1: good until .*, never used, made .* by ${me}\\n$`));
  expect(JSON.parse((await fieldcheck('keys', 'list', 'contoso', '--json')).stdout)).toEqual([
    expect.objectContaining({ id, name: 'EX1', role: 'collector', organization: 'contoso' }),
  ]);
  expect((await fieldcheck('keys', 'end', 'contoso', id)).stdout).toMatch(/^EX1 \(.*\) of contoso is ended; /);
  expect((await fieldcheck('keys', 'list', 'contoso')).stdout).toMatch(/EX1: ended /);
});

test('what is wrong is said, with exit code 3', async () => {
  expect(await fieldcheck('keys', 'add', 'fabrikam', 'EX1')).toMatchObject({
    code: 3,
    stdout: '',
    stderr: 'fieldcheck: The organization "fabrikam" does not exist.\n',
  });
  expect(await fieldcheck('keys', 'end', 'contoso', 'nothing')).toMatchObject({
    code: 3,
    stderr: 'fieldcheck: The key "nothing" of "contoso" does not exist.\n',
  });
  expect((await fieldcheck('access', 'give', 'contoso', 'user', 'adele@contoso.com')).stderr).toContain(
    'id: is no object id of Entra ID (a GUID)',
  );
  expect((await fieldcheck('keys', 'add', 'contoso', 'EX1', '--days', '0')).code).toBe(3);
});

test('a role is given, listed and taken back; all of it is in the audit', async () => {
  expect((await fieldcheck('access', 'give', 'contoso', 'group', group, '--name', 'Mail team')).stdout).toBe(
    `group ${group} is reader of contoso\n`,
  );
  expect((await fieldcheck('access', 'list', 'contoso')).stdout).toMatch(
    new RegExp(`^reader    group ${group} \\(Mail team\\), given .* by ${me}\\n$`),
  );
  expect((await fieldcheck('access', 'take', 'contoso', 'group', group)).code).toBe(0);
  expect((await fieldcheck('access', 'list', 'contoso')).stdout).toBe('Nobody has a role in contoso alone.\n');
  const audit = await fieldcheck('audit', 'list', 'contoso', '--json');
  const entries = JSON.parse(audit.stdout) as { action: string; by: object; via: string }[];
  expect(entries.map(({ action }) => action)).toEqual([
    'access.take',
    'access.give',
    'key.end',
    'key.add',
    'document.create',
  ]);
  expect(
    entries.every(
      ({ by, via }) => JSON.stringify(by) === JSON.stringify({ kind: 'local', id: me, name: me }) && via === 'local',
    ),
  ).toBe(true);
  expect((await fieldcheck('audit', 'list')).stdout).toMatch(
    new RegExp(`  ${me} \\(local\\)  access\\.take contoso group ${group}\\n`),
  );
});
