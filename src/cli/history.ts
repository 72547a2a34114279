import { Option } from 'commander';
import { type AddCommand, count, print, withStore } from './shell.ts';

export const addHistory: AddCommand = (program, evaluations) => {
  program
    .command('history')
    .description('what was found about a subject over time, newest first')
    .argument('<organization>')
    .argument('<evaluation>')
    .argument('<subject>')
    .addOption(new Option('--limit <n>', 'how many').argParser(count).default(20))
    .option('--json', 'print as JSON')
    .action((organization: string, evaluation: string, subject: string, options: { limit: number; json?: boolean }) =>
      withStore(evaluations, async (app) => {
        const { items } = await app.history(organization, evaluation, subject, options.limit);
        if (options.json === true) {
          print(items);
          return;
        }
        for (const { since, runs, run } of items) {
          const answers = Object.entries(run.answers).map(([question, answer]) => `${question}: ${answer}`);
          const fails = run.findings
            .filter(({ verdict }) => verdict === 'fail')
            .map(({ rule, target }) => (target === undefined ? rule : `${rule} [${target}]`));
          process.stdout.write(
            `${since} … ${run.at}  (${runs} run${runs === 1 ? '' : 's'})  ${answers.join(', ')}${fails.length > 0 ? `\n    ${fails.join('\n    ')}` : ''}\n`,
          );
        }
      }),
    );
};
