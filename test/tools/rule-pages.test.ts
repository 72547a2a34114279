import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { evaluations } from '../../src/evaluations/index.ts';
import { build, copyRulePages, deployed } from '../../tools/build.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the chunk of the bundle that reads the pages of rules finds every one of them', async () => {
  const outdir = join(folder, 'dist');
  const files = await build({ entry: deployed, outdir });
  await copyRulePages(outdir);
  const chunk = files.find(({ modules }) => modules.includes('src/app/rule-page.ts'))?.path ?? '';
  expect(pathToFileURL(chunk).href).toContain('/dist/chunks/');
  const read = (evaluation: string, rule: string) =>
    readFileSync(new URL(`../evaluations/${evaluation}/rules/${rule}.md`, pathToFileURL(chunk)), 'utf8');
  for (const { id, rules } of evaluations.all) {
    for (const rule of rules) expect(read(id, rule.id.slice(id.length + 1))).toContain(`# ${rule.id}\n`);
  }
});
