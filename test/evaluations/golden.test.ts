// Facts in, findings out, for every evaluation: each case is judged as it was recorded and compared. What is no pass is
// recorded in full, sentences included; passes, and what is unknown because nobody supplied it, by rule and target. What
// the rules say when they pass stands once per evaluation, in passes.json.
//
// A change of a sentence or a verdict on purpose: `UPDATE_GOLDEN=1 npm test -- test/evaluations/golden.test.ts` writes what
// comes out now; a person reads the diff before it is committed. A rule that came later is added to the cases where it
// has something to tell, and to no other. A new case starts as its facts.json and a findings.json with nothing but
// `{ "now": "2026-11-24T09:30:00.000Z" }`.
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluations } from '../../src/evaluations/index.ts';
import { goldenCases, judgeCase, passesFile, passesOf, type RecordedRun, recordedPasses, recordOf } from './cases.ts';

const update = process.env.UPDATE_GOLDEN === '1';

describe.each(evaluations.all.map((evaluation) => [evaluation.id, evaluation] as const))('%s', (id, evaluation) => {
  const cases = goldenCases(evaluation);

  it.each(cases.map((golden) => [golden.name, golden] as const))('%s', (_, golden) => {
    const { facts, now, policies, file } = golden;
    expect(facts.evaluation).toBe(id);
    const run = recordOf(judgeCase(evaluation, golden), golden.run);
    if (update) {
      writeFileSync(file, oneFindingALine({ now, ...(policies === undefined ? {} : { policies }) }, run));
    } else {
      expect(run).toEqual(golden.run);
    }
  });

  it('says what is recorded where it passes', () => {
    const runs = cases.map((golden) => judgeCase(evaluation, golden));
    const passes = passesOf(evaluation, runs);
    if (update) {
      writeFileSync(passesFile(id), `[\n${passes.map((pass) => JSON.stringify(pass)).join(',\n')}\n]\n`);
    } else {
      expect(passes).toEqual(recordedPasses(id));
    }
  });
});

/** A finding a line, so that a reviewer sees in the diff which findings changed. */
function oneFindingALine(rest: object, run: RecordedRun): string {
  const placeholder = '"findings go here"';
  const findings = run.findings.length === 0 ? [] : ['findings go here'];
  const frame = JSON.stringify({ ...rest, run: { ...run, findings } }, undefined, 1);
  return `${frame.replace(placeholder, () => run.findings.map((finding) => JSON.stringify(finding)).join(',\n   '))}\n`;
}
