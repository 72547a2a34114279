import { blocksAnswers } from '../domain/answer.ts';
import type { Answer, Finding, Run } from '../domain/finding.ts';
import { countSaid, saidOf } from '../domain/statement.ts';
import { answerWords, ownerWords } from '../domain/words.ts';
import { type ReportOptions, ruleAndTarget } from './arrange.ts';
import { evidenceLines, manyLines, oneLine } from './text.ts';
import { type XmlElement, xmlOf } from './xml.ts';

/**
 * Runs as JUnit XML, which pipelines show: a suite for each subject, in it a test for each question and for each finding.
 * A no and a fail are failures; what could not be looked at is an error, never passed. Skipped, each with its reason, is
 * what a person has to look at, what does not apply, what was not supplied, and advice. Pure.
 */
export function junitReport(runs: readonly Run[], options: ReportOptions = {}): string {
  const suites = runs.map((run) => suiteOf(run, options));
  return xmlOf({
    testsuites: {
      '@name': oneLine(options.title ?? 'fieldcheck report'),
      ...totals(suites.flatMap(({ cases }) => cases)),
      testsuite: suites.map(({ attributes, properties, cases }) => ({
        ...attributes,
        ...totals(cases),
        ...properties,
        testcase: cases.map(({ classname, name, outcome, element }) => ({
          '@classname': classname,
          '@name': name,
          '@time': 0,
          ...(outcome === 'passed' ? {} : { [outcome]: element }),
        })),
      })),
    },
  });
}

type Outcome = 'passed' | 'failure' | 'error' | 'skipped';

interface Case {
  readonly classname: string;
  readonly name: string;
  readonly outcome: Outcome;
  readonly element?: XmlElement;
}

function totals(cases: readonly Case[]): XmlElement {
  const count = (outcome: Outcome) => cases.filter((one) => one.outcome === outcome).length;
  return {
    '@tests': cases.length,
    '@failures': count('failure'),
    '@errors': count('error'),
    '@skipped': count('skipped'),
    '@time': 0,
  };
}

function suiteOf(run: Run, { questions = {}, evaluations = {} }: ReportOptions) {
  const classname = `${run.evaluation}.${oneLine(run.subject)}`;
  const words = evaluations[run.evaluation]?.answerWords ?? answerWords;
  return {
    properties: propertiesOf(run),
    attributes: { '@name': `${run.evaluation}: ${oneLine(run.subject)}`, '@timestamp': run.at.slice(0, 19) },
    cases: [
      ...Object.entries(run.answers).map(([id, answer]): Case => {
        const outcome = ofAnswer[answer];
        const name = oneLine(questions[id] ?? id);
        return { classname, name, outcome, element: { '@message': words[answer] } };
      }),
      ...run.findings.map(
        (finding): Case => ({ classname, name: oneLine(ruleAndTarget(finding)), ...caseOf(finding) }),
      ),
    ],
  };
}

/** How many are accepted or silenced: they count as what they are, since that changes what is told and not what is so. */
function propertiesOf({ findings }: Run): XmlElement {
  const { accepted, silenced } = countSaid(findings);
  if (accepted + silenced === 0) return {};
  const property = [
    { '@name': 'accepted', '@value': accepted },
    { '@name': 'silenced', '@value': silenced },
  ];
  return { properties: { property } };
}

const ofAnswer: Readonly<Record<Answer, Outcome>> = {
  yes: 'passed',
  no: 'failure',
  undetermined: 'error',
  not_applicable: 'skipped',
};

function caseOf(finding: Finding): Pick<Case, 'outcome' | 'element'> {
  const { verdict, severity, owner, message, remedy, evidence, supportCase, blockedBy, reason } = finding;
  const said = oneLine(message);
  const why = (text: string) => ({ '@message': text });
  switch (verdict) {
    case 'pass':
      return { outcome: 'passed' };
    case 'not_applicable':
      return { outcome: 'skipped', element: why(`not applicable. ${said}`) };
    case 'manual':
      return { outcome: 'skipped', element: why(`a person has to look. ${said}`) };
    case 'unknown':
      if (blockedBy !== undefined || reason === 'not_supplied') return { outcome: 'skipped', element: why(said) };
      return { outcome: 'error', element: { ...why(said), '@type': reason ?? 'unknown' } };
    case 'fail':
      if (!blocksAnswers(finding))
        return {
          outcome: 'skipped',
          element: why(`advice (${severity}). ${[said, ...saidOf([finding]).map(oneLine)].join(' ')}`),
        };
      return {
        outcome: 'failure',
        element: {
          ...why(said),
          '@type': severity,
          '#': [
            ...saidOf([finding]).map(oneLine),
            ...(owner === undefined ? [] : [`To mend: ${ownerWords[owner]}`]),
            ...(remedy === undefined ? [] : [`What to do: ${oneLine(remedy)}`]),
            ...evidenceLines(evidence).map((line) => `Found: ${line}`),
            ...(supportCase === undefined ? [] : ['For the support case:', manyLines(supportCase)]),
          ].join('\n'),
        },
      };
  }
}
