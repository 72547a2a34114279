import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Asked } from './hosts.ts';

const exec = promisify(execFile);

const sources = join(import.meta.dirname, 'host');
/** What is built or installed once, beside what else is kept of installed packages. */
const kept = join(import.meta.dirname, '../../node_modules/.cache');
const dotnetEnvironment = { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' };

/** A script by its path, or its text (then without a byte-order mark). */
export type ScriptRequest = { path: string } | { text: string };

/** Something at a place in a script; line and column count from 1. */
export type Remark = { line: number; column: number; text: string; message: string };

/** What a script may use; see `ReadOnlyRequest` in the host for each list. */
export type AllowList = {
  commands: string[];
  members: string[];
  types: string[];
  exact: string[];
  invokers: Record<string, string>;
  prefix: string;
};

/** Violations of an allow-list, and the entries of it that the script used. */
export type ReadOnlyAnswer = {
  violations: Remark[];
  commands: string[];
  members: string[];
  types: string[];
  exact: string[];
};

/** A script to run with stand-ins for the commands of Exchange and Windows. */
export type RunRequest = {
  path: string;
  parameters?: Record<string, string | number | boolean | string[]>;
  /** Functions in PowerShell; they win over commands of the same name, in every runspace the script opens too. */
  standIns: string;
  culture?: string;
  /** Without PATH here programs are not found, and not looked for. */
  environment?: Record<string, string>;
  /** Default: a minute, since the first run of a host compiles the engine. */
  timeLimitMs?: number;
};

/** What a run left behind. `calls` are the names of the commands that were looked up, in every runspace with stand-ins. */
export type RunAnswer = {
  output: string[];
  errors: string[];
  warnings: string[];
  verbose: string[];
  calls: string[];
  timedOut: boolean;
  elapsedMs: number;
};

/** The real PowerShell engine in one of the run's processes of it, alone or in a real pwsh. */
export class PowerShellHost {
  /** Whether scripts run in a real pwsh, which has the commands that the engine alone lacks. */
  readonly isPwsh: boolean;
  readonly name: string;
  readonly #command: Asked['command'];

  /** @param host its assembly; @param pwsh the program to load it into */
  constructor(host: string, pwsh?: string) {
    this.isPwsh = pwsh !== undefined;
    this.name = this.isPwsh ? 'a real pwsh' : 'the engine host';
    const main = `[System.Reflection.Assembly]::LoadFrom('${host.replaceAll("'", "''")}').EntryPoint.Invoke($null, $null)`;
    this.#command = pwsh === undefined ? ['dotnet', host] : [pwsh, '-NoProfile', '-NonInteractive', '-Command', main];
  }

  /** Every syntax error of the script. */
  parse(script: ScriptRequest): Promise<Remark[]> {
    return this.#ask('parse', script);
  }

  /** What the script does beyond the allow-list. */
  readOnly(script: ScriptRequest & AllowList): Promise<ReadOnlyAnswer> {
    return this.#ask('readonly', script);
  }

  /** What Windows PowerShell 5.1 would not understand. */
  compat51(script: ScriptRequest): Promise<Remark[]> {
    return this.#ask('compat51', script);
  }

  /** Runs the script with its stand-ins in a session of its own; one that outlasts its time limit is stopped. */
  async run({ standIns, ...request }: RunRequest): Promise<RunAnswer> {
    const modulePath = await writeStandIns([...(this.isPwsh ? [] : [imitations]), recorder, standIns].join('\n'));
    try {
      return await this.#ask('run', { ...request, modulePath });
    } finally {
      await rm(modulePath, { recursive: true, force: true });
    }
  }

  async #ask<T>(kind: string, request: object): Promise<T> {
    const asked: Asked = { command: this.#command, kind, request };
    const connection = connect(process.env.POWERSHELL_HOSTS ?? '').end(JSON.stringify(asked));
    const { answer, error } = (await json(connection)) as { answer?: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return answer as T;
  }
}

/**
 * The host, built once per state of its sources and kept; undefined, with a line on the
 * console, where dotnet is missing or its packages cannot be had.
 */
export async function openPowerShellHost(): Promise<PowerShellHost | undefined> {
  const program = await buildHost();
  return program === undefined ? undefined : new PowerShellHost(program);
}

/**
 * The host in a real pwsh, the one that PWSH names or else one from NuGet; where it cannot be had the engine host, with a
 * line on the console.
 */
export async function openPwsh(): Promise<PowerShellHost | undefined> {
  const program = await buildHost();
  if (program === undefined) return undefined;
  return new PowerShellHost(program, process.env.PWSH ?? (await installedPwsh()));
}

const pwshVersion = '7.6.9';

/** PowerShell as a .NET tool, installed once. */
async function installedPwsh(): Promise<string | undefined> {
  const installed = join(kept, `pwsh-${pwshVersion}`);
  const program = join(installed, 'pwsh');
  if (existsSync(program)) return program;
  const installing = await beginIn(kept);
  try {
    const asked = ['tool', 'install', 'PowerShell', '--version', pwshVersion, '--tool-path', installing];
    await exec('dotnet', asked, { env: dotnetEnvironment });
    // Another test worker may have been faster.
    await rename(installing, installed).catch((error: NodeJS.ErrnoException) => {
      if (!existsSync(program)) throw error;
    });
    return program;
  } catch (error) {
    const [why] = String((error as { stderr?: string }).stderr ?? error).split('\n');
    console.warn(`NOT RUN on a real pwsh: it cannot be had (${why}); the scripts ran on the engine host only.`);
    return undefined;
  } finally {
    await rm(installing, { recursive: true, force: true });
  }
}

/** A folder to build in, next to where what is complete will be: renaming works within a file system only. */
async function beginIn(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  return mkdtemp(join(folder, 'begun-'));
}

async function buildHost(): Promise<string | undefined> {
  const names = (await readdir(sources)).filter((name) => name.endsWith('.cs') || name.endsWith('.csproj')).sort();
  const digest = createHash('sha256');
  for (const name of names) digest.update(name).update(await readFile(join(sources, name)));
  const built = join(kept, `powershell-host-${digest.digest('hex').slice(0, 16)}`);
  const program = join(built, 'out', 'powershell-host.dll');
  if (existsSync(program)) return program;

  const building = await beginIn(kept);
  try {
    for (const name of names) await cp(join(sources, name), join(building, name));
    // No build server is left running behind the tests.
    const switches = ['-nodeReuse:false', '-p:UseSharedCompilation=false', '-v', 'quiet', '-o', join(building, 'out')];
    await exec('dotnet', ['build', join(building, 'host.csproj'), ...switches], { env: dotnetEnvironment });
    // Another test worker may have been faster; its build is as good as ours.
    await rename(building, built).catch((error: NodeJS.ErrnoException) => {
      if (!existsSync(program)) throw error;
    });
    return program;
  } catch (error) {
    const reason = unavailable(error);
    if (reason === undefined) throw error;
    console.warn(`NOT RUN: the PowerShell engine is not available: ${reason}`);
    return undefined;
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** Why the host cannot be had on this machine; undefined when the fault is its own. */
function unavailable(error: unknown): string | undefined {
  const { code, stdout = '' } = error as { code?: string | number; stdout?: string };
  if (code === 'ENOENT') return 'dotnet is not installed';
  const restore = /error (NU\d+|NETSDK\d+)\b/.exec(stdout);
  return restore ? `dotnet could not restore or target the host (${restore[1]})` : undefined;
}

// What a module of stand-ins brings into each runspace that loads it.
const recorder = [
  '$ExecutionContext.InvokeCommand.PreCommandLookupAction = [Fieldcheck.PowerShellHost.Recorder]::Lookup',
  '$ExecutionContext.InvokeCommand.PostCommandLookupAction = [Fieldcheck.PowerShellHost.Recorder]::Lookup',
].join('\n');
const imitations = 'Import-Module -Assembly ([Fieldcheck.PowerShellHost.Recorder].Assembly)';

async function writeStandIns(module: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldcheck-stand-ins-'));
  await mkdir(join(folder, 'StandIns'));
  await writeFile(join(folder, 'StandIns', 'StandIns.psm1'), module);
  return folder;
}
