import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parseSavedFacts, type SavedFacts } from '../../src/domain/fact-set.ts';
import { run } from '../../src/domain/finding.ts';
import { rulePolicy } from '../../src/domain/organization.ts';
import type { EvaluationId } from '../../src/domain/rule.ts';

const root = fileURLToPath(new URL('../cases/', import.meta.url));

const findings = z.strictObject({
  /** When the facts are judged. */
  now: z.iso.datetime(),
  /** What the organization's document sets for rules, by rule id. */
  policies: z.record(z.string(), rulePolicy).optional(),
  /** The run that must come out; absent in a new case until it is written for the first time. */
  run: run.optional(),
});

/** One golden case: what was seen of one subject, when it is judged, and what must come out. */
export interface GoldenCase extends z.infer<typeof findings> {
  readonly name: string;
  readonly facts: SavedFacts;
  /** Where the expectation lies. */
  readonly file: string;
}

/**
 * The cases of an evaluation: `test/cases/<evaluation>/<case>/facts.json` (what `--save-facts` writes, one subject) and
 * `findings.json` beside it.
 *
 * @throws ZodError when a file has another shape
 */
export function goldenCases(evaluation: EvaluationId): readonly GoldenCase[] {
  const folder = `${root}${evaluation}/`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const file = `${folder}${name}/findings.json`;
      return {
        name,
        file,
        facts: parseSavedFacts(readJson(`${folder}${name}/facts.json`)),
        ...findings.parse(readJson(file)),
      };
    });
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
