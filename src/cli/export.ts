import { once } from 'node:events';
import { writeWhole } from './files.ts';
import { say } from './progress.ts';
import { type AddCommand, withStore } from './shell.ts';

export const addExport: AddCommand = (program, evaluations) => {
  program
    .command('export')
    .description('an organization as NDJSON: document, last known states, history, supplied facts')
    .argument('<organization>')
    .option('--out <file>', 'write to this file; to standard output when left out')
    .action((organization: string, options: { out?: string }) =>
      withStore(evaluations, async (app) => {
        if (options.out === undefined) {
          await app.exportOrganization(organization, async (line) => {
            if (!say(line)) await once(process.stdout, 'drain');
          });
          return;
        }
        const { states, history, facts } = await writeWhole(options.out, (write) =>
          app.exportOrganization(organization, write),
        );
        say(
          `${organization}: ${states} states, ${history} of the history, ${facts} supplied facts in ${options.out}\n`,
        );
      }),
    );
};
