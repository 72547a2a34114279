import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import {
  type App,
  analyseSmtpLogs,
  createApp,
  describeSmtpLogs,
  type EvaluationId,
  evaluationName,
  examine,
  findLogFiles,
  organizationSubjects,
  Problem,
  parseOrganizations,
  parseService,
  policiesOf,
  productionPorts,
  questionTitles,
  readSupplied,
  type SuppliedFile,
  type Supply,
  shellPorts,
  terminalReport,
} from './app.ts';
import { loadConfig } from './config.ts';
import { normaliseDomainName } from './domain/domain-name.ts';
import type { Run } from './domain/finding.ts';
import type { OrganizationDocument } from './domain/organization.ts';
import type { Subject } from './domain/subject.ts';

/** Exit codes: every answer yes (or not applicable), a no, undetermined, our error or a bad call. */
const exit = { yes: 0, no: 1, undetermined: 2, error: 3 } as const;

/** A call that cannot be carried out; its sentence goes to stderr. */
class BadCall extends Error {}

interface EvaluateOptions {
  readonly organization?: string;
  readonly facts: readonly string[];
  readonly saveFacts?: string;
  readonly resolver: readonly string[];
  readonly now?: Date;
  readonly json?: boolean;
  readonly signingConfig?: string;
  readonly acceptedDomains?: string;
  readonly selector: readonly string[];
  readonly service?: string;
  readonly log: readonly string[];
  readonly probe?: boolean;
  readonly relayTest?: boolean;
  readonly allowPrivate?: boolean;
  readonly ca: readonly string[];
  readonly endpoint: Readonly<Record<string, string>>;
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

const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];

const program = new Command('fieldcheck')
  .description('Asks of Microsoft 365 and Exchange organizations what nobody answers continuously.')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'fieldcheck: ')) })
  .showHelpAfterError('Run "npm run fieldcheck -- --help" for what there is.');

program
  .command('evaluate')
  .description('judge now; nothing is stored, nobody is told')
  .argument('<evaluation>', 'dkim, teams-exchange-interop or smtp-source-ip')
  .argument('[subjects...]', 'mail domains (dkim)')
  .option('--organization <file>', 'organization document: subjects and policies')
  .option('--facts <file>', 'saved facts, a collector’s file or a raw export; repeatable', collect, [])
  .option('--save-facts <file>', 'write what was gathered, to judge again later')
  .option('--resolver <host[:port]>', 'name server to ask; repeatable', collect, [])
  .option('--now <time>', 'judge as of this time (ISO 8601)', isoTime)
  .option('--json', 'print the runs as JSON')
  .option('--signing-config <file>', 'dkim: output of Get-DkimSigningConfig as JSON')
  .option('--accepted-domains <file>', 'dkim: output of Get-AcceptedDomain as JSON')
  .option('--selector <name>', 'dkim: selector to look at without a signing configuration; repeatable', collect, [])
  .option('--service <file>', 'smtp-source-ip: one service, as in an organization document')
  .option('--log <path>', 'smtp-source-ip: receive logs to analyse, files or folders; repeatable', collect, [])
  .option('--probe', 'smtp-source-ip: connect to the service and its nodes from here')
  .option('--relay-test', 'smtp-source-ip: with --probe, also ask to relay (MAIL FROM and RCPT TO, never DATA)')
  .option('--allow-private', 'probes may go to private, unique-local and loopback addresses')
  .option('--ca <file>', 'PEM file of roots to trust besides the public ones; repeatable', collect, [])
  .option(
    '--endpoint <name=url>',
    'exchange-online, graph or login in place of the cloud’s own; repeatable',
    endpoint,
    {},
  )
  .action(async (evaluation: string, subjects: string[], options: EvaluateOptions) => {
    process.exitCode = await evaluate(evaluationName(evaluation), subjects, options);
  });

