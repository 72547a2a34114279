import { readFile, stat } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AdHocResult, App, Assumed, SuppliedFile, Supply, shellPorts } from '../app/index.ts';
import { questionTitles } from '../domain/evaluation.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import { type ReportFormat, reportFormats } from '../domain/report-format.ts';
import type { Subject } from '../domain/subject.ts';
import { ruleName } from '../domain/words.ts';
import type { ShellOption } from '../evaluations/in-shell.ts';
import type { Registration } from '../evaluations/registration.ts';
import type { Registry } from '../evaluations/registry.ts';
import { readBytes, readJson, readTexts, writeJson, writeWhole } from './files.ts';
import { note, progress, say, terminalLook } from './progress.ts';
import { formatIn } from './report.ts';
import { type AddCommand, BadCall, collect, exitCodeOn, failOn, isoTime } from './shell.ts';

/** The options that say whom to ask. */
type WorldValues = Pick<EvaluateOptions, 'resolver' | 'ca'> &
  Partial<Pick<EvaluateOptions, 'endpoint' | 'allowPrivate'>>;

export interface EvaluateOptions {
  readonly organization?: string;
  readonly facts: readonly string[];
  readonly assume: readonly string[];
  readonly saveFacts?: string;
  readonly resolver: readonly string[];
  readonly now?: Date;
  readonly json?: boolean;
  readonly explain?: string;
  readonly allowPrivate?: boolean;
  readonly ca: readonly string[];
  readonly endpoint: Readonly<Record<string, string>>;
  /** Those of single evaluations. */
  readonly [option: string]: unknown;
}

export const addEvaluate: AddCommand = (program, evaluations) => {
  const command = program
    .command('evaluate')
    .description('judge now; nothing is stored, nobody is told')
    .argument('<evaluation>', listOf(evaluations.ids))
    .argument('[subjects...]', namedSubjects(evaluations));
  addEvaluateOptions(command, evaluations.all);
  command.option('--explain <rule>', 'print the page of a rule, and judge nothing');
  for (const { id, inShell } of evaluations.all) {
    for (const option of inShell?.options ?? []) addOption(command, option, `${id}: ${option.description}`);
  }
  command
    .addOption(new Option('--format <format>', 'of what is printed; text when left out').choices(reportFormats))
    .option('--out <file>', 'write it to this file; without --format its name says the format (.xml: junit)')
    .option('--verbose', 'tell each of several subjects by itself, not only what is to be mended')
    .addOption(
      new Option('--fail-on <least>', 'exit code 0 unless there is that or worse').choices(failOn).default(failOn[1]),
    )
    .action(async (name: string, subjects: string[], options: EvaluateOptions & PrintOptions) => {
      if (options.explain !== undefined) {
        say(await pageOf(evaluations, name, options.explain));
        return;
      }
      const { out } = options;
      const format = formatIn(options);
      const { arrangedOf, reportAs, runbooksOf } = await import('../app/index.ts');
      const look = async () => {
        const { runs, facts, evaluation, ...about } = await evaluate(evaluations, name, subjects, options);
        const runbooks = arrangedOf(runbooksOf(evaluation, runs, facts));
        const questions = questionTitles(evaluation);
        const look = terminalLook(out === undefined, options.verbose);
        const told = { ...about, questions, evaluations: { [name]: { ...evaluation, runbooks } }, look };
        return { runs, report: await reportAs(format, runs, told) };
      };
      if (out === undefined) {
        const { runs, report } = await look();
        say(report);
        process.exitCode = exitCodeOn(options.failOn, runs);
        return;
      }
      // The file first: when it cannot be written, nobody waits for a look that is lost.
      const runs = await writeWhole(out, async (write) => {
        const looked = await look();
        await write(looked.report);
        return looked.runs;
      });
      say(`${runs.length} looked at, written to ${out}\n`);
      process.exitCode = exitCodeOn(options.failOn, runs);
    });
};

/** How `evaluate` tells what it found. */
interface PrintOptions {
  readonly format?: ReportFormat;
  readonly out?: string;
  readonly verbose?: boolean;
  readonly failOn: (typeof failOn)[number];
}

