// What the image holds, run without a builder: the steps of the Dockerfile are read from it and done in an empty folder,
// its paths below that folder, as a user without rights where the tests may choose one. Only the base image is not in it.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { useAzurite } from '../azurite.ts';
import { builtPackage, stateOf } from '../tools/built-package.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));
const image = mkdtempSync(join(tmpdir(), 'fieldcheck-image-'));
const at = (path: string) => join(image, path);
const azurite = useAzurite();
/** `node` of the base image is no root; whoever runs these tests as root is nobody in it. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

const { version, scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The instructions of the Dockerfile by stage, continued lines joined. */
const [build = [], last = []] = readFileSync(join(root, 'infra/container/Dockerfile'), 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split(/^FROM .*\n/m)
  .slice(1)
  .map((stage) => [...stage.matchAll(/^(\w+) +(.+)$/gm)].map(([, name = '', words = '']) => ({ name, words })));
const only = (name: string) => last.find((one) => one.name === name)?.words ?? '';
const listed = (name: string): string[] => JSON.parse(/\[.+\]/.exec(only(name))?.[0] ?? '[]');

let app: ChildProcess;
let said = '';
let port = '';

/** Of the base image and of the image itself: nothing of the repository is on the path. */
const environment = () => ({
  PATH: [at('/usr/local/bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
  ...Object.fromEntries(
    only('ENV')
      .split(' ')
      .map((pair) => pair.split('='))
      .map(([name, value = '']) => [name, value.startsWith('/') ? at(value) : value]),
  ),
  AzureWebJobsStorage: azurite.connectionString,
  FIELDCHECK_RESOLVERS: '127.0.0.1:9',
});

const inImage = (file: string, ...args: string[]) =>
  promisify(execFile)(file, args, { cwd: at(only('WORKDIR')), env: environment(), ...user }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout, stderr }) => ({ code, stdout: `${stdout}${stderr}` }),
  );

/** The health check of the Dockerfile, at the port that the app got. */
const healthCheck = () => {
  const [program = '', ...args] = listed('HEALTHCHECK').map((word) => word.replaceAll('7071', port));
  return inImage(program, ...args);
};

beforeAll(async () => {
  const source = at(build.find(({ name }) => name === 'WORKDIR')?.words ?? '');
  mkdirSync(source, { recursive: true });
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n');
  const run = (command: string) => execFileSync('sh', ['-c', command], { cwd: source, stdio: 'pipe' });
  for (const { name, words } of build.filter(({ name: step }) => step !== 'WORKDIR')) {
    const [, from = '', to = ''] = /^(.+) (\S+)$/.exec(words) ?? [];
    if (name === 'COPY' && from === '.') {
      for (const entry of readdirSync(root).filter((one) => !ignored.some((glob) => matchesGlob(one, glob))))
        cpSync(join(root, entry), join(source, entry), { recursive: true });
    } else if (name === 'COPY') {
      for (const file of from.split(' ')) cpSync(join(root, file), join(source, to, file));
    } else if (words.startsWith('npm ci')) {
      // That the two files are enough for it and agree; the packages themselves are those of the repository.
      run(`${words} --dry-run --offline`);
      symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'));
    } else if (words === 'npm run package:npm') {
      const [complete = '', ...rest] = scripts['package:npm'].split(' && ');
      run(complete);
      expect(rest).toEqual(['node tools/npm-package.ts']);
      // All that it is built from came along, so it would build what was built of the same.
      expect(stateOf(source)).toBe(stateOf(root));
      cpSync((await builtPackage()).folder, join(source, 'dist-npm'), { recursive: true });
    } else run(words);
  }
  for (const path of ['/usr/local/bin', '/opt']) mkdirSync(at(path), { recursive: true });
  const [, from = '', to = ''] = /^--from=build (\S+) (\S+)$/.exec(only('COPY')) ?? [];
  cpSync(at(from), at(to), { recursive: true });
  rmSync(source, { recursive: true });
  const [, target = '', link = ''] = /ln -s (\S+) (\S+)/.exec(only('RUN')) ?? [];
  symlinkSync(at(target), at(link));
  const [, data = ''] = /install -d -o node -g node (\S+)$/.exec(only('RUN')) ?? [];
  mkdirSync(at(data));
  if (user.uid !== undefined) chownSync(at(data), user.uid, user.gid);
  chmodSync(image, 0o755);
});
afterAll(async () => {
  app?.kill('SIGKILL');
  rmSync(image, { recursive: true, force: true });
});

test('the health check fails where nothing answers', async () => {
  port = '9';
  expect((await healthCheck()).code).toBe(1);
});

test('the entry point answers by name, as the user of the image', async () => {
  const [entry = ''] = listed('ENTRYPOINT');
  expect(await inImage(entry, '--version')).toEqual({ code: 0, stdout: `${version}\n` });
  expect(await inImage(entry, 'evaluate', 'dkim', '--explain', 'active-key-published')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('# dkim/active-key-published'),
  });
});

test('its command serves on the storage that compose names, and is healthy', async () => {
  const [entry = ''] = listed('ENTRYPOINT');
  app = spawn(entry, [...listed('CMD'), '--port', '0'], { cwd: at(only('WORKDIR')), env: environment(), ...user });
  for (const stream of [app.stdout, app.stderr]) stream?.on('data', (chunk) => (said += chunk));
  port = await vi.waitFor(() => /fieldcheck serves http:\S+?:(\d+)\/api\/health/.exec(said)?.[1] ?? expect.fail(said), {
    timeout: 60_000,
    interval: 100,
  });
  expect((await healthCheck()).code).toBe(0);
  const added = await inImage(entry, 'keys', 'add', 'contoso', 'monitoring', '--role', 'reader');
  expect(added.stdout).toContain('contoso');
  expect((await fetch(`http://127.0.0.1:${port}/api/organizations`)).status).toBe(401);
});

test('ends when it is stopped, with what it keeps in its volume alone', async () => {
  const ended = new Promise((resolve) => app.once('exit', resolve));
  app.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(only('VOLUME')).toBe('/data');
  expect(readdirSync(image).sort()).toEqual(['data', 'opt', 'usr']);
});