program
  .command('apply')
  .description('write organization documents, after showing what changes')
  .argument('<file>', 'organizations.json: one document or a list')
  .option('--dry-run', 'show what would change, write nothing')
  .action((file: string, options: { dryRun?: boolean }) =>
    withStore(async (app) => {
      const documents = parseOrganizations(await readJson(file));
      // All of them before the first is written, so that a refused one leaves nothing half done.
      const previews = documents.map((document) => app.previewOrganization(document));
      for (const [index, document] of documents.entries()) {
        const before = await app.organization(document.id).catch(undefinedWhenMissing);
        process.stdout.write(difference(document.id, before?.document, previews[index]));
        if (options.dryRun !== true) await app.putOrganization(document.id, document, before?.etag);
      }
    }),
  );

program
  .command('history')
  .description('what was found about a subject over time, newest first')
  .argument('<organization>')
  .argument('<evaluation>')
  .argument('<subject>')
  .addOption(new Option('--limit <n>', 'how many').argParser(count).default(20))
  .option('--json', 'print as JSON')
  .action((organization: string, evaluation: string, subject: string, options: { limit: number; json?: boolean }) =>
    withStore(async (app) => {
      const { items } = await app.history(organization, evaluationName(evaluation), subject, options.limit);
      if (options.json === true) {
        print(items);
        return;
      }
      for (const { since, runs, run } of items) {
        const answers = Object.entries(run.answers).map(([question, answer]) => `${question}: ${answer}`);
        const fails = run.findings
          .filter(({ verdict }) => verdict === 'fail')
          .map(({ rule, target }) => (target === undefined ? rule : `${rule} [${target}]`));
        process.stdout.write(
          `${since} … ${run.at}  (${runs} run${runs === 1 ? '' : 's'})  ${answers.join(', ')}${fails.length > 0 ? `\n    ${fails.join('\n    ')}` : ''}\n`,
        );
      }
    }),
  );

program
  .command('smtp-logs')
  .description('count SMTP receive logs: who connects, and what that proves about source addresses')
  .argument('<paths...>', 'receive logs (RECV*.LOG, also .gz) and folders that hold them')
  .requiredOption('--service <file>', 'the service whose logs these are, as in an organization document')
  .option('--now <time>', 'judge freshness as of this time (ISO 8601)', isoTime)
  .option('--json', 'print as JSON')
  .action(async (paths: string[], options: { service: string; now?: Date; json?: boolean }) => {
    const service = parseService(await readJson(options.service), options.service);
    const analysis = await analyseSmtpLogs(paths, service, options.now ?? new Date());
    if (options.json === true) print(analysis);
    else process.stdout.write(describeSmtpLogs(analysis));
    // The same words as everywhere: yes when clients are visible, no when they are hidden, undetermined otherwise.
    if ('nothing' in analysis.proof || !analysis.fresh) process.exitCode = exit.undetermined;
    else process.exitCode = analysis.proof.translation === 'preserved' ? exit.yes : exit.no;
  });

program
  .command('baseline')
  .description('what was accepted as right, so that drift is a finding')
  .command('accept')
  .description('accept what the supplied facts say of the nodes of an SMTP service')
  .argument('<organization>')
  .argument('<service>')
  .option('--by <name>', 'who accepts it')
  .action((organization: string, service: string, options: { by?: string }) =>
    withStore(async (app) => {
      const { nodes, missing, acceptedAt, collectedAt } = await app.acceptBaseline(organization, service, options.by);
      const asOf = collectedAt === undefined ? '' : `, as collected ${collectedAt}`;
      process.stdout.write(`${service}: baseline of ${nodes.join(', ')} accepted ${acceptedAt}${asOf}\n`);
      if (missing.length > 0) process.stdout.write(`without ${missing.join(', ')}: there are no facts\n`);
    }),
  );

program
  .command('doctor')
  .description('does everything work from here: settings, storage, clock, resolvers, channels, endpoints, grants')
  .option('--organization <file>', 'look at this document, too')
  .option('--ca <file>', 'certificate authority to trust besides the public ones, PEM; repeatable', collect, [])
  .option('--json', 'print as JSON')
  .action(async (options: { organization?: string; ca: readonly string[]; json?: boolean }) => {
    const documents =
      options.organization === undefined ? [] : parseOrganizations(await readJson(options.organization));
    const ca = await Promise.all(options.ca.map(async (path) => new TextDecoder().decode(await readBytes(path))));
    const { state, checks, text } = await examine({ ...(await localSettings()), ...process.env }, { documents, ca });
    if (options.json === true) print({ state, checks });
    else process.stdout.write(text);
    process.exitCode = { ok: exit.yes, missing: exit.no, 'could not look': exit.undetermined }[state];
  });