/** The options of `evaluate` that no evaluation declares. */
export function addEvaluateOptions(command: Command, all: Registry['all']): void {
  command
    .option('--organization <file>', 'organization document: subjects and policies')
    .option('--facts <file>', 'saved facts, a collector’s file or a raw export; repeatable', collect, [])
    .option('--assume <file>', assumable(all), collect, [])
    .option('--save-facts <file>', 'write what was gathered, to judge again later')
    .option('--resolver <host[:port]>', 'name server to ask; repeatable', collect, [])
    .option('--now <time>', 'judge as of this time (ISO 8601)', isoTime)
    .option('--json', 'print as JSON')
    .option('--allow-private', 'probes may go to private, unique-local and loopback addresses')
    .option('--ca <file>', 'PEM file of roots to trust besides the public ones; repeatable', collect, [])
    .option(
      '--endpoint <name=url>',
      'exchange-online, graph or login in place of the cloud’s own; repeatable',
      endpoint,
      {},
    );
}

/** The page beside a rule's code. @param wanted its name, its id, or a finding's key */
async function pageOf(evaluations: Registry, name: string, wanted: string): Promise<string> {
  const { id, rules } = evaluations.of(name);
  const [key = ''] = wanted.split('#');
  const rule = rules.find((one) => one.id === key || ruleName(one.id) === key);
  if (rule === undefined) {
    throw new BadCall(`${id} has no rule "${key}". Its rules: ${rules.map((one) => ruleName(one.id)).join(', ')}.`);
  }
  const page = new URL(`../evaluations/${id}/rules/${ruleName(rule.id)}.md`, import.meta.url);
  try {
    return await readFile(page, 'utf8');
  } catch {
    throw new BadCall(`${rule.id} has no page at ${page.pathname}.`);
  }
}

/** Adds an option that an evaluation declares. */
export function addOption(command: Command, { flags, repeatable, choices }: ShellOption, description: string): void {
  if (choices !== undefined) command.addOption(new Option(flags, description).choices(choices).default(choices[0]));
  else if (repeatable === true) command.option(flags, description, collect, []);
  else command.option(flags, description);
}

function assumable(all: Registry['all']): string {
  const others = all.flatMap(({ id, assumable }) =>
    assumable === undefined ? [] : [`; ${id}: also ${assumable.wanted}`],
  );
  return `facts as --facts reads them, judged as if they were so: they outrank what is gathered${others.join('')}; repeatable`;
}

/** `a, b or c` */
function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function namedSubjects({ all }: Registry): string {
  return all
    .flatMap(({ id, inShell }) => (inShell?.named === undefined ? [] : [`${inShell.named} (${id})`]))
    .join(', ');
}

const endpointNames = { 'exchange-online': 'exchangeOnline', graph: 'graph', login: 'login' } as const;

/** `graph=https://…` */
function endpoint(value: string, previous: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [name = '', ...rest] = value.split('=');
  const key = name in endpointNames ? endpointNames[name as keyof typeof endpointNames] : undefined;
  const url = rest.join('=');
  if (key === undefined || !/^https?:\/\/[^/]/.test(url)) {
    throw new InvalidArgumentError(`Write NAME=URL, NAME being one of ${Object.keys(endpointNames).join(', ')}.`);
  }
  return { ...previous, [key]: url.replace(/\/+$/, '') };
}

/** Judges now, as a call of `evaluate` asks. @throws Error for a bad call */
export async function evaluate(
  evaluations: Registry,
  name: string,
  named: readonly string[],
  options: EvaluateOptions,
): Promise<
  AdHocResult & {
    readonly evaluation: Registration;
    readonly title: string;
    readonly author?: string | undefined;
    readonly logo?: string | undefined;
  }
