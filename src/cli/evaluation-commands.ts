import { addOption } from './evaluate.ts';
import { readJson } from './files.ts';
import { type AddCommand, exitCodeOf, isoTime, print } from './shell.ts';

/** Commands that single evaluations bring. */
export const addEvaluationCommands: AddCommand = (program, evaluations) => {
  for (const { usage, description, options, run } of evaluations.all.flatMap(
    ({ inShell }) => inShell?.commands ?? [],
  )) {
    const command = program.command(usage).description(description);
    for (const option of options) {
      if (option.required === true) command.requiredOption(option.flags, option.description);
      else addOption(command, option, option.description);
    }
    command
      .option('--now <time>', 'judge freshness as of this time (ISO 8601)', isoTime)
      .option('--json', 'print as JSON')
      .action(async (paths: string | string[], values: { readonly now?: Date; readonly json?: boolean }) => {
        const { json, text, answer } = await run([paths].flat(), { values, now: values.now ?? new Date(), readJson });
        if (values.json === true) print(json);
        else process.stdout.write(text);
        process.exitCode = exitCodeOf([answer]);
      });
  }
};
