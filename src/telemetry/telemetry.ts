// What is told of work that was done to those who collect traces and metrics.

/** A run or a slice of it that has ended. */
export interface Work {
  readonly runId: string;
  readonly organization: string;
  readonly evaluation: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly subjects: number;
  /** Did it do all that it was to do? */
  readonly complete: boolean;
}

/** Tells of work that was done. It never throws and never waits: who collects it may be away. */
export interface Telemetry {
  runEnded(work: Work): void;
  sliceEnded(work: Work & { readonly slice: number }): void;
  /** Hands over what it holds. */
  close(): Promise<void>;
}
