import { Command, CommanderError } from 'commander';
import type { Registry } from '../evaluations/registry.ts';
import { addApply } from './apply.ts';
import { addBaseline } from './baseline.ts';
import { addDeliver } from './deliver.ts';
import { addDoctor } from './doctor.ts';
import { addEvaluate } from './evaluate.ts';
import { addEvaluationCommands } from './evaluation-commands.ts';
import { addExport } from './export.ts';
import { addHistory } from './history.ts';
import { addImport } from './import.ts';
import { exit } from './shell.ts';

/** In the order in which the help lists them. */
const commands = [
  addEvaluate,
  addApply,
  addHistory,
  addEvaluationCommands,
  addBaseline,
  addDoctor,
  addExport,
  addImport,
  addDeliver,
];

/**
 * Carries out one call of a shell; how it went is `process.exitCode`, a sentence about what went wrong is on stderr.
 *
 * @param argv as `process.argv`: the program, the script, then what was typed
 */
export async function runShell(evaluations: Registry, argv: readonly string[]): Promise<void> {
  const program = new Command('fieldcheck')
    .description('Asks of Microsoft 365 and Exchange organizations what nobody answers continuously.')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'fieldcheck: ')) })
    .showHelpAfterError('Run "npm run fieldcheck -- --help" for what there is.');
  for (const add of commands) add(program, evaluations);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are no errors; what else commander says, it has said already.
      process.exitCode = error.exitCode === 0 ? exit.yes : exit.error;
    } else {
      process.stderr.write(`fieldcheck: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = exit.error;
    }
  }
}
