import { readJson, readTexts } from './files.ts';
import { say } from './progress.ts';
import { type AddCommand, collect, exit, localSettings, print } from './shell.ts';

export const addDoctor: AddCommand = (program, evaluations) => {
  program
    .command('doctor')
    .description('does everything work from here: settings, storage, clock, resolvers, channels, endpoints, grants')
    .option('--organization <file>', 'look at this document, too')
    .option('--ca <file>', 'certificate authority to trust besides the public ones, PEM; repeatable', collect, [])
    .option('--json', 'print as JSON')
    .action(async (options: { organization?: string; ca: readonly string[]; json?: boolean }) => {
      const { examine, parseOrganizations } = await import('../app/index.ts');
      const documents =
        options.organization === undefined ? [] : parseOrganizations(evaluations, await readJson(options.organization));
      const ca = await readTexts(options.ca);
      const { state, checks, text } = await examine(
        evaluations,
        { ...(await localSettings()), ...process.env },
        { documents, ca },
      );
      if (options.json === true) print({ state, checks });
      else say(text);
      process.exitCode = { ok: exit.yes, missing: exit.no, 'could not look': exit.undetermined }[state];
    });
};
