// A call of the command line in this process: what a started one would print and end with, without the second that it
// takes to start. That a started process does the same is the matter of the tests in `test/local` and `real-servers`.
import { Readable } from 'node:stream';
import { runShell } from '../../src/cli/index.ts';
import { evaluations } from '../../src/evaluations/index.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Call {
  /** All that is in its environment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where it is called. */
  readonly cwd?: string;
  /** What arrives on stdin. */
  readonly input?: string;
  /** Hears the lines on stderr that say how far it is, and keeps them: how many there are is a matter of the machine. */
  readonly progress?: (line: string) => void;
}

/** As a call says in a log how far it is. */
const progressLine = /^.*, \d+ s\n$/;

let last: Promise<unknown> = Promise.resolve();

/** One call after the other: what it prints, its settings and its folder are those of the process. */
export function fieldcheck(args: readonly string[], call: Call = {}): Promise<Ended> {
  const ended = last.then(() => callHere(args, call));
  last = ended.catch(() => {});
  return ended;
}

async function callHere(args: readonly string[], { settings = {}, cwd, input = '', progress }: Call): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const before = { env: process.env, cwd: process.cwd(), stdin: Object.getOwnPropertyDescriptor(process, 'stdin') };
  const writes = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const name of ['stdout', 'stderr'] as const)
    process[name].write = (text: string | Uint8Array) => {
      const isProgress = name === 'stderr' && progressLine.test(text.toString());
      if (!isProgress || progress !== undefined) said[name] += text.toString();
      if (isProgress) progress?.(text.toString());
      return true;
    };
  Object.defineProperty(process, 'stdin', {
    value: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    configurable: true,
  });
  process.env = { ...settings };
  if (cwd !== undefined) process.chdir(cwd);
  process.exitCode = undefined;
  try {
    await runShell(evaluations, [process.execPath, 'fieldcheck', ...args]);
    return { code: Number(process.exitCode ?? 0), ...said };
  } finally {
    process.exitCode = undefined;
    process.chdir(before.cwd);
    process.env = before.env;
    if (before.stdin !== undefined) Object.defineProperty(process, 'stdin', before.stdin);
    process.stdout.write = writes.stdout;
    process.stderr.write = writes.stderr;
  }
}
