import { Command, CommanderError, Help, type Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import type { Registry } from '../evaluations/registry.ts';
import { addAccess } from './access.ts';
import { addApply } from './apply.ts';
import { addBaseline } from './baseline.ts';
import { addCompletion } from './completion.ts';
import { addDeliver } from './deliver.ts';
import { addDoctor } from './doctor.ts';
import { addEvaluate } from './evaluate.ts';
import { addEvaluationCommands } from './evaluation-commands.ts';
import { addExport } from './export.ts';
import { addHistory } from './history.ts';
import { addImport } from './import.ts';
import { addKeys } from './keys.ts';
import { addNotify } from './notify.ts';
import { endProgress, startProgress } from './progress.ts';
import { addReport } from './report.ts';
import { addRunbook } from './runbook.ts';
import { type AddCommand, called, exit } from './shell.ts';
import { addAccept, addSilence } from './statements.ts';

/** In the order in which the help lists them. */
const commands = [
  addEvaluate,
  addApply,
  addHistory,
  addReport,
  addEvaluationCommands,
  addRunbook,
  addBaseline,
  addKeys,
  addAccess,
  addSilence,
  addAccept,
  addDoctor,
  addExport,
  addImport,
  addDeliver,
  addNotify,
  addCompletion,
];

/**
 * Carries out one call of a shell; how it went is `process.exitCode`, a sentence about what went wrong is on stderr.
 *
 * @param argv as `process.argv`: the program, the script, then what was typed
 * @param more commands of whoever calls it
 */
export async function runShell(
  evaluations: Registry,
  argv: readonly string[],
  more: readonly AddCommand[] = [],
): Promise<void> {
  const program = new Command('fieldcheck')
    .description('Asks of Microsoft 365 and Exchange organizations what nobody answers continuously.')
    .version(manifest.version, '--version', 'print the version')
    .configureHelp({ optionDescription: withoutEmptyDefault })
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'fieldcheck: ')) })
    .showHelpAfterError(`Run "${called} --help" for what there is.`);
  for (const add of commands) add(program, evaluations);
  const own = new Set(program.commands);
  for (const add of more) add(program, evaluations);
  program.hook('preAction', (_, command) => {
    if (own.has(command) || own.has(command.parent ?? program)) startProgress(command.name());
  });
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
