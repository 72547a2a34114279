import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Evaluation } from '../../src/domain/evaluation.ts';
import { type SavedFacts, savedFactsSchema } from '../../src/domain/fact-set.ts';
import { evidence, type Finding, finding, findingKey, type Run, run } from '../../src/domain/finding.ts';
import { judge } from '../../src/domain/judge.ts';
import { keptRulePolicy } from '../../src/domain/rule.ts';

const root = fileURLToPath(new URL('../cases/', import.meta.url));

/**
 * A run as it is recorded. A rule that stands nowhere in it came later and has nothing to tell of this case: it passes, is
 * not applicable, or is unknown because nobody supplied its facts, another rule failed, or as another rule says already.
 */
const recordedRun = run.omit({ findings: true }).extend({
  /** `rule` or `rule#target` of what passes; what the rules say then stands in the evaluation's passes.json. */
  passes: z.array(z.string()),
  /** `rule` or `rule#target` of what is unknown because nobody supplied a fact. */
  notSupplied: z.array(z.string()),
  /** What is neither, in full. */
  findings: z.array(finding),
});
export type RecordedRun = z.infer<typeof recordedRun>;

const findings = z.strictObject({
  /** When the facts are judged. */
  now: z.iso.datetime(),
  /** What the organization's document sets for rules, by rule id. */
  policies: z.record(z.string(), keptRulePolicy).optional(),
  /** The run that must come out; absent in a new case until it is written for the first time. */
  run: recordedRun.strict().optional(),
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
export function goldenCases(evaluation: Evaluation): readonly GoldenCase[] {
  const folder = `${root}${evaluation.id}/`;
  const saved = savedFactsSchema(evaluation);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const file = `${folder}${name}/findings.json`;
      return {
        name,
        file,
        facts: saved.parse(readJson(`${folder}${name}/facts.json`)),
        ...findings.parse(readJson(file)),
      };
    });
}

/** Judges a case as it was recorded. @throws what a rule throws */
export function judgeCase(evaluation: Evaluation, { facts, now, policies }: GoldenCase): Run {
  return judge(evaluation, facts.subject, facts, {
    now: new Date(now),
    ...(policies === undefined ? {} : { policies }),
    onRuleError: (rule, cause) => {
      throw new Error(`${rule} threw`, { cause });
    },
  });
}

/**
 * What of a run is recorded.
 *
 * @param before what was recorded of the case last; rules that came later stay out while they have nothing to tell
 */
export function recordOf({ findings: all, ...run }: Run, before?: RecordedRun): RecordedRun {
  const recorded = before === undefined ? all : all.filter(toldBeside(before, all));
  return {
    ...run,
    passes: recorded.filter(isPass).map(findingKey),
    notSupplied: recorded.filter(isNotSupplied).map(findingKey),
    findings: recorded.filter((one) => !isPass(one) && !isNotSupplied(one)),
  };
}

function toldBeside(before: RecordedRun, all: readonly Finding[]): (one: Finding) => boolean {
  const keys = [...before.passes, ...before.notSupplied, ...before.findings.map(findingKey)];
  const rules = new Set(keys.map((key) => key.split('#', 1)[0]));
  const missed = new Set(before.findings.filter(({ verdict }) => verdict === 'unknown').map(({ message }) => message));
  for (const one of all) {
    const nothingToTell =
      isPass(one) ||
      one.verdict === 'not_applicable' ||
      isNotSupplied(one) ||
      one.blockedBy !== undefined ||
      (one.verdict === 'unknown' && missed.has(one.message));
    if (!nothingToTell) rules.add(one.rule);
  }
  return ({ rule }) => rules.has(rule);
}

const isPass = ({ verdict }: Finding) => verdict === 'pass';
const isNotSupplied = ({ reason }: Finding) => reason === 'not_supplied';

const pass = z.strictObject({ rule: z.string(), message: z.string(), evidence: z.array(evidence) });
export type Pass = z.infer<typeof pass>;

/** Where everything stands that the rules of an evaluation say in its cases when they pass. */
export function passesFile(evaluation: string): string {
  return `${root}${evaluation}/passes.json`;
}

/** What {@link passesFile} holds. @throws ZodError when it has another shape */
export function recordedPasses(evaluation: string): readonly Pass[] {
  return z.array(pass).parse(readJson(passesFile(evaluation)));
}

/** Everything that rules say when they pass, each once: rule by rule in the order of the evaluation, then by sentence. */
export function passesOf({ rules }: Evaluation, runs: readonly Run[]): readonly Pass[] {
  const said = runs.flatMap(({ findings }) => findings.filter(isPass));
  return rules.flatMap(({ id }) => {
    const own = said
      .filter(({ rule }) => rule === id)
      .map(({ rule, message, evidence }) => ({ rule, message, evidence }));
    const lines = [...new Set(own.map((one) => JSON.stringify(one)))].sort();
    return lines.map((line) => pass.parse(JSON.parse(line)));
  });
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
