import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { linuxScenes } from './linux-scenes.ts';
import { loadBalancerScenes } from './load-balancer-scenes.ts';
import { reportedScenes } from './reported-scenes.ts';
import { goldenScenes, now, scenes } from './scenes.ts';
import { runOf } from './service.ts';

const ofKinds = [...reportedScenes, ...linuxScenes, ...loadBalancerScenes];
const all = [...scenes, ...ofKinds];
// What people reported is kept in full: each is a kind of its own.
const golden = new Set([...goldenScenes, ...ofKinds.map(({ name }) => name)]);

describe.each(all.map((scene) => [scene.name, scene] as const))('%s', (name, { make, expected, answers = {} }) => {
  it('is judged as it should be', async () => {
    const scene = await make();
    const { run, facts } = await runOf(scene);
    for (const { rule, target, verdict, severity, says } of expected) {
      const finding = run.findings.find((one) => one.rule === `smtp-source-ip/${rule}` && one.target === target);
      expect(finding?.message, `${rule} ${target ?? ''}`).toMatch(says);
      expect([finding?.verdict, finding?.severity], `${rule} ${target ?? ''}`).toEqual([verdict, severity]);
      if (verdict === 'fail') expect(finding?.remedy, rule).toBeTruthy();
    }
    expect(run.answers).toMatchObject(answers);
    if (process.env.UPDATE_GOLDEN === '1' && golden.has(name)) {
      const folder = fileURLToPath(
        new URL(`../../cases/smtp-source-ip/${name.replaceAll(/\W+/g, '-')}/`, import.meta.url),
      );
      mkdirSync(folder, { recursive: true });
      const saved = { fieldcheck: 'facts/1', evaluation: 'smtp-source-ip', subject: scene.service, ...facts };
      writeFileSync(`${folder}facts.json`, `${JSON.stringify(saved)}\n`);
      // Of a new case only: what is recorded of the others says which rules they knew.
      const findings = `${folder}findings.json`;
      if (!existsSync(findings)) writeFileSync(findings, `${JSON.stringify({ now: now.toISOString() })}\n`);
    }
  });
});

it('gives every finding of a run its own rule and target', async () => {
  for (const { make } of all) {
    const { run } = await runOf(await make());
    const keys = run.findings.map(({ rule, target }) => `${rule} ${target ?? ''}`);
    expect(new Set(keys).size).toBe(keys.length);
  }
});
