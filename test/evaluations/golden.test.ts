// Facts in, findings out, for every evaluation: each case is judged as it was recorded, and the whole run is compared,
// sentences included.
//
// A change of a sentence or a verdict on purpose: `UPDATE_GOLDEN=1 npm test -- test/evaluations/golden.test.ts` writes what
// comes out now into every findings.json; a person reads the diff before it is committed. A new case starts as its
// facts.json and a findings.json with nothing but `{ "now": "2026-11-24T09:30:00.000Z" }`.
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/domain/finding.ts';
import { judge } from '../../src/domain/judge.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { goldenCases } from './cases.ts';

const update = process.env.UPDATE_GOLDEN === '1';

describe.each(evaluations.map((evaluation) => [evaluation.id, evaluation] as const))('%s', (id, evaluation) => {
  it.each(goldenCases(id).map((golden) => [golden.name, golden] as const))(
    '%s',
    (_, { facts, now, policies, ...golden }) => {
      expect(facts.evaluation).toBe(id);
      const run = judge(evaluation, facts.subject, facts, {
        now: new Date(now),
        ...(policies === undefined ? {} : { policies }),
        onRuleError: (rule, error) => expect.fail(`${rule} threw: ${error instanceof Error ? error.stack : error}`),
      });
      if (update) {
        const expected = { now, ...(policies === undefined ? {} : { policies }), run };
        writeFileSync(golden.file, oneFindingALine(expected));
      } else {
        expect(run).toEqual(golden.run);
      }
    },
  );
});

/** A finding a line, so that a reviewer sees in the diff which findings changed. */
function oneFindingALine({ run, ...rest }: { readonly run: Run }): string {
  const placeholder = '"findings go here"';
  const frame = JSON.stringify({ ...rest, run: { ...run, findings: ['findings go here'] } }, undefined, 1);
  return `${frame.replace(placeholder, () => run.findings.map((finding) => JSON.stringify(finding)).join(',\n   '))}\n`;
}
