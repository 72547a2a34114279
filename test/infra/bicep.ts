import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiler that the tests are written against; it is the one that CI has to have, not the newest. */
export const BICEP_VERSION = '0.49.2';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A resource of a compiled template or of a snapshot. In a snapshot the expressions that can be are evaluated. */
export interface Resource {
  id?: string;
  type: string;
  name: string;
  apiVersion?: string;
  condition?: string;
  location?: string;
  kind?: string;
  tags?: Record<string, string>;
  sku?: Record<string, string>;
  identity?: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: each resource type has its own properties, and a test names the ones it means.
  properties?: any;
}

/** An ARM template as `bicep build` writes it. */
export interface Template {
  parameters: Record<string, { type: string; defaultValue?: unknown; metadata?: { description?: string } }>;
  outputs: Record<string, { type: string; value: unknown }>;
  resources: Resource[] | Record<string, Resource>;
}

/** The Bicep compiler, one process that is asked until it is closed. Paths are absolute or relative to the repository. */
export interface Bicep {
  /** The compiled template, with the warnings and errors of compiler and linter. Throws them when there is no template. */
  build(file: string): Promise<{ template: Template; diagnostics: string[] }>;
  /** The Bicep files of a folder that are not formatted as the compiler formats. */
  unformatted(folder: string): Promise<string[]>;
  /** What a deployment of `file` with these parameters would create, without asking Azure. Throws the compiler's words. */
  snapshot(file: string, parameters: Record<string, unknown>): Promise<Resource[]>;
  close(): Promise<void>;
}

/**
 * Finds the Bicep compiler, restoring it from NuGet into `node_modules/.cache` the first time (120 MB).
 * Gives a sentence instead where it cannot be had: no dotnet, no package for this machine, no way to NuGet.
 */
export function findBicep(): Bicep | string {
  const os = { linux: 'linux', darwin: 'osx', win32: 'win' }[process.platform as string];
  if (!os) return `there is no Bicep compiler for ${process.platform}`;
  const name = `Azure.Bicep.CommandLine.${os}-${process.arch}`;
  const folder = join(root, 'node_modules', '.cache', 'bicep');
  const program = join(
    folder,
    'packages',
    name.toLowerCase(),
    BICEP_VERSION,
    'tools',
    os === 'win' ? 'bicep.exe' : 'bicep',
  );
  if (!existsSync(program)) {
    const restored = restore(name, folder);
    if (restored !== 'restored') return restored;
    chmodSync(program, 0o755);
  }
  return compilerAt(program);
}

function restore(name: string, folder: string): 'restored' | string {
  mkdirSync(folder, { recursive: true });
  // ExcludeAssets: only the files of the package are wanted, nothing is compiled against it.
  writeFileSync(
    join(folder, 'restore.csproj'),
    `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>netstandard2.0</TargetFramework>
    <DisableImplicitFrameworkReferences>true</DisableImplicitFrameworkReferences>
    <AutomaticallyUseReferenceAssemblyPackages>false</AutomaticallyUseReferenceAssemblyPackages>
    <RestorePackagesPath>packages</RestorePackagesPath>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="${name}" Version="[${BICEP_VERSION}]" ExcludeAssets="all" />
  </ItemGroup>
</Project>
`,
  );
  const run = spawnSync('dotnet', ['restore', '--verbosity', 'quiet'], {
    cwd: folder,
    encoding: 'utf8',
    // No build server is left running behind the tests.
    env: { ...process.env, MSBUILDDISABLENODEREUSE: '1', DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' },
  });
  if (run.error)
    return `dotnet cannot be run (${run.error.message}), and it is what gets the Bicep compiler from NuGet`;
  if (run.status !== 0) return `"dotnet restore" of ${name} ${BICEP_VERSION} failed: ${run.stdout.trim()}`;
  return 'restored';
}

function compilerAt(program: string): Bicep {
  const { ask, close } = jsonRpc(program, ['jsonrpc', '--stdio']);
  return {
    async build(file) {
      const { success, diagnostics, contents } = await ask<Compiled>('bicep/compile', { path: resolve(root, file) });
      const said = diagnostics.map(({ source, range: { start }, level, code, message }) =>
        [`${source}(${start.line + 1},${start.char + 1})`, `${level} ${code}`, message].join(': '),
      );
      if (!success) throw new Error(said.join('\n'));
      return { template: JSON.parse(contents) as Template, diagnostics: said };
    },
    async unformatted(folder) {
      const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.bicep'))
        .map((file) => join(folder, file));
      const formatted = await Promise.all(
        files.map((file) => ask<{ contents: string }>('bicep/format', { path: resolve(root, file) })),
      );
      return files.filter((file, index) => readFileSync(join(root, file), 'utf8') !== formatted[index]?.contents);
    },
    async snapshot(file, parameters) {
      const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-bicep-'));
      try {
        // The compiler takes a relative path to the template and nothing else.
        const template = relative(folder, join(root, file)).replaceAll('\\', '/');
        const lines = Object.entries(parameters).map(([name, value]) => `param ${name} = ${literal(value)}`);
        const path = join(folder, 'main.bicepparam');
        writeFileSync(path, [`using '${template}'`, ...lines, ''].join('\n'));
        const { snapshot } = await ask<{ snapshot: string }>('bicep/getSnapshot', {
          path,
          metadata: {
            subscriptionId: '11111111-2222-3333-4444-555555555555',
            tenantId: '66666666-7777-8888-9999-000000000000',
            location: 'westeurope',
          },
        });
        return JSON.parse(snapshot).predictedResources as Resource[];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    close,
  };
}

interface Compiled {
  success: boolean;
  diagnostics: {
    source: string;
    range: { start: { line: number; char: number } };
    level: string;
    code: string;
    message: string;
  }[];
  contents: string;
}

/** A program that is asked over its standard input and output by JSON-RPC, each message behind a header with its length. */
function jsonRpc(program: string, args: string[]) {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
    // What runs once or twice is compiled once, plainly.
    env: { ...process.env, DOTNET_TieredPGO: '0' },
  });
  const ended = once(child, 'exit');
  const waiting = new Map<number, (answer: Answer) => void>();
  let read = Buffer.alloc(0);
  child.stdout.on('data', (piece: Buffer) => {
    read = Buffer.concat([read, piece]);
    for (;;) {
      const head = read.indexOf('\r\n\r\n');
      const start = head + 4;
      const end = start + Number(/Content-Length: (\d+)/i.exec(read.toString('utf8', 0, head))?.[1]);
      if (head < 0 || read.length < end) return;
      const answer = JSON.parse(read.toString('utf8', start, end)) as Answer;
      read = read.subarray(end);
      waiting.get(answer.id)?.(answer);
    }
  });
  let id = 0;
  return {
    async ask<T>(method: string, params: object): Promise<T> {
      id += 1;
      const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
      child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
      const answer = await Promise.race([
        answered,
        ended.then(([code]) => Promise.reject(new Error(`the Bicep compiler ended with code ${code}`))),
      ]);
      if (answer.error) throw new Error(answer.error.message);
      return answer.result as T;
    },
    async close(): Promise<void> {
      child.stdin.end();
      await ended;
    },
  };
}

interface Answer {
  id: number;
  result?: unknown;
  error?: { message: string };
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : String(value);
}
