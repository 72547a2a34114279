import type { Command } from 'commander';
import type { FindingsCommand, LookCommand, ShellCommand, Told } from '../evaluations/in-shell.ts';
import type { Registration } from '../evaluations/registration.ts';
import type { Registry } from '../evaluations/registry.ts';
import { addEvaluateOptions, addOption, type EvaluateOptions, evaluate } from './evaluate.ts';
import { readJson } from './files.ts';
import { addLook } from './look.ts';
import { say } from './progress.ts';
import { type AddCommand, exitCodeOf, isoTime, print } from './shell.ts';

/** Commands that single evaluations bring. */
export const addEvaluationCommands: AddCommand = (program, evaluations) => {
  for (const evaluation of evaluations.all) {
    for (const declared of evaluation.inShell?.commands ?? []) {
      const command = program.command(declared.usage).description(declared.description);
      if (isLook(declared)) addLook(command, evaluations, evaluation);
      else addOwn(command, declared);
    }
    for (const declared of evaluation.inShell?.findingsCommands ?? [])
      addFindings(program.command(declared.name).description(declared.description), evaluations, evaluation, declared);
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
    .action(async (paths: string | string[], values: { readonly now?: Date; readonly json?: boolean }) => {
      tell(await run([paths].flat(), { values, now: values.now ?? new Date(), readJson }), values.json);
    });
}

/** A command on what `evaluate` finds: it takes the same arguments and options. */
function addFindings(
  command: Command,
  evaluations: Registry,
  evaluation: Registration,
  { options, of }: FindingsCommand,
): void {
  command.argument('[subjects...]', evaluation.inShell?.named);
  for (const option of [...options, ...(evaluation.inShell?.options ?? [])])
    addOption(command, option, option.description);
  addEvaluateOptions(command, [evaluation]);
  command.action(async (subjects: string[], values: EvaluateOptions) => {
    const toldOf = of(values);
    const { runs } = await evaluate(evaluations, evaluation.id, subjects, values);
    tell(toldOf(runs), values.json);
  });
}

function tell(told: Told, asJson: boolean | undefined): void {
  if (asJson === true) print(told.json);
  else say(told.text);
  process.exitCode = exitCodeOf([told.answer]);
}
