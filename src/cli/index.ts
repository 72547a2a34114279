import { Command, CommanderError, Help, type Option } from 'commander';
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
import { addNotify } from './notify.ts';
import { endProgress, startProgress } from './progress.ts';
import { exit, version } from './shell.ts';
import { addAccept, addSilence } from './statements.ts';

/** In the order in which the help lists them. */
const commands = [
  addEvaluate,
  addApply,
  addHistory,
  addEvaluationCommands,
  addBaseline,
  addSilence,
  addAccept,
  addDoctor,
  addExport,
  addImport,
  addDeliver,
  addNotify,
];

/**
 * Carries out one call of a shell; how it went is `process.exitCode`, a sentence about what went wrong is on stderr.
 *
 * @param argv as `process.argv`: the program, the script, then what was typed
 */
export async function runShell(evaluations: Registry, argv: readonly string[]): Promise<void> {
  const program = new Command('fieldcheck')
    .description('Asks of Microsoft 365 and Exchange organizations what nobody answers continuously.')
    .version(await version(), '--version', 'print the version')
    .configureHelp({ optionDescription: withoutEmptyDefault })
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'fieldcheck: ')) })
    .showHelpAfterError('Run "npm run fieldcheck -- --help" for what there is.');
  for (const add of commands) add(program, evaluations);
  program.hook('preAction', (_, command) => startProgress(command.name()));
  try {
    await program.parseAsync(argv);
  } catch (error) {
    endProgress();
    if (error instanceof CommanderError) {
      // Help and version are no errors; what else commander says, it has said already.
      process.exitCode = error.exitCode === 0 ? exit.yes : exit.error;
    } else {
      process.stderr.write(`fieldcheck: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = exit.error;
    }
  } finally {
    endProgress();
  }
}

/** An option that may be repeated starts with none, which tells a reader nothing. */
function withoutEmptyDefault(option: Option): string {
  const { defaultValue: value } = option;
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return isEmpty ? option.description : Help.prototype.optionDescription(option);
}
