/** From what was found to a change that can be taken back, as the shell, reports and pages print it. Nothing is executed. */
export interface Runbook {
  readonly title: string;
  /** Of when it is and what was found, in sentences. */
  readonly intro: readonly string[];
  readonly chapters: readonly RunbookChapter[];
}

export interface RunbookChapter {
  readonly title: string;
  /** In the order in which they are done; to go back they are undone from the last to the first. */
  readonly steps: readonly RunbookStep[];
  /** What the items are, or why there are none. */
  readonly says?: string;
  readonly items: readonly string[];
}

/** One change: what is to be run, what was there before, and what takes it back. */
export interface RunbookStep {
  readonly what: string;
  readonly before: string;
  readonly run: string;
  readonly undo: string;
  /** What reads the lines; PowerShell when left out. */
  readonly language?: 'shell' | 'text' | undefined;
}
