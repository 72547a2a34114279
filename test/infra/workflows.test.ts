import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, '.github/workflows');
const text = (file: string) => readFileSync(join(folder, file), 'utf8');

const permissions = z.record(z.string(), z.enum(['read', 'write', 'none']));
const step = z.object({ name: z.string().optional(), uses: z.string().optional(), run: z.string().optional() });
const job = z.object({
  'runs-on': z.string(),
  'timeout-minutes': z.number().max(60),
  environment: z.string().optional(),
  if: z.string().optional(),
  needs: z.array(z.string()).optional(),
  permissions: permissions.optional(),
  strategy: z.object({ 'fail-fast': z.boolean(), matrix: z.record(z.string(), z.array(z.unknown())) }).optional(),
  steps: z.array(step),
});
const workflow = z.object({
  on: z.record(z.string(), z.unknown()),
  // Stated in every workflow: what a repository gives by default may be everything.
  permissions,
  concurrency: z.object({ group: z.string(), 'cancel-in-progress': z.boolean() }),
  jobs: z.record(z.string(), job),
});
const read = (file: string) => workflow.parse(parseYaml(text(file)));
const runs = (steps: z.infer<typeof step>[]) => steps.flatMap(({ run }) => run ?? []);

describe.each(readdirSync(folder))('%s', (file) => {
  const { permissions: common, jobs } = read(file);

  test('pins every action to a commit and says which release that is', () => {
    const used = [...text(file).matchAll(/^\s*-? *uses: *(.+)$/gm)].map(([, action]) => action);
    const parsed = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(used).toHaveLength(parsed.length);
    for (const action of used) expect(action).toMatch(/^[A-Za-z-]+\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('may read the repository, and write nothing but a token that says who it is', () => {
    for (const allowed of [common, ...Object.values(jobs).map((one) => one.permissions ?? {})]) {
      for (const [scope, level] of Object.entries(allowed)) {
        expect(`${scope}: ${level}`).toMatch(/^(contents: read|id-token: write)$/);
      }
    }
    expect(common).not.toHaveProperty('id-token');
  });

  test('leaves no credential of git behind, and puts nothing of a pull request into a shell', () => {
    expect(text(file).match(/actions\/checkout@/g) ?? []).toHaveLength(
      (text(file).match(/persist-credentials: false/g) ?? []).length,
    );
    const script = Object.values(jobs).flatMap(({ steps }) => runs(steps));
    expect(script.filter((line) => line.includes('${{'))).toEqual([]);
    expect(text(file)).not.toMatch(/pull_request_target|workflow_run/);
  });

  test('such a token is given only in a GitHub environment, which can ask for approval', () => {
    for (const [name, one] of Object.entries(jobs)) {
      if (one.permissions?.['id-token'] === undefined) continue;
      expect(`${name}: ${one.environment}`).toMatch(
        /: (\$\{\{ inputs\.environment \|\| 'production' \}\}|what-if|npm)$/,
      );
    }
  });
});

test('CI tests on Node 22 and 24, on Linux and Windows, each to its end, and has one gate for all', () => {
  const { on, jobs } = read('ci.yml');
  expect(Object.keys(on)).toEqual(['push', 'pull_request']);
  expect(jobs.test?.strategy).toEqual({
    'fail-fast': false,
    matrix: { os: ['ubuntu-latest', 'windows-latest'], node: [22, 24] },
  });
  expect(runs(jobs.test?.steps ?? [])).toEqual(
    expect.arrayContaining(['npm ci', 'npm test', 'npm run check', 'npm run package']),
  );
  expect(jobs.ci).toMatchObject({ if: 'always()', needs: ['test'] });
});

test('a deployment is tested first, signs in without a secret, and is never cut off half-way', () => {
  const { concurrency, jobs } = read('deploy.yml');
  expect(concurrency).toEqual({
    group: `deploy-\${{ inputs.environment || 'production' }}`,
    'cancel-in-progress': false,
  });
  const script = runs(jobs.deploy?.steps ?? []);
  const place = (start: string) => script.findIndex((line) => line.startsWith(start));
  expect(place('npm test')).toBeGreaterThan(-1);
  expect(place('azd auth login --federated-credential-provider github')).toBeGreaterThan(place('npm test'));
  expect(place('azd provision --no-prompt')).toBeGreaterThan(place('azd auth login'));
  expect(place('azd deploy --no-prompt')).toBeGreaterThan(place('azd provision'));
  expect(text('deploy.yml')).not.toMatch(/client-secret|AZURE_CREDENTIALS/);
});

test('what-if runs on pull requests that touch what is deployed, and never on those of forks', () => {
  const { on, jobs } = read('what-if.yml');
  expect(on).toEqual({ pull_request: { paths: ['infra/**', 'azure.yaml', '.github/workflows/what-if.yml'] } });
  expect(jobs['what-if']?.if).toBe('github.event.pull_request.head.repo.full_name == github.repository');
  expect(runs(jobs['what-if']?.steps ?? []).at(-1)).toContain('azd provision --preview --no-prompt');
});

test('the package is tested before it is published, by hand, with its provenance and without a secret', () => {
  const { on, jobs } = read('publish.yml');
  expect(Object.keys(on)).toEqual(['workflow_dispatch']);
  expect(runs(jobs.publish?.steps ?? [])).toEqual([
    'npm ci',
    'npm test',
    'npm run package:npm',
    'npm publish ./dist-npm --provenance --access public',
  ]);
  expect(text('publish.yml')).not.toContain('secrets.');
});
