import { once } from 'node:events';
import { join } from 'node:path';
import type { App } from '../app/index.ts';
import { writeWhole } from './files.ts';
import { say } from './progress.ts';
import { type AddCommand, BadCall, withStore } from './shell.ts';

interface ExportOptions {
  readonly out?: string;
  readonly all?: true;
}

export const addExport: AddCommand = (program, evaluations) => {
  program
    .command('export')
    .description('an organization as NDJSON: document, last known states, history, supplied facts')
    .argument('[organization]')
    .option('--all', 'every organization, each into a file of its own in the folder of --out')
    .option('--out <path>', 'write to this file; to standard output when left out')
    .action((organization: string | undefined, options: ExportOptions) =>
      withStore(evaluations, async (app) => {
        if (options.all === true) return exportAll(app, options.out);
        if (organization === undefined) throw new BadCall('Name an organization, or say --all --out FOLDER.');
        if (options.out !== undefined) return exportTo(app, organization, options.out);
        await app.exportOrganization(organization, async (line) => {
          if (!say(line)) await once(process.stdout, 'drain');
        });
      }),
    );
};

async function exportAll(app: App, folder: string | undefined): Promise<void> {
  if (folder === undefined)
    throw new BadCall('Say where to: --all --out FOLDER, which gets a file for each organization.');
  for (const { id } of await app.organizations()) await exportTo(app, id, join(folder, `${id}.ndjson`));
}

async function exportTo(app: App, organization: string, file: string): Promise<void> {
  const { states, history, facts } = await writeWhole(file, (write) => app.exportOrganization(organization, write));
  say(`${organization}: ${states} states, ${history} of the history, ${facts} supplied facts in ${file}\n`);
}
