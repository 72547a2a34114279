import { styleText } from 'node:util';

// What a call that takes its time says meanwhile on stderr: on a terminal one line that is written over, from the first
// second on; in a log a line now and then. What is printed comes after it.

const refreshMs = 1_000;
/** In a log: the first line after so many seconds, and then one every so many. */
const log = { first: 3, every: 10 };

interface Started {
  readonly at: number;
  readonly timer: NodeJS.Timeout;
  text: string;
  /** On a terminal: its line stands there. */
  shown: boolean;
  /** In a log: seconds after which the next line comes. */
  next: number;
}

let started: Started | undefined;

/** Begins to say how far it is. @param text what is done meanwhile, e.g. `doctor` */
export function startProgress(text: string): void {
  endProgress();
  started = { at: Date.now(), timer: setInterval(show, refreshMs), text, shown: false, next: log.first };
  // Nothing waits for it.
  started.timer.unref();
}

/** How far it is: said with the next line. */
export function progress(text: string): void {
  if (started !== undefined) started.text = text;
}

/** Ends it, and takes its line from the terminal. */
export function endProgress(): void {
  if (started === undefined) return;
  clearInterval(started.timer);
  clear();
  started = undefined;
}

/** Prints to stdout; progress ends with it. @returns false when the caller has to wait until what is printed is taken */
export function say(text: string | Uint8Array): boolean {
  endProgress();
  return process.stdout.write(text);
}

/** A line on stderr that stays. */
export function note(text: string): void {
  clear();
  process.stderr.write(`${text}\n`);
}

function show(): void {
  if (started === undefined) return;
  const seconds = Math.round((Date.now() - started.at) / 1_000);
  const line = `${started.text}, ${seconds} s`;
  if (process.stderr.isTTY) {
    process.stderr.write(`\r${line}\u001b[K`);
    started.shown = true;
  } else if (seconds >= started.next) {
    // A busy machine leaves a second out; the line comes with the next one.
    process.stderr.write(`${line}\n`);
    started.next = (Math.floor(seconds / log.every) + 1) * log.every;
  }
}

function clear(): void {
  if (started?.shown !== true) return;
  process.stderr.write('\r\u001b[K');
  started.shown = false;
}

const colours = { no: 'red', undetermined: 'yellow', yes: 'green', quiet: 'dim', bold: 'bold' } as const;

/**
 * How a report is to look where it is read: as wide as the terminal, and in colours where that shows them (`NO_COLOR` and
 * `FORCE_COLOR` are respected by Node).
 *
 * @param isPrinted does it go to stdout, and not to a file?
 */
export function terminalLook(isPrinted: boolean, verbose: boolean | undefined) {
  if (!isPrinted) return { verbose };
  return {
    verbose,
    width: process.stdout.isTTY ? process.stdout.columns : undefined,
    colour: (tone: keyof typeof colours, text: string) => styleText(colours[tone], text, { stream: process.stdout }),
  };
}