program
  .command('export')
  .description('an organization as NDJSON: document, last known states, history, supplied facts')
  .argument('<organization>')
  .option('--out <file>', 'write to this file; to standard output when left out')
  .action((organization: string, options: { out?: string }) =>
    withStore(async (app) => {
      if (options.out === undefined) {
        await app.exportOrganization(organization, async (line) => {
          if (!process.stdout.write(line)) await once(process.stdout, 'drain');
        });
        return;
      }
      const { states, history, facts } = await writeWhole(options.out, (write) =>
        app.exportOrganization(organization, write),
      );
      process.stdout.write(
        `${organization}: ${states} states, ${history} of the history, ${facts} supplied facts in ${options.out}\n`,
      );
    }),
  );

program
  .command('import')
  .description('take in what export wrote: all of it, or nothing')
  .argument('<file>')
  .option('--replace', 'put it in the place of the organization that is there')
  .action((file: string, options: { replace?: boolean }) =>
    withStore(async (app) => {
      const lines = await linesOf(file);
      const { organization, counts } = await app.importOrganization({ name: file, lines }, options.replace === true);
      const { states, history, facts } = counts;
      process.stdout.write(`${organization}: ${states} states, ${history} of the history, ${facts} supplied facts\n`);
    }),
  );

program
  .command('deliver')
  .description('deliver what waits in the outbox')
  .option('--rejected', 'first put back what channels refused for good, once they are mended')
  .action((options: { rejected?: boolean }) =>
    withStore(async (app) => {
      if (options.rejected === true)
        process.stdout.write(`${await app.requeueRejected()} refused notice(s) put back.\n`);
      const delivered = await app.deliver();
      if (delivered.length === 0) process.stdout.write('Nothing waits.\n');
      for (const { channel, runId, subjects, delivery } of delivered) {
        process.stdout.write(`${delivery.outcome}  ${channel}  ${runId}  ${subjects} subject(s): ${delivery.detail}\n`);
      }
      if (delivered.some(({ delivery }) => delivery.outcome !== 'delivered')) process.exitCode = exit.no;
    }),
  );

async function evaluate(evaluation: EvaluationId, named: readonly string[], options: EvaluateOptions): Promise<number> {
  const document =
    options.organization === undefined
      ? undefined
      : oneOrganization(await readJson(options.organization), options.organization);
  const supply = readSupplied(evaluation, await suppliedFiles(options));
  const app = createApp(shellPorts(loadConfig(process.env), process.env, await sourceOptions(options)));
  try {
    const subjects = await subjectsFor(app, evaluation, named, options, document, supply);
    const { runs, facts } = await app.evaluate({
      evaluation,
      subjects,
      supply,
      policies: document === undefined ? {} : policiesOf(document, evaluation),
      now: options.now,
      onProgress: progress(subjects.length),
    });
    if (options.saveFacts !== undefined) await writeJson(options.saveFacts, facts);
    if (options.json === true) print(runs);
    else process.stdout.write(terminalReport(runs, { questions: questionTitles(evaluation) }));
    return exitCodeOf(runs);
  } finally {
    await app.stop();
  }
}

/** What the options say about sources; what they leave out, the settings say. */
async function sourceOptions(options: EvaluateOptions): Promise<Parameters<typeof shellPorts>[2]> {
  const { resolver, ca, endpoint: endpoints, log } = options;
  return {
    ...(resolver.length > 0 ? { resolvers: resolver } : {}),
    ...(ca.length > 0
      ? { ca: await Promise.all(ca.map(async (path) => new TextDecoder().decode(await readBytes(path)))) }
      : {}),
    ...(Object.keys(endpoints).length > 0 ? { endpoints } : {}),
    ...(options.allowPrivate === true ? { allowPrivate: true } : {}),
    ...(log.length > 0 ? { logFiles: await findLogFiles(log) } : {}),
    ...(options.probe === true ? { probe: { relayTest: options.relayTest === true } } : {}),
  };
}

