import type { z } from 'zod';
import type { Evaluation } from '../domain/evaluation.ts';
import type { FactSet } from '../domain/fact-set.ts';
import type { Answer, Run } from '../domain/finding.ts';
import type { Runbook } from '../domain/runbook.ts';
import type { Sources } from '../domain/source.ts';
import type { Subject } from '../domain/subject.ts';
import type { Door } from '../doors/door.ts';
import type { AssumableFormat, SuppliedFormat } from '../sources/supplied/format.ts';
import type { World } from '../sources/world.ts';
import type { EvaluationInShell } from './in-shell.ts';
import type { Look } from './looking.ts';

/** Everything the product knows of an evaluation. */
export interface Registration extends Evaluation {
  /** Binds every fact to the one source that knows how to gather it. */
  readonly bind: (world: World) => Sources;
  /** The files that it reads besides saved facts. */
  readonly files: readonly SuppliedFormat[];
  /** Files that say what is assumed, besides those of facts. */
  readonly assumable?: AssumableFormat;
  /** What it may ask of a tenant: ids of grants in `infra/access/grants.json`. */
  readonly grants: readonly string[];
  /** How a request names subjects by no more than their ids, where that is enough to look at them. */
  readonly named?: {
    /** The property of the request, e.g. `domains`. */
    readonly key: string;
    readonly body: z.ZodType;
    /** @throws InvalidDocument */
    subjectsOf(body: unknown): readonly Subject[];
  };
  /** What looking at a subject starts, besides itself. */
  readonly starts?: (subject: Subject) => readonly Started[];
  /** Accepting what is supplied about a subject as right, so that drift is a finding. */
  readonly baseline?: {
    /** @returns facts to keep, and what to tell; undefined when nothing is known that could be accepted */
    of(
      subject: Subject,
      supplied: FactSet,
      accepted: { readonly at: string; readonly by: string | undefined },
    ): { readonly facts: FactSet; readonly accepted: AcceptedBaseline } | undefined;
    /** What to supply first, of a subject of which nothing is known. */
    nothing(subject: Subject): string;
  };
  /** From what was found to a change that can be taken back. */
  readonly runbook?: {
    /**
     * @param facts as they are, whatever is assumed
     * @param run of these
     * @param planned with what is assumed
     * @returns undefined of a subject that has nothing to change to
     */
    of(subject: Subject, facts: FactSet, run: Run, planned?: Run): ToldRunbook | undefined;
    /** Why there is none of a subject. */
    nothing(subject: Subject): string;
  };
  /** What it explains of what somebody hands in. */
  readonly look?: Look;
  /** What it adds to `evaluate` in a shell. */
  readonly inShell?: EvaluationInShell;
  /** Doors that it alone has. */
  readonly doors?: readonly Door[];
}

/** A runbook as data, and as people read it. */
export interface ToldRunbook {
  readonly json: unknown;
  readonly arranged: Runbook;
  /** Is what it leads to so already, or as planned? */
  readonly answer: Answer;
}

/** Something that a request starts, and how much of it one may start. */
export interface Started {
  /** In the plural: `selectors`. */
  readonly what: string;
  readonly count: number;
  /** For one subject, and for all of a request. */
  readonly mostOfOne?: number;
  readonly mostInAll?: number;
}

/** What a baseline says of which parts. Times are ISO 8601, UTC. */
export interface AcceptedBaseline {
  /** Id of the subject. */
  readonly subject: string;
  readonly acceptedAt: string;
  readonly by?: string;
  /** When the oldest of what is accepted was collected. */
  readonly collectedAt?: string;
  /** Nodes whose settings were accepted, and those without facts, which the baseline says nothing about. */
  readonly nodes: readonly string[];
  readonly missing: readonly string[];
}
