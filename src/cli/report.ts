import { Option } from 'commander';
import { formatOfFile, type ReportFormat, reportFormats } from '../domain/report-format.ts';
import { writeWhole } from './files.ts';
import { say } from './progress.ts';
import { type AddCommand, BadCall, withStore } from './shell.ts';

interface ReportCall {
  readonly format?: ReportFormat;
  readonly json?: boolean;
  readonly out?: string;
}

/** What is known as a report to read or to hand on, from the storage: nothing is looked at anew. */
export const addReport: AddCommand = (program, evaluations) => {
  program
    .command('report')
    .description('what is known, to read or to hand on: nothing is looked at anew')
    .argument('<organization>')
    .argument('[evaluation]', 'all that its document names, when left out')
    .addOption(new Option('--format <format>', 'how it is written; text when left out').choices(reportFormats))
    .option('--json', 'print as JSON')
    .option('--out <file>', 'write it to this file; without --format its name says the format (.xml: junit)')
    .action((organization: string, evaluation: string | undefined, call: ReportCall) =>
      withStore(evaluations, async (app) => {
        const format = formatIn(call);
        const { out } = call;
        if (format === 'xlsx' && out === undefined && process.stdout.isTTY)
          throw new BadCall('A workbook is no text: give --out FILE.xlsx.');
        if (out === undefined) {
          say((await app.report(organization, evaluation, format)).body);
          return;
        }
        await writeWhole(out, async (write) => write((await app.report(organization, evaluation, format)).body));
        say(`written to ${out}\n`);
      }),
    );
};

/** @throws BadCall when two formats are asked for */
export function formatIn({ json, format, out }: ReportCall): ReportFormat {
  if (json === true && format !== undefined && format !== 'json')
    throw new BadCall(`--json and --format ${format} are two formats; give one.`);
  return json === true ? 'json' : (format ?? (out === undefined ? 'text' : formatOfFile(out)));
}
