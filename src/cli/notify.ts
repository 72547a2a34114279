import { say } from './progress.ts';
import { type AddCommand, exit, withStore } from './shell.ts';

const exitCodes = { delivered: exit.yes, rejected: exit.no, retry: exit.undetermined } as const;

export const addNotify: AddCommand = (program, evaluations) => {
  const notify = program.command('notify').description('tries channels out');
  notify
    .command('test')
    .description('send a made-up incident to a channel; exit code 0 taken, 1 refused, 2 not now')
    .requiredOption('--channel <name>', 'a channel of the document')
    .requiredOption('--organization <id>', 'whose channel it is')
    .option('--json', 'what became of it as JSON')
    .action((options: { channel: string; organization: string; json?: boolean }) =>
      withStore(evaluations, async (app) => {
        const { organization, channel, json } = options;
        const tested = await app.testChannel(organization, channel);
        const { kind, outcome, detail } = tested;
        say(json === true ? `${JSON.stringify(tested, null, 2)}\n` : `${outcome}  ${channel} (${kind}): ${detail}\n`);
        process.exitCode = exitCodes[outcome];
      }),
    );
};
