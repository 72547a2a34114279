import type { AtDoors, Door } from './door.ts';
import { factDoors } from './facts.ts';
import { healthDoors } from './health.ts';
import { interfaceDoors } from './interface.ts';
import { organizationDoors } from './organizations.ts';
import { runDoors } from './runs.ts';
import { subjectDoors } from './subjects.ts';

export { answerOf } from './answer.ts';

/** THE table of doors: those for every evaluation, and those that one of these evaluations alone has. */
export function doorsOf(evaluations: readonly AtDoors[]): readonly Door[] {
  const doors: readonly Door[] = [
    ...organizationDoors,
    ...factDoors,
    ...runDoors,
    ...subjectDoors,
    ...evaluations.flatMap((evaluation) => evaluation.doors ?? []),
    ...healthDoors,
    // Loaded when asked for: most instances never are.
    ...interfaceDoors(async () => (await import('./openapi.ts')).openApiDocument(doors, evaluations)),
  ];
  return doors;
}
