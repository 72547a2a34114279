import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { App } from '../app/index.ts';
import { localIdentity } from '../domain/access.ts';
import { blocksAnswers } from '../domain/answer.ts';
import type { Answer, Run } from '../domain/finding.ts';
import type { Registry } from '../evaluations/registry.ts';
import { note, say } from './progress.ts';

/** Exit codes: every answer yes (or not applicable), a no, undetermined, our error or a bad call. */
export const exit = { yes: 0, no: 1, undetermined: 2, error: 3 } as const;

/** The exit code that tells these answers. */
export function exitCodeOf(answers: readonly Answer[]): number {
  if (answers.includes('no')) return exit.no;
  return answers.includes('undetermined') ? exit.undetermined : exit.yes;
}

/** What a call may be told to fail on: that, and whatever is worse. */
export const failOn = ['no', 'undetermined', 'advice'] as const;

/** The exit code that tells these runs. @param on the least that makes it another than 0 */
export function exitCodeOn(on: (typeof failOn)[number], runs: readonly Run[]): number {
  const code = exitCodeOf(runs.flatMap(({ answers }) => Object.values(answers)));
  if (on === 'no') return code === exit.no ? exit.no : exit.yes;
  const isAdvised = runs.some(({ findings }) =>
    findings.some((finding) => finding.verdict === 'fail' && !blocksAnswers(finding)),
  );
  return on === 'advice' && isAdvised ? exit.no : code;
}

/** How a person calls the shell: in the repository, or where the package is installed. */
export const called = import.meta.url.endsWith('.ts') ? 'npm run fieldcheck --' : 'fieldcheck';

/** A call that cannot be carried out; its sentence goes to stderr. */
export class BadCall extends Error {}

/** Adds a command to the program. */
export type AddCommand = (program: Command, evaluations: Registry) => void;

/** The App over the storage that the settings name, or that of the running local host. */
export async function withStore(evaluations: Registry, work: (app: App) => Promise<void>): Promise<void> {
  const [{ createApp, productionPorts }, { loadConfig }] = await Promise.all([
    import('../app/index.ts'),
    import('../config.ts'),
  ]);
  const environment = { ...(await localSettings()), ...process.env };
  const ports = await productionPorts(evaluations, loadConfig(environment), environment, stderrLog);
  const app = createApp({ ...ports, by: localIdentity(userInfo().username) });
  try {
    await work(app);
  } finally {
    await app.stop();
  }
}

/** Where `npm start` and `serve` keep what is theirs, unless they are told otherwise. */
const dataFolders = ['.fieldcheck', 'fieldcheck-data', 'fieldcheck-demo'];

/** What a local host leaves for the shell while it runs: where its storage is. `FIELDCHECK_DATA` names its folder. */
export async function localSettings(): Promise<Record<string, string>> {
  const { FIELDCHECK_DATA: named } = process.env;
  for (const folder of named === undefined ? dataFolders : [named]) {
    try {
      return JSON.parse(await readFile(join(folder, 'settings.json'), 'utf8')) as Record<string, string>;
    } catch {
      // Nobody runs there.
    }
  }
  return {};
}

const stderrLog = {
  info() {},
  warn: (message: string, fields?: Record<string, unknown>) =>
    note(`fieldcheck: ${message} ${JSON.stringify(fields ?? {})}`),
  error: (message: string, fields?: Record<string, unknown>) =>
    note(`fieldcheck: ${message} ${JSON.stringify(fields ?? {})}`),
};

export function print(value: unknown): void {
  say(`${JSON.stringify(value, null, 2)}\n`);
}

/** Repeatable options gather their values. */
export const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];

export function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1 to 9999.');
  return Number(text);
}

/** Without a zone it is UTC, never the machine's. */
export function isoTime(text: string): Date {
  const time = new Date(/T.*(Z|[+-]\d{2}:?\d{2})$/i.test(text) || !text.includes('T') ? text : `${text}Z`);
  if (!/^\d{4}-\d{2}-\d{2}(T|$)/.test(text) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Write a time as 2026-11-24T09:30:00Z.');
  return time;
}