/** Named on the command line, else the document's, else those that the files speak of or the tenant lists. */
async function subjectsFor(
  app: App,
  evaluation: EvaluationId,
  named: readonly string[],
  options: EvaluateOptions,
  document: OrganizationDocument | undefined,
  supply: Supply,
): Promise<readonly Subject[]> {
  if (named.length > 0) {
    if (evaluation !== 'dkim')
      throw new BadCall(`${evaluation} takes its subject from --organization or --facts, not from the command line.`);
    const domains = named.map((text) => {
      const domain = normaliseDomainName(text);
      if ('problem' in domain) throw new BadCall(`${domain.problem}.`);
      return domain.name;
    });
    return mailDomains(document, domains, options.selector);
  }
  if (options.service !== undefined) return [parseService(await readJson(options.service), options.service)];
  const fromFiles = supply.subjects.map(({ id }) => id);
  if (document !== undefined) {
    const discovered = fromFiles.length > 0 ? fromFiles : await app.tenantDomains(document);
    const subjects = organizationSubjects(document, evaluation, discovered);
    if (subjects.length > 0) return subjects;
  } else if (fromFiles.length > 0) {
    return evaluation === 'dkim' && options.selector.length > 0
      ? mailDomains(undefined, fromFiles, options.selector)
      : supply.subjects;
  }
  throw new BadCall(
    evaluation === 'dkim'
      ? 'There is no domain to look at: name one (evaluate dkim contoso.com), or give --signing-config, --organization or --facts.'
      : `There is nothing to look at: give --organization FILE with evaluations.${evaluation}${evaluation === 'smtp-source-ip' ? ', --service FILE' : ''}, or --facts FILE.`,
  );
}

/** Domains as the document would watch them, had it named them. */
function mailDomains(
  document: OrganizationDocument | undefined,
  domains: readonly string[],
  selectors: readonly string[],
): readonly Subject[] {
  const [base] = parseOrganizations(document ?? { id: 'shell' });
  if (base === undefined) return [];
  const dkim = {
    ...base.evaluations.dkim,
    domains: [...domains],
    ...(selectors.length > 0 ? { selectors: [...selectors] } : {}),
  };
  const [named] = parseOrganizations({ ...base, evaluations: { ...base.evaluations, dkim } });
  const subjects = named === undefined ? [] : organizationSubjects(named, 'dkim');
  // In the order in which they were named.
  return domains.flatMap((name) => subjects.filter(({ id }) => id === name));
}

async function suppliedFiles({ facts, signingConfig, acceptedDomains }: EvaluateOptions): Promise<SuppliedFile[]> {
  const wanted: readonly (readonly [string, SuppliedFile['kind']])[] = [
    ...facts.map((path) => [path, undefined] as const),
    ...(signingConfig === undefined ? [] : [[signingConfig, 'signing-configuration'] as const]),
    ...(acceptedDomains === undefined ? [] : [[acceptedDomains, 'accepted-domain'] as const]),
  ];
  return Promise.all(
    wanted.map(async ([path, kind]) => ({
      name: path,
      content: await readBytes(path),
      writtenAt: (await stat(path)).mtime.toISOString(),
      kind,
    })),
  );
}

function oneOrganization(value: unknown, path: string): OrganizationDocument {
  const [document, ...more] = parseOrganizations(value);
  if (document === undefined || more.length > 0)
    throw new BadCall(
      `${path} holds ${more.length + (document === undefined ? 0 : 1)} organizations; --organization wants one.`,
    );
  return document;
}

function exitCodeOf(runs: readonly Run[]): number {
  const answers = runs.flatMap((run) => Object.values(run.answers));
  if (answers.includes('no')) return exit.no;
  return answers.includes('undetermined') ? exit.undetermined : exit.yes;
}

