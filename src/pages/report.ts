import type { Cause } from '../domain/causes.ts';
import { causesOf, subjectCount } from '../domain/causes.ts';
import type { SubjectState } from '../domain/compare.ts';
import { type Finding, findingKey, type Run } from '../domain/finding.ts';
import type { Runbook } from '../domain/runbook.ts';
import { saidOf } from '../domain/statement.ts';
import { answerWords, compareText, minuteOf, ownerWords } from '../domain/words.ts';
import { dnsLine, inOrderOfMending, type ReportOptions } from '../reports/index.ts';
import {
  copyBlock,
  counted,
  countsOf,
  findingCard,
  foldedFindings,
  headline,
  hero,
  type Linking,
} from './components.ts';
import { severityMark } from './glyphs.ts';
import { type Content, type Html, html, nothing } from './html.ts';
import { file } from './layout.ts';
import { namesOnly } from './linking.ts';
import { runbookPart } from './runbook.ts';
import { day, moment } from './time.ts';
import type { EvaluationWords } from './views.ts';
import { parts } from './watch.ts';

/** What was judged, with what is remembered of it where it is kept. */
export type Reported = Run & { readonly memory?: Pick<SubjectState, 'since' | 'runs' | 'findings' | 'answers'> };

/**
 * Runs as one HTML file that needs nothing else, on screen and on paper: the answers, what to do and who, what could not be
 * looked at; then every finding with its evidence. Its own policy lets in no script and nothing from elsewhere. Pure.
 */
export function htmlReport(runs: readonly Reported[], options: ReportOptions = {}): string {
  const { title = 'fieldcheck report', author, logo } = options;
  const times = runs.map(({ at }) => at).sort(compareText);
  const last = times.at(-1);
  const linking = namesOnly(new Date(options.now ?? last ?? 0));
  const sections = [...Map.groupBy(runs, ({ evaluation }) => evaluation)].map(([id, of]) => sectionOf(id, of, options));
  return file(
    title,
    html`<header class="doc"><div><p class="sub">fieldcheck report</p><h1>${title}</h1></div><div class="by">${
      logo === undefined ? nothing : html`<img src="${logo}" alt="">`
    }${last === undefined ? nothing : html`<p>looked at ${[...new Set([times[0] ?? last, last].map(minuteOf))].join(' to ')}</p>`}${author === undefined ? nothing : html`<p>by ${author}</p>`}</div></header>`,
    sections.length === 0
      ? html`<p>Nothing was evaluated.</p>`
      : html`<p class="gist">${sections.map(({ words, counts, states }) => html`${sentenceOf(words, counts, states)} `)}</p>`,
    sections.map(
      ({ words, counts, runs: of }) =>
        html`<h2>${words.title}, ${counted(of.length, words.counted)}</h2>${hero(words, counts)}${assumedOf(of, words)}`,
    ),
    toDo(sections),
    sections.map((section) => detailOf(linking, section, sections.length > 1)),
  );
}

interface Section {
  readonly words: EvaluationWords;
  readonly runs: readonly Reported[];
  readonly states: readonly SubjectState[];
  readonly causes: readonly Cause[];
  readonly counts: ReturnType<typeof countsOf>;
  readonly runbooks: readonly Runbook[];
}

function sectionOf(
  id: string,
  runs: readonly Reported[],
  { questions = {}, evaluations = {} }: ReportOptions,
): Section {
  const inOrder = [...runs].sort((a, b) => compareText(a.subject, b.subject));
  const known = evaluations[id];
  const asked = [...new Set(runs.flatMap(({ answers }) => Object.keys(answers)))];
  const states = inOrder.map(
    (run): SubjectState => ({ runId: '', since: run.at, runs: 1, findings: {}, answers: {}, ...run.memory, run }),
  );
  return {
    words: {
      id,
      title: known?.title ?? id,
      questions: asked.map(
        (question) =>
          known?.questions?.find((one) => one.id === question) ?? {
            id: question,
            title: questions[question] ?? question,
          },
      ),
      answerWords: known?.answerWords ?? answerWords,
      counted: known?.subjectId?.counted ?? ['subject', 'subjects'],
      mending: known?.mending,
      rules: known?.rules ?? [],
      explains: false,
    },
    runs: inOrder,
    states,
    causes: causesOf(states.map(({ run, findings }) => ({ run, findings }))),
    counts: countsOf(inOrder),
    runbooks: inOrder.flatMap(({ subject }) => known?.runbooks?.get(subject) ?? []),
  };
}

function sentenceOf(words: EvaluationWords, counts: Section['counts'], states: Section['states']): string {
  const { sentence } = headline(words, counts);
  const [only] = states;
  return `${states.length === 1 && only !== undefined ? `${words.title}, ${only.run.subject}` : words.title}: ${sentence}.`;
}

