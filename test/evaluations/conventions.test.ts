// What every rule owes: its page, its golden cases, its place after its predecessors, and an id that stays.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { AnyRule, Evaluation } from '../../src/domain/rule.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { factSchemas } from '../../src/facts/index.ts';
import { goldenCases, judgeCase } from './cases.ts';
import { releasedRules } from './released-rules.ts';

const headings = [
  '## What it checks',
  '## Why it matters',
  '## Facts it reads',
  '## Verdicts',
  '## How to fix',
  '## References',
];

const folderOf = ({ id }: Evaluation) => fileURLToPath(new URL(`../../src/evaluations/${id}/`, import.meta.url));
const nameOf = ({ id }: AnyRule) => id.slice(id.indexOf('/') + 1);

describe.each(evaluations.map((evaluation) => [evaluation.id, evaluation] as const))('%s', (id, evaluation) => {
  const folder = folderOf(evaluation);
  const names = evaluation.rules.map(nameOf);

  it('has the released rules, and no other', () => {
    const released = releasedRules[id];
    expect(
      released.filter((name) => !names.includes(name)),
      'released rule ids that are gone',
    ).toEqual([]);
    expect(
      names.filter((name) => !released.includes(name)),
      'rules that test/evaluations/released-rules.ts does not list',
    ).toEqual([]);
    expect(new Set(names).size, 'a rule stands in the list twice').toBe(names.length);
  });

  it('has one folder of rules with a program and a page for each, and nothing else', () => {
    const wanted = names.flatMap((name) => [`${name}.md`, `${name}.ts`]).sort();
    const found = readdirSync(`${folder}rules`).sort();
    expect(
      wanted.filter((file) => !found.includes(file)),
      `missing in src/evaluations/${id}/rules`,
    ).toEqual([]);
    expect(
      found.filter((file) => !wanted.includes(file)),
      `in src/evaluations/${id}/rules without a rule in the list`,
    ).toEqual([]);
  });

  it.each(evaluation.rules.map((rule) => [nameOf(rule), rule] as const))('explains %s on its page', (name, rule) => {
    const page = readFileSync(`${folder}rules/${name}.md`, 'utf8');
    const lines = page.split('\n');
    expect(lines[0], 'the first line').toBe(`# ${rule.id}`);
    expect(lines.filter((line) => /^#{1,6} /.test(line)).slice(1), 'the headings').toEqual(headings);
    const sections = new Map(
      page
        .split(/^(?=## )/m)
        .slice(1)
        .map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n')).trim()]),
    );
    expect(
      headings.filter((heading) => (sections.get(heading) ?? '') === ''),
      'headings without text',
    ).toEqual([]);
    const read = [...(sections.get('## Facts it reads') ?? '').matchAll(/`([a-z0-9-]+)`/g)]
      .map(([, word]) => word ?? '')
      .filter((word) => word in factSchemas);
    expect([...new Set(read)].sort(), 'the facts that "Facts it reads" names').toEqual(
      [...rule.needs, ...rule.optional].sort(),
    );
  });

  const seen = judgeCases(evaluation);

  it.each(evaluation.rules.map((rule) => [nameOf(rule), rule] as const))('has golden cases for %s', (_, rule) => {
    const missing = ['pass', 'fail'].filter((verdict) => !seen.verdicts.has(`${rule.id} ${verdict}`));
    expect(missing, `verdicts of ${rule.id} that no case in test/cases/${id} shows`).toEqual([]);
  });

  it('judges a rule after its predecessors', () => {
    const order = evaluation.rules.map((rule) => rule.id);
    const wrong = [...seen.predecessors].filter(([rule, before]) => {
      const at = order.indexOf(before);
      return at < 0 || at >= order.indexOf(rule);
    });
    expect(wrong, 'pairs of a rule and a predecessor that is no rule or does not stand before it').toEqual([]);
  });
});

/** Judges every golden case and remembers which verdicts came out, and which predecessors the rules named. */
function judgeCases(evaluation: Evaluation): {
  verdicts: ReadonlySet<string>;
  predecessors: ReadonlySet<readonly [rule: string, before: string]>;
} {
  const pairs = new Map<string, readonly [string, string]>();
  const watched = evaluation.rules.map((rule): AnyRule => {
    const { after } = rule;
    if (after === undefined) return rule;
    return {
      ...rule,
      after(facts, at) {
        const predecessors = after(facts, at);
        for (const { rule: before } of predecessors) pairs.set(`${rule.id} ${before}`, [rule.id, before]);
        return predecessors;
      },
    };
  });
  const verdicts = goldenCases(evaluation.id).flatMap((golden) =>
    judgeCase({ ...evaluation, rules: watched }, golden).findings.map(({ rule, verdict }) => `${rule} ${verdict}`),
  );
  return { verdicts: new Set(verdicts), predecessors: new Set(pairs.values()) };
}
