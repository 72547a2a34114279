import { filesIn, linesOf } from './files.ts';
import { say } from './progress.ts';
import { type AddCommand, withStore } from './shell.ts';

export const addImport: AddCommand = (program, evaluations) => {
  program
    .command('import')
    .description('take in what export wrote: of each organization all of it, or nothing')
    .argument('<path>', 'a file, or a folder of files')
    .option('--replace', 'put it in the place of the organization that is there')
    .action((path: string, options: { replace?: boolean }) =>
      withStore(evaluations, async (app) => {
        for (const file of await filesIn(path, '.ndjson')) {
          const lines = await linesOf(file);
          const { organization, counts } = await app.importOrganization(
            { name: file, lines },
            options.replace === true,
          );
          const { states, history, facts } = counts;
          say(`${organization}: ${states} states, ${history} of the history, ${facts} supplied facts\n`);
        }
      }),
    );
};