function assumedOf(runs: readonly Run[], { questions }: EvaluationWords): Content {
  const items = runs.flatMap(({ subject, assumed = {} }) =>
    Object.entries(assumed).map(
      ([id, { sentence }]) =>
        html`<li class="pad">${subject}: ${questions.find((one) => one.id === id)?.title ?? id} <b>${sentence}</b></li>`,
    ),
  );
  return items.length === 0
    ? nothing
    : html`<h3>Answers that rest on what is assumed: ${items.length}</h3><ul class="panel">${items}</ul>`;
}

/** What to do in the order of mending, whose it is, and a box to tick on paper. */
function toDo(sections: readonly Section[]): Html {
  const rows = sections.flatMap(({ causes, words }) =>
    inOrderOfMending(
      causes.filter(({ isAdvice }) => !isAdvice),
      ({ subjects: [first], rule }) => first?.finding ?? { rule, verdict: 'fail', message: '', evidence: [] },
      words.mending ?? [],
    ).map(({ one: cause }) => {
      const count = subjectCount(cause);
      const [first] = cause.subjects;
      const what =
        count === 1 && first !== undefined
          ? `${sections.length > 1 || words.counted[0] === 'organization' ? '' : `${first.subject}: `}${first.finding.message}`
          : `${counted(count, words.counted)}: ${cause.what}`;
      return html`<tr><th scope="row" data-l="Owner">${cause.owner === undefined ? 'nobody is named' : ownerWords[cause.owner]}</th><td data-l="To mend">${what}${saidOf(cause.subjects.map(({ finding }) => finding)).map((words) => html`<br><span class="sub">${words}</span>`)}</td><td data-l="Severity">${severityMark(cause.severity)}</td><td data-l="Since">${cause.since === undefined ? nothing : day(cause.since)}</td><td data-l="Done"><span class="box" role="img" aria-label="to tick"></span></td></tr>`;
    }),
  );
  if (rows.length === 0)
    return sections.length === 0
      ? nothing
      : html`<h2>What to do, and who</h2><p class="panel pad">Nothing fails that an answer depends on.</p>`;
  return html`<h2>What to do, and who</h2><div class="panel"><div class="wide" tabindex="0" role="region" aria-label="What to do, and who"><table class="stack"><thead><tr><th scope="col">Owner</th><th scope="col">To mend</th><th scope="col">Severity</th><th scope="col">Since</th><th scope="col">Done</th></tr></thead><tbody>${rows}</tbody></table></div></div>`;
}

/** Cause by cause; then every finding that is no pass, with its evidence; then the rest, folded. */
function detailOf(linking: Linking, { words, states, causes, runbooks }: Section, isOneOfSeveral: boolean): Html {
  const found = states.flatMap(({ run, findings }) =>
    run.findings.map((finding) => ({ subject: run.subject, finding, since: findings[findingKey(finding)]?.since })),
  );
  const records = [...new Set(found.flatMap(({ finding: { dns = [] } }) => dns.map(dnsLine)))];
  const fails = found.filter(({ finding }) => finding.verdict === 'fail');
  const of = (verdict: Finding['verdict']) => found.filter(({ finding }) => finding.verdict === verdict);
  const blocked = of('unknown').filter(({ finding }) => finding.blockedBy !== undefined);
  const named = (list: typeof found) =>
    list.map(({ subject, finding }) => ({ ...finding, message: `${subject}: ${finding.message}` }));
  const folded = [
    foldedFindings(linking, `Not judged because another rule fails: ${blocked.length}`, named(blocked)),
    foldedFindings(linking, `Passing: ${of('pass').length}`, named(of('pass'))),
    foldedFindings(linking, `Not applicable: ${of('not_applicable').length}`, named(of('not_applicable'))),
  ];
  return html`${isOneOfSeveral ? html`<h2>${words.title} in detail</h2>` : nothing}${parts(linking, { causes, states, evaluation: words })}${
    records.length === 0
      ? nothing
      : html`<h2>DNS records to change: ${records.length}</h2>${copyBlock(linking, 'Zone file', records.join('\n'))}`
  }${runbooks.map((runbook) => runbookPart(linking, runbook))}${
    fails.length === 0 || words.mending !== undefined
      ? nothing
      : html`<h2>Evidence: ${counted(fails.length, ['finding', 'findings'])}</h2>${[
          ...Map.groupBy(fails, ({ subject }) => subject),
        ].map(
          ([subject, all]) =>
            html`<h3 class="under">${subject}</h3>${all.map(({ finding, since }) => findingCard(linking, { ...finding, remedy: undefined, supportCase: undefined } as Finding, since, 'h4'))}`,
        )}`
  }${blocked.length + of('pass').length + of('not_applicable').length === 0 ? nothing : html`<h2>Everything else</h2><div class="panel">${folded}</div>`}<p class="sub">${
    states.length === 0
      ? nothing
      : html`Last looked ${moment(
          states
            .map(({ run }) => run.at)
            .sort(compareText)
            .at(-1) ?? '',
        )}.`
  }</p>`;
}
