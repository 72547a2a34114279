// What a cold start pays for loading code: the deployed bundle beside the unbundled source, every import in a fresh
// process.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { build, deployed } from '../../tools/build.ts';
import { runChild } from './child.ts';
import type { StartJob, StartResult } from './cold-start.ts';
import { figure, median, printGoal, printTable } from './report.ts';

/** What is deployed: every function registers itself from here. */
const entry = deployed.functions;

/** SDKs that are large and that only few runs need; whoever does not need them must not load them. */
const heavy = ['@azure/identity', '@azure/msal-node', '@azure/msal-browser', '@microsoft/microsoft-graph-client'];

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { runs: { type: 'string', default: '5' } } });
  const runs = Number(values.runs);
  // Below a folder of its own, so that nothing but what was bundled is found.
  const folder = await mkdtemp(join(tmpdir(), 'fieldcheck-cold-'));
  try {
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    console.log(
      `Import in a fresh process, Node ${process.versions.node}, medians of ${runs} runs, source and bundle in turn. Source: as it stands in the repository, types stripped on loading.\n`,
    );
    const outdir = join(folder, 'dist');
    const [first] = await build({ entry: deployed, outdir });
    const bundle = join(outdir, 'functions.js');
    const { source, bundled } = await importTimes(bundle, runs);
    const { files } = await start({ entry: bundle, settings: undefined });
    const heavyAtImport = heavyIn(await packagesOf(files));
    printTable([
      {
        'source ms': figure(source),
        'bundle ms': figure(bundled),
        'bundle ÷ source': figure(bundled / source),
        'entry file KB': figure((first?.bytes ?? 0) / 1024),
        'chunks loaded': figure(files.length),
        'heavy SDKs': namesOf(heavyAtImport),
      },
    ]);
    const started = await measureStarts(bundle, runs);
    console.log('\nGoals:');
    printGoal('import of the bundle ÷ source', bundled / source, '≤', 1 / 3);
    printGoal('start with the bundle ÷ source', started, '≤', 1 / 3);
    printGoal('heavy SDKs loaded on import', heavyAtImport.length, '≤', 0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Milliseconds, medians; source and bundle take turns, so that a busy moment of the machine meets both. */
async function importTimes(bundle: string, runs: number) {
  const times = { source: [] as number[], bundled: [] as number[] };
  for (let round = 0; round < runs; round++) {
    times.source.push(await importTime(entry));
    times.bundled.push(await importTime(bundle));
  }
  return { source: median(times.source), bundled: median(times.bundled) };
}

async function importTime(file: string): Promise<number> {
  const program = `const start = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)}); console.log('took', performance.now() - start); process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '--eval',
    program,
  ]);
  return Number(/took ([\d.]+)/.exec(stdout)?.[1]);
}

/** The app's start as the host waits for it: import and appStart hook, which is where the storage SDKs load. */
async function measureStarts(bundle: string, runs: number): Promise<number> {
  console.log('\nUntil the app has started (import and appStart hook), which the first invocation waits for:');
  const starts: readonly [string, Readonly<Record<string, string>>][] = [
    ['storage by connection string', { AzureWebJobsStorage: 'UseDevelopmentStorage=true' }],
    [
      'storage by managed identity',
      { AzureWebJobsStorage__accountName: 'contoso', AzureWebJobsStorage__credential: 'managedidentity' },
    ],
  ];
  const rows: Record<string, string>[] = [];
  const ratios: number[] = [];
  for (const [how, settings] of starts) {
    const times = { source: [] as number[], bundled: [] as number[] };
    let files: readonly string[] = [];
    for (let round = 0; round < runs; round++) {
      times.source.push((await start({ entry, settings })).milliseconds);
      const bundled = await start({ entry: bundle, settings });
      times.bundled.push(bundled.milliseconds);
      files = bundled.files;
    }
    const ratio = median(times.bundled) / median(times.source);
    ratios.push(ratio);
    rows.push({
      how,
      'source ms': figure(median(times.source)),
      'bundle ms': figure(median(times.bundled)),
      'bundle ÷ source': figure(ratio),
      'chunks loaded': figure(files.length),
      'heavy SDKs': namesOf(heavyIn(await packagesOf(files))),
    });
  }
  printTable(rows);
  return Math.max(...ratios);
}

function start(job: StartJob): Promise<StartResult> {
  return runChild<StartResult>('cold-start.ts', job);
}

/** The packages whose sources went into these files, by their source maps. */
async function packagesOf(files: readonly string[]): Promise<ReadonlySet<string>> {
  const packages = new Set<string>();
  for (const file of files) {
    const { sources } = JSON.parse(await readFile(`${file}.map`, 'utf8')) as { sources: string[] };
    for (const source of sources) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1];
      if (name !== undefined) packages.add(name);
    }
  }
  return packages;
}

function heavyIn(packages: ReadonlySet<string>): readonly string[] {
  return heavy.filter((name) => packages.has(name));
}

function namesOf(found: readonly string[]): string {
  return found.length === 0 ? 'none' : found.join(' ');
}
