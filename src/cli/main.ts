import { evaluations } from '../evaluations/index.ts';
import { runShell } from './index.ts';
import type { AddCommand } from './shell.ts';

/** Carries out what was typed, with all evaluations of the product. @param more commands besides those of the shell */
export function main(more: readonly AddCommand[]): Promise<void> {
  return runShell(evaluations, process.argv, more);
}
