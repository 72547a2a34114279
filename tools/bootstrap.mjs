// The one file that runs before anything is installed: any Node from 20 up, no dependencies, no TypeScript.
// It installs what the lock file names when that is missing or older than the lock file, then runs the task
// on the Node that the project brings along (node_modules/node), so that everybody runs the same one.
// What only tests and tools need is left out until the first task that needs it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tasks = {
  start: ['src/local/start.ts'],
  cli: ['src/local/cli.ts'],
  // Before what npm itself runs: only completes an installation.
  complete: [],
  test: [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    '--outputFile.json=.fieldcheck/test-report.json',
  ],
  bench: ['test/bench/main.ts'],
  tenant: ['test/tenant/live.ts'],
};

const [task = '', ...args] = process.argv.slice(2);
if (!(task in tasks)) {
  console.error(`bootstrap: no task '${task}'. Known tasks: ${Object.keys(tasks).join(', ')}.`);
  process.exit(3);
}

install();
const [program, ...fixed] = tasks[task];
if (program === undefined) process.exit(0);
const node = projectNode();
const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, program), ...fixed, ...args], {
  stdio: 'inherit',
  cwd: task === 'cli' ? process.cwd() : root,
  env: {
    // Half of what a start takes is compiling: the second one, of the embedded storage too, finds it done.
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node-compile'),
    // Of glibc: gives large buffers back. Without it, it keeps their room once one as large as a body was freed.
    MALLOC_MMAP_THRESHOLD_: '1000000',
    ...process.env,
  },
});
// This process only has to outlive the task. A terminal's Ctrl-C reaches both; tasks take a second one calmly.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`bootstrap: cannot run ${node}: ${error.message}. Delete node_modules and try again.`);
  process.exit(3);
});
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 3)));

function install() {
  // npm writes this file when an installation is complete; it is older than the lock file after a pull that changed it.
  const complete = join(root, 'node_modules', '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  const isThere = existsSync(complete);
  const isCurrent = isThere && statSync(complete).mtimeMs >= statSync(lock).mtimeMs;
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const forDevelopment = Object.keys(devDependencies).map((name) => existsSync(join(root, 'node_modules', name)));
  if (task === 'start' || task === 'cli') {
    // Who develops here keeps what development needs.
    if (!isCurrent) npm('ci', ...(forDevelopment.includes(true) ? [] : ['--omit=dev']));
  } else if (!isThere || (task !== 'complete' && !isCurrent)) npm('ci');
  // Adds to what is there, from which something may be running.
  else if (forDevelopment.includes(false)) npm('install', '--no-save');
}

function npm(...args) {
  console.error('fieldcheck: installing dependencies (once, about half a minute) …');
  // npm tells its scripts where it lives; without it (plain `node bootstrap.mjs`) the one on PATH has to do.
  const own = process.env.npm_execpath;
  const command = own?.endsWith('.js') ? [process.execPath, own] : ['npm'];
  const done = spawnSync(command[0], [...command.slice(1), ...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 'inherit'],
    shell: command.length === 1 && process.platform === 'win32',
  });
  if (done.status !== 0) {
    console.error(
      `fieldcheck: "npm ${args.join(' ')}" failed; its message stands above. The npm registry must be reachable the first time.`,
    );
    process.exit(3);
  }
}

function projectNode() {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(own)) return own;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  console.error(
    `fieldcheck: Node ${process.versions.node} cannot run TypeScript sources and node_modules/node is missing. Run "npm ci" without --ignore-scripts, or use Node 24.`,
  );
  process.exit(3);
}
