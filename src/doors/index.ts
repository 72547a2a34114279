import type { Registry } from '../evaluations/registry.ts';
import type { Door } from './door.ts';
import { factDoors } from './facts.ts';
import { healthDoors } from './health.ts';
import { incidentDoors } from './incidents.ts';
import { interfaceDoors } from './interface.ts';
import { organizationDoors } from './organizations.ts';
import { runDoors } from './runs.ts';
import { subjectDoors } from './subjects.ts';

export { answerOf } from './answer.ts';
export { forBrowser } from './headers.ts';

/** THE table of doors: those for every evaluation, and those that one of them alone has. */
export function doorsOf(evaluations: Registry): readonly Door[] {
  const doors: readonly Door[] = [
    ...organizationDoors(evaluations),
    ...factDoors,
    ...runDoors(evaluations),
    ...subjectDoors,
    ...incidentDoors,
    ...evaluations.all.flatMap((evaluation) => evaluation.doors ?? []),
    ...healthDoors,
    // Loaded when asked for: most instances never are.
    ...interfaceDoors(evaluations, async () => (await import('./openapi.ts')).openApiDocument(doors, evaluations.all)),
  ];
  return doors;
}
