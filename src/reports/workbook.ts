import writeWorkbook, { type Cell } from 'write-excel-file/node';
import { blocksAnswers } from '../domain/answer.ts';
import { type Answer, answers, type Run } from '../domain/finding.ts';
import { countSaid, saidOf } from '../domain/statement.ts';
import { compareText, minuteOf, ownerWords, answerWords as plainAnswerWords } from '../domain/words.ts';
import type { ReportOptions } from './arrange.ts';
import { evidenceCell, linesCell } from './csv.ts';
import { oneLine } from './text.ts';

interface Table {
  readonly name: string;
  /** Title and width in characters. */
  readonly columns: readonly (readonly [title: string, width: number])[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Those of the library for Node, which does not name them. */
type Sheet = Parameters<typeof writeWorkbook>[0][number];
type Feature = NonNullable<NonNullable<Parameters<typeof writeWorkbook>[1]>['features']>[number];

/** Excel cuts what is longer. */
const longestCell = 32_000;

/**
 * Runs as a workbook (Office Open XML): the counts, a sheet for each question with who answers what, and every finding.
 * Every sheet has its first row fixed and a filter over all its columns.
 */
export async function workbook(runs: readonly Run[], options: ReportOptions): Promise<Uint8Array> {
  const inOrder = [...runs].sort(
    (a, b) => compareText(a.evaluation, b.evaluation) || compareText(a.subject, b.subject),
  );
  const asked = askedIn(inOrder, options);
  const tables = [
    summary(inOrder, asked, options),
    ...asked.map((question) => ofQuestion(inOrder, question)),
    findings(inOrder, options),
  ];
  return writeWorkbook(withNames(tables).map(sheetOf), { features: [filters(tables)] }).toBuffer();
}

interface Asked {
  readonly evaluation: string;
  readonly id: string;
  readonly title: string;
  readonly short: string;
  readonly words: Readonly<Record<Answer, string>>;
}

function askedIn(runs: readonly Run[], { questions = {}, evaluations = {} }: ReportOptions): readonly Asked[] {
  const ids = new Map(
    runs.flatMap(({ evaluation, answers: given }) =>
      Object.keys(given).map((id) => [`${evaluation} ${id}`, { evaluation, id }] as const),
    ),
  );
  return [...ids.values()].map(({ evaluation, id }) => {
    const known = evaluations[evaluation];
    const question = known?.questions?.find((one) => one.id === id);
    return {
      evaluation,
      id,
      title: question?.title ?? questions[id] ?? id,
      short: question?.short ?? id,
      words: known?.answerWords ?? plainAnswerWords,
    };
  });
}

function summary(
  runs: readonly Run[],
  asked: readonly Asked[],
  { title, author, evaluations = {} }: ReportOptions,
): Table {
  const about = [title, author === undefined ? undefined : `by ${author}`]
    .filter((one) => one !== undefined)
    .join(', ');
  return {
    name: 'Summary',
    columns: [
      ['Evaluation', 30],
      ['Question', 70],
      ...answers.map((answer) => [plainAnswerWords[answer], 16] as const),
      ['Report', 40],
      ['Findings accepted', 18],
      ['Findings silenced', 18],
    ],
    rows: asked.map(({ evaluation, id, title: question }) => {
      const ofIt = runs.filter((run) => run.evaluation === evaluation);
      const given = ofIt.flatMap((run) => run.answers[id] ?? []);
      const { accepted, silenced } = countSaid(ofIt.flatMap(({ findings: found }) => found));
      return [
        evaluations[evaluation]?.title ?? evaluation,
        question,
        ...answers.map((answer) => given.filter((one) => one === answer).length),
        about,
        accepted,
        silenced,
      ];
    }),
  };
}

function ofQuestion(runs: readonly Run[], { evaluation, id, short, words }: Asked): Table {
  const of = runs.filter((run) => run.evaluation === evaluation && run.answers[id] !== undefined);
  return {
    name: short,
    columns: [
      ['Subject', 36],
      ['Answer', 18],
      ['Owners', 30],
      ['Stands in the way', 90],
      ['Looked', 20],
      ['Accepted or silenced', 60],
    ],
    rows: of.map(({ subject, answers: given, findings: found, at }) => {
      const fails = given[id] === 'no' ? found.filter(blocksAnswers) : [];
      const owners = [...new Set(fails.flatMap(({ owner }) => owner ?? []))].map((owner) => ownerWords[owner]);
      return [
        subject,
        words[given[id] ?? 'undetermined'],
        owners.join(', '),
        fails.map(({ message }) => message).join(' | '),
        minuteOf(at),
        saidOf(fails).join(' | '),
      ];
    }),
  };
}

function findings(runs: readonly Run[], { evaluations = {} }: ReportOptions): Table {
  return {
    name: 'Findings',
    columns: [
      ['Evaluation', 26],
      ['Subject', 32],
      ['Rule', 44],
      ['Target', 20],
      ['Verdict', 14],
      ['Severity', 10],
      ['Owner', 22],
      ['Message', 90],
      ['Remedy', 70],
      ['Evidence', 70],
      ['Support case', 40],
      ['Looked', 20],
      ['Accepted', 40],
      ['Silenced', 40],
    ],
    rows: runs.flatMap(({ evaluation, subject, at, findings: found }) =>
      found.map(
        ({
          rule,
          target = '',
          verdict,
          severity = '',
          owner,
          message,
          remedy = '',
          evidence,
          supportCase,
          ...said
        }) => [
          evaluations[evaluation]?.title ?? evaluation,
          subject,
          rule,
          target,
          verdict,
          severity,
          owner === undefined ? '' : ownerWords[owner],
          message,
          linesCell(remedy),
          evidenceCell(evidence),
          linesCell(supportCase),
          minuteOf(at),
          said.accepted ?? '',
          said.silenced ?? '',
        ],
      ),
    ),
  };
}

/** Names of sheets are short, without some characters, and each there once. */
function withNames(tables: readonly Table[]): readonly Table[] {
  const taken = new Set<string>();
  return tables.map((table) => {
    const plain = table.name.replace(/[\\/?*[\]:]/g, ' ').slice(0, 28);
    let name = plain;
    for (let count = 2; taken.has(name.toLowerCase()); count += 1) name = `${plain} ${count}`;
    taken.add(name.toLowerCase());
    return { ...table, name };
  });
}

function sheetOf({ name, columns, rows }: Table): Sheet {
  const heads: Cell[] = columns.map(([title]) => ({ value: title, type: String, fontWeight: 'bold' as const }));
  // Texts are texts: what begins like a formula is none.
  const cells = rows.map((row) =>
    row.map(
      (value): Cell =>
        typeof value === 'number'
          ? { value, type: Number }
          : { value: oneLine(value).slice(0, longestCell), type: String },
    ),
  );
  return { sheet: name, columns: columns.map(([, width]) => ({ width })), stickyRowsCount: 1, data: [heads, ...cells] };
}

/** The library writes no filters: they stand behind the rows of a sheet (ECMA-376 part 1, section 18.3.1.2). */
function filters(tables: readonly Table[]): Feature {
  return {
    files: {
      transform: {
        'xl/worksheets/sheet{id}.xml': {
          transform(content, _, { sheetIndex }) {
            const { columns = [], rows = [] } = tables[sheetIndex] ?? {};
            const last = String.fromCharCode('A'.charCodeAt(0) + columns.length - 1);
            return content.replace('</sheetData>', `</sheetData><autoFilter ref="A1:${last}${rows.length + 1}"/>`);
          },
        },
      },
    },
  };
}
