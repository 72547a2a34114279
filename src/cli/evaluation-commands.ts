import type { Command } from 'commander';
import type { LookCommand, ShellCommand } from '../evaluations/in-shell.ts';
import { addOption } from './evaluate.ts';
import { readJson } from './files.ts';
import { addLook } from './look.ts';
import { type AddCommand, exitCodeOf, isoTime, print } from './shell.ts';

/** Commands that single evaluations bring. */
export const addEvaluationCommands: AddCommand = (program, evaluations) => {
  for (const evaluation of evaluations.all) {
    for (const declared of evaluation.inShell?.commands ?? []) {
      const command = program.command(declared.usage).description(declared.description);
      if (isLook(declared)) addLook(command, evaluations, evaluation);
      else addOwn(command, declared);
    }
  }
};

function isLook(declared: ShellCommand | LookCommand): declared is LookCommand {
  return declared.looks === true;
}

function addOwn(command: Command, { options, run }: ShellCommand): void {
  for (const option of options) {
    if (option.required === true) command.requiredOption(option.flags, option.description);
    else addOption(command, option, option.description);
  }
  command
    .option('--now <time>', 'judge freshness as of this time (ISO 8601)', isoTime)
    .option('--json', 'print as JSON')
    .action(async (paths: string[], values: { readonly now?: Date; readonly json?: boolean }) => {
      const { json, text, answer } = await run(paths, { values, now: values.now ?? new Date(), readJson });
      if (values.json === true) print(json);
      else process.stdout.write(text);
      process.exitCode = exitCodeOf([answer]);
    });
}
