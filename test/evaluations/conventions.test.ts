// What every rule owes: its page, its golden cases, its place after its predecessors, and an id that stays.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { AnyFactReader, Evaluation } from '../../src/domain/evaluation.ts';
import { type AnyRule, factsNamedBy } from '../../src/domain/rule.ts';
import { evaluations } from '../../src/evaluations/index.ts';
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

describe.each(evaluations.all.map((evaluation) => [evaluation.id, evaluation] as const))('%s', (id, evaluation) => {
  const folder = folderOf(evaluation);
  const names = evaluation.rules.map(nameOf);

  it('has the released rules, and no other', () => {
    const released = releasedRules[id] ?? [];
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
      .filter((word) => word in evaluation.facts.schemas);
    expect([...new Set(read)].sort(), 'the facts that "Facts it reads" names').toEqual(
      [...new Set(factsNamedBy(rule))].sort(),
    );
  });

  const seen = judgeCases(evaluation);

  it.each(evaluation.rules.map((rule) => [nameOf(rule), rule] as const))(
    '%s reads what it names, all of it',
    (_, rule) => {
      expect([...(seen.read.get(rule.id) ?? [])].sort(), `facts that ${rule.id} reads in test/cases/${id}`).toEqual(
        [...new Set(factsNamedBy(rule))].sort(),
      );
    },
  );

  it('reads itself what it names, all of it', () => {
    expect([...seen.readByEvaluation].sort()).toEqual([...evaluation.reads].sort());
  });

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

it('notices a rule that reads a fact which it does not name', () => {
  const evaluation = evaluations.of('dkim');
  const [first, ...others] = evaluation.rules;
  if (first === undefined) throw new Error('dkim has no rules');
  const planted: AnyRule = {
    ...first,
    judge(facts, at) {
      void (facts as Record<string, unknown>)['exchange-online-incidents'];
      return first.judge(facts, at);
    },
  };
  const { read } = judgeCases({ ...evaluation, rules: [planted, ...others] });
  expect(factsNamedBy(planted)).not.toContain('exchange-online-incidents');
  expect([...(read.get(planted.id) ?? [])]).toContain('exchange-online-incidents');
});

interface Seen {
  readonly verdicts: ReadonlySet<string>;
  readonly predecessors: ReadonlySet<readonly [rule: string, before: string]>;
  /** Facts that were read, by rule, whether it names them or not. */
  readonly read: ReadonlyMap<string, ReadonlySet<string>>;
  /** Those that the evaluation's scope and proof read. */
  readonly readByEvaluation: ReadonlySet<string>;
}

/** Judges every golden case on recording proxies. */
function judgeCases(evaluation: Evaluation): Seen {
  const pairs = new Map<string, readonly [string, string]>();
  const read = new Map(evaluation.rules.map(({ id }) => [id, new Set<string>()]));
  const watched = evaluation.rules.map((rule): AnyRule => {
    const { variant } = rule;
    return {
      ...watch(rule),
      variant: typeof variant?.judgedBy === 'object' ? { is: variant.is, judgedBy: watch(variant.judgedBy) } : variant,
    };
  });
  function watch(rule: AnyRule): AnyRule {
    const { after, parts } = rule;
    const note = (fact: string) => read.get(rule.id)?.add(fact);
    return {
      ...rule,
      after:
        after &&
        ((facts, at) => {
          const predecessors = after(recording(facts, note), at);
          for (const { rule: before } of predecessors) pairs.set(`${rule.id} ${before}`, [rule.id, before]);
          return predecessors;
        }),
      parts:
        parts &&
        ((facts, at) => {
          const byPart = (fact: string) => {
            note(fact);
            return at.byPart(fact);
          };
          return parts(recording(facts, note), { ...at, byPart });
        }),
      judge(facts, at) {
        const peers = Object.entries(at.peers).map(([part, ofPart]) => [part, recording(ofPart, note)] as const);
        return rule.judge(recording(facts, note), { ...at, peers: Object.fromEntries(peers) });
      },
    };
  }
  const readByEvaluation = new Set<string>();
  const noting =
    (fact: AnyFactReader): AnyFactReader =>
    (name) => {
      readByEvaluation.add(name);
      return fact(name);
    };
  const { scope, proof } = evaluation;
  const recorded: Evaluation = {
    ...evaluation,
    rules: watched,
    scope: scope && ((fact, at) => scope(noting(fact), at)),
    proof: proof && ((question, blocking, fact, all) => proof(question, blocking, noting(fact), all)),
  };
  const verdicts = goldenCases(evaluation).flatMap((golden) =>
    judgeCase(recorded, golden).findings.map(({ rule, verdict }) => `${rule} ${verdict}`),
  );
  return { verdicts: new Set(verdicts), predecessors: new Set(pairs.values()), read, readByEvaluation };
}

/** The same facts, noting each that is asked for. */
function recording<T extends object>(facts: T, note: (fact: string) => void): T {
  return new Proxy(facts, {
    get(target, name, receiver) {
      if (typeof name === 'string') note(name);
      return Reflect.get(target, name, receiver);
    },
    // Taking the rest of the facts (`...rest`) reads them all.
    ownKeys(target) {
      for (const name of Object.keys(target)) note(name);
      return Reflect.ownKeys(target);
    },
  });
}
