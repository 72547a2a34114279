import type { Assumption } from '../../domain/assume.ts';
import type { Registration } from '../../evaluations/registration.ts';
import type { AssumedWorld } from '../../sources/supplied/format.ts';
import { decodeText } from '../../sources/supplied/powershell-json.ts';
import type { World } from '../../sources/world.ts';
import { readSupplied, type SuppliedFile, type Supply } from './read.ts';

/** What files say is to be taken as so. Never stored, never in monitoring. */
export interface Assumed {
  readonly supply: Supply;
  readonly world: AssumedWorld | undefined;
  readonly notes: readonly string[];
}

/**
 * Reads files of what is assumed: facts as `--facts` reads them, and what else the evaluation takes.
 *
 * @throws InvalidDocument naming file, place and fault
 */
export function readAssumed(evaluation: Registration, files: readonly SuppliedFile[]): Assumed {
  const { assumable } = evaluation;
  const texts = files.map((file) => ({ file, text: decodeText(file.content) }));
  const [ofWorld, ofFacts] = [true, false].map((wanted) =>
    texts.filter(({ text }) => (assumable?.recognises(text) ?? false) === wanted),
  ) as [typeof texts, typeof texts];
  const supply = readSupplied(
    evaluation,
    ofFacts.map(({ file }) => file),
  );
  const world =
    ofWorld.length === 0 ? undefined : assumable?.read(ofWorld.map(({ file: { name }, text }) => ({ name, text })));
  return { supply, world, notes: [...(supply.notes ?? []), ...(world?.notes ?? [])] };
}

/** The same as the engine takes it. */
export function assumptionIn(evaluation: Registration, { supply, world }: Assumed, real: World): Assumption {
  return {
    factsFor: supply.factsFor,
    world: world && { facts: world.facts, sources: evaluation.bind(world.within(real)) },
  };
}
