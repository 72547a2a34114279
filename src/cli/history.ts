import { Option } from 'commander';
import type { SubjectState } from '../domain/compare.ts';
import { nothingKnown, type Past, spanOf } from '../domain/past.ts';
import { say } from './progress.ts';
import { type AddCommand, count, exit, isoTime, print, withStore } from './shell.ts';

interface HistoryOptions {
  readonly limit: number;
  readonly at?: Date;
  readonly json?: boolean;
}

export const addHistory: AddCommand = (program, evaluations) => {
  program
    .command('history')
    .description('what was found about a subject over time, newest first, or what was known at a time')
    .argument('<organization>')
    .argument('<evaluation>')
    .argument('<subject>')
    .addOption(new Option('--limit <n>', 'how many').argParser(count).default(20))
    .option('--at <time>', 'what was known at this time (ISO 8601), and from when until when', isoTime)
    .option('--json', 'print as JSON')
    .action((organization: string, evaluation: string, subject: string, { limit, at, json }: HistoryOptions) =>
      withStore(evaluations, async (app) => {
        if (at !== undefined) {
          const past = await app.stateAt(organization, evaluation, subject, at.toISOString());
          if (json === true) print(past);
          else say(pastText(past, new Date()));
          process.exitCode = past.state === undefined ? exit.undetermined : exit.yes;
          return;
        }
        const { items } = await app.history(organization, evaluation, subject, limit);
        if (json === true) print(items);
        else for (const item of items) say(stateText(item));
      }),
    );
};

function stateText({ since, runs, run }: SubjectState): string {
  const answers = Object.entries(run.answers).map(([question, answer]) => `${question}: ${answer}`);
  const fails = run.findings
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ rule, target }) => (target === undefined ? rule : `${rule} [${target}]`));
  return `${since} … ${run.at}  (${runs} run${runs === 1 ? '' : 's'})  ${answers.join(', ')}${fails.length > 0 ? `\n    ${fails.join('\n    ')}` : ''}\n`;
}

/** What was known at a time: answers, and each fail with its sentence and how long it was so. */
function pastText(past: Past, now: Date): string {
  const { subject, at, state, episodes } = past;
  if (state === undefined) return `${nothingKnown(past)}\n`;
  const answers = Object.entries(state.run.answers).map(([question, answer]) => `${question}: ${answer}`);
  const found = episodes
    .filter(({ finding: { verdict, blockedBy, reason } }) =>
      verdict === 'unknown'
        ? blockedBy === undefined && reason !== 'not_supplied'
        : verdict === 'fail' || verdict === 'manual',
    )
    .map(
      (episode) =>
        `    ${episode.finding.rule}${episode.finding.target === undefined ? '' : ` [${episode.finding.target}]`} ${episode.finding.verdict} ${spanOf(episode, now)}\n        ${episode.finding.message}\n`,
    );
  return `${subject} at ${at}: ${answers.join(', ')}\n${found.join('')}`;
}