> {
  const [{ createApp, policiesOf, reportOptionsOf, shellPorts }, { loadConfig }] = await Promise.all([
    import('../app/index.ts'),
    import('../config.ts'),
  ]);
  const document =
    options.organization === undefined
      ? undefined
      : await oneOrganization(evaluations, await readJson(options.organization), options.organization);
  const { inShell } = evaluations.find(name) ?? {};
  const world = { ...(await worldOf(options)), ...(await inShell?.world?.(options)) };
  const app = createApp(shellPorts(evaluations, loadConfig(process.env), process.env, world));
  try {
    const evaluation = app.evaluation(name);
    const supply = app.readSupplied(name, await suppliedFiles(evaluation, options));
    for (const line of supply.notes ?? []) note(line);
    const assumed =
      options.assume.length === 0
        ? undefined
        : app.readAssumed(name, await filesAt(options.assume.map((path) => ({ path }))));
    for (const line of assumed?.notes ?? []) note(line);
    const subjects = await subjectsFor(app, evaluations, evaluation, named, options, document, {
      ...supply,
      subjects: supply.subjects.length > 0 ? supply.subjects : (assumed?.supply.subjects ?? []),
    });
    progress(`0 of ${subjects.length} looked at`);
    const { runs, facts } = await app.evaluate({
      evaluation,
      subjects,
      supply,
      assumed,
      policies: document === undefined ? {} : policiesOf(document, name),
      now: options.now,
      onProgress: (done) => progress(`${done} of ${subjects.length} looked at`),
    });
    for (const line of assumed === undefined ? [] : withoutEffect(assumed, subjects)) note(line);
    if (options.saveFacts !== undefined) await writeJson(options.saveFacts, facts);
    const about = document === undefined ? { title: evaluation.title } : reportOptionsOf(document, evaluation.title);
    return { evaluation, runs, facts, ...about };
  } finally {
    await app.stop();
  }
}

/** What the options of every evaluation say about what is asked; what they leave out, the settings say. */
export async function worldOf({
  resolver,
  ca,
  endpoint: endpoints = {},
  allowPrivate,
}: WorldValues): Promise<Parameters<typeof shellPorts>[3]> {
  return {
    ...(resolver.length > 0 ? { resolvers: resolver } : {}),
    ...(ca.length > 0 ? { ca: await readTexts(ca) } : {}),
    ...(Object.keys(endpoints).length > 0 ? { endpoints } : {}),
    ...(allowPrivate === true ? { allowPrivate } : {}),
  };
}

/** Named on the command line, else the document's, else those that the files speak of or the tenant lists. */
async function subjectsFor(
  app: App,
  evaluations: Registry,
  { id, inShell }: Registration,
  named: readonly string[],
  values: EvaluateOptions,
  document: OrganizationDocument | undefined,
  supply: Supply,
): Promise<readonly Subject[]> {
  if (named.length > 0 && inShell?.named === undefined)
    throw new BadCall(`${id} takes its subject from --organization or --facts, not from the command line.`);
  const inFiles = supply.subjects.map((subject) => subject.id);
  const checked = (value: unknown) => oneOrganization(evaluations, value, 'the call');
  const own = await inShell?.subjects?.({ values, named, document, inFiles, checked, readJson });
  if (own !== undefined) return own;
  if (document === undefined && inFiles.length > 0) return supply.subjects;
  const watched = document === undefined ? [] : await app.subjectsOf(document, id, inFiles);
  if (watched.length > 0) return watched;
  throw new BadCall(
    inShell?.nothing ??
      `There is nothing to look at: give --organization FILE with evaluations.${id}, or --facts FILE.`,
  );
}

export async function suppliedFiles(
  { inShell }: Pick<Registration, 'inShell'>,
  options: Pick<EvaluateOptions, 'facts'>,
): Promise<SuppliedFile[]> {
  const wanted: readonly { readonly path: string; readonly kind?: string }[] = [
    ...options.facts.map((path) => ({ path })),
    ...(inShell?.files?.(options) ?? []),
  ];
  return filesAt(wanted);
}

function filesAt(files: readonly { readonly path: string; readonly kind?: string }[]): Promise<SuppliedFile[]> {
  return Promise.all(
    files.map(async ({ path, kind }) => ({
      name: path,
      content: await readBytes(path),
      writtenAt: (await stat(path)).mtime.toISOString(),
      kind,
    })),
  );
}

/** What was assumed for nothing: a slip of the pen is no planned change. */
function withoutEffect({ supply, world }: Assumed, subjects: readonly Subject[]): readonly string[] {
  const ids = new Set(subjects.map(({ id }) => id));
  return [
    ...supply.subjects.flatMap(({ id }) =>
      ids.has(id) ? [] : [`${id} was not looked at, so what is assumed of it changed nothing.`],
    ),
    ...(world?.withoutEffect() ?? []),
  ];
}

export async function oneOrganization(
  evaluations: Registry,
  value: unknown,
  path: string,
): Promise<OrganizationDocument> {
  const { parseOrganizations } = await import('../app/index.ts');
  const [document, ...more] = parseOrganizations(evaluations, value);
  if (document === undefined || more.length > 0)
    throw new BadCall(
      `${path} holds ${more.length + (document === undefined ? 0 : 1)} organizations; --organization wants one.`,
    );
  return document;
}