/** The App over the storage that the settings name, or that of the running local host. */
async function withStore(work: (app: App) => Promise<void>): Promise<void> {
  const environment = { ...(await localSettings()), ...process.env };
  const app = createApp(await productionPorts(loadConfig(environment), environment, stderrLog));
  try {
    await work(app);
  } finally {
    await app.stop();
  }
}

/** What `npm start` leaves for the shell while it runs: where its storage is. */
async function localSettings(): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(new URL('../.fieldcheck/settings.json', import.meta.url), 'utf8')) as Record<
      string,
      string
    >;
  } catch {
    return {};
  }
}

const stderrLog = {
  info() {},
  warn: (message: string, fields?: Record<string, unknown>) =>
    process.stderr.write(`fieldcheck: ${message} ${JSON.stringify(fields ?? {})}\n`),
  error: (message: string, fields?: Record<string, unknown>) =>
    process.stderr.write(`fieldcheck: ${message} ${JSON.stringify(fields ?? {})}\n`),
};

function progress(total: number): (done: number) => void {
  if (!process.stderr.isTTY || total < 20) return () => {};
  return (done) => process.stderr.write(done === total ? '\r\u001b[K' : `\r${done} of ${total}`);
}

function undefinedWhenMissing(error: unknown): undefined {
  if (error instanceof Problem && error.status === 404) return undefined;
  throw error;
}

/** One line for each value that went or came, by its path. */
function difference(id: string, before: unknown, after: unknown): string {
  if (before === undefined) return `${id}: new\n`;
  const old = leaves(before, '');
  const now = leaves(after, '');
  const gone = old.filter((line) => !now.includes(line)).map((line) => `- ${line}`);
  const come = now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`);
  return gone.length + come.length === 0 ? `${id}: unchanged\n` : `${[`${id}:`, ...gone, ...come].join('\n')}\n`;
}

/** `evaluations.dkim.schedule: "0 0 6 * * *"`. Values in a list have no position: a new one in front changes one line. */
function leaves(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0)
    return [`${path}: ${JSON.stringify(value)}`];
  if (Array.isArray(value))
    return value.flatMap((one, index) => leaves(one, typeof one === 'object' ? `${path}[${index}]` : path));
  return Object.entries(value).flatMap(([key, one]) => leaves(one, path === '' ? key : `${path}.${key}`));
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new BadCall(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadCall(`${path} is no JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** The lines of a file, from its start each time. @throws BadCall */
async function linesOf(path: string): Promise<() => AsyncIterable<string>> {
  let isFile: boolean;
  try {
    const file = await open(path);
    isFile = (await file.stat()).isFile();
    await file.close();
  } catch (error) {
    throw new BadCall(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
  if (!isFile) throw new BadCall(`Cannot read ${path}: it is no file.`);
  return () => createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
}

/** Writes a file that is there as a whole or not at all. @throws BadCall */
async function writeWhole<T>(path: string, work: (write: (line: string) => Promise<void>) => Promise<T>): Promise<T> {
  const part = `${path}.part`;
  let file: FileHandle;
  try {
    await mkdir(dirname(path), { recursive: true });
    file = await open(part, 'w');
  } catch (error) {
    throw new BadCall(`Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
  try {
    const result = await work(async (line) => {
      await file.write(line);
    });
    await file.close();
    await rename(part, path);
    return result;
  } catch (error) {
    await file.close();
    await rm(part, { force: true });
    throw error;
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
  } catch (error) {
    throw new BadCall(`Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1 to 9999.');
  return Number(text);
}

/** Without a zone it is UTC, never the machine's. */
function isoTime(text: string): Date {
  const time = new Date(/T.*(Z|[+-]\d{2}:?\d{2})$/i.test(text) || !text.includes('T') ? text : `${text}Z`);
  if (!/^\d{4}-\d{2}-\d{2}(T|$)/.test(text) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Write a time as 2026-11-24T09:30:00Z.');
  return time;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version are no errors; what else commander says, it has said already.
    process.exitCode = error.exitCode === 0 ? exit.yes : exit.error;
  } else {
    process.stderr.write(`fieldcheck: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exit.error;
  }
}
