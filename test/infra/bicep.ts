import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
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

/** The Bicep compiler, run as a program. Paths are absolute or relative to the repository. */
export interface Bicep {
  /** Warnings and errors of the linter, one line each; empty is clean. */
  lint(file: string): string[];
  /** The compiled template, with the warnings and errors of the compiler. */
  build(file: string): { template: Template; diagnostics: string[] };
  /** The Bicep files of a folder that are not formatted as the compiler formats. */
  unformatted(folder: string): string[];
  /** What a deployment of `file` with these parameters would create, without asking Azure. Throws the compiler's words. */
  snapshot(file: string, parameters: Record<string, unknown>): Resource[];
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
  const run = (...args: string[]) => {
    const done = spawnSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    if (done.error) throw done.error;
    return { status: done.status, output: done.stdout, diagnostics: done.stderr.split('\n').filter(Boolean) };
  };
  return {
    lint: (file) => run('lint', file).diagnostics,
    build(file) {
      const { status, output, diagnostics } = run('build', '--stdout', file);
      if (status !== 0) throw new Error(diagnostics.join('\n'));
      return { template: JSON.parse(output) as Template, diagnostics };
    },
    unformatted(folder) {
      const copy = mkdtempSync(join(tmpdir(), 'fieldcheck-bicep-'));
      try {
        cpSync(join(root, folder), copy, { recursive: true });
        spawnSync(program, ['format', '--pattern', '**/*.bicep'], { cwd: copy });
        return readdirSync(copy, { recursive: true, encoding: 'utf8' })
          .filter((file) => file.endsWith('.bicep'))
          .filter((file) => readFileSync(join(copy, file), 'utf8') !== readFileSync(join(root, folder, file), 'utf8'));
      } finally {
        rmSync(copy, { recursive: true, force: true });
      }
    },
    snapshot(file, parameters) {
      const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-bicep-'));
      try {
        // The compiler takes a relative path to the template and nothing else.
        const template = relative(folder, join(root, file)).replaceAll('\\', '/');
        const lines = Object.entries(parameters).map(([name, value]) => `param ${name} = ${literal(value)}`);
        writeFileSync(join(folder, 'main.bicepparam'), [`using '${template}'`, ...lines, ''].join('\n'));
        const { status, diagnostics } = run(
          ...['snapshot', join(folder, 'main.bicepparam'), '--mode', 'overwrite'],
          ...['--subscription-id', '11111111-2222-3333-4444-555555555555'],
          ...['--tenant-id', '66666666-7777-8888-9999-000000000000', '--location', 'westeurope'],
        );
        if (status !== 0) throw new Error(diagnostics.join('\n'));
        const snapshot = JSON.parse(readFileSync(join(folder, 'main.snapshot.json'), 'utf8'));
        return snapshot.predictedResources as Resource[];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : String(value);
}
