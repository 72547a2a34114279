import type { Registry } from '../evaluations/registry.ts';
import { accessDoors } from './access.ts';
import type { Door } from './door.ts';
import { factDoors } from './facts.ts';
import { healthDoors } from './health.ts';
import { incidentDoors } from './incidents.ts';
import { interfaceDoors } from './interface.ts';
import { organizationDoors } from './organizations.ts';
import { pageDoors } from './pages.ts';
import { reportDoors } from './reports.ts';
import { runDoors } from './runs.ts';
import { signInDoors } from './sign-in.ts';
import { subjectDoors } from './subjects.ts';
import { transferDoors } from './transfer.ts';

export { answerOf } from './answer.ts';
export { forBrowser } from './headers.ts';

/** THE table of doors: those for every evaluation, and those that one of them alone has. */
export function doorsOf(evaluations: Registry): readonly Door[] {
  let described: Promise<object> | undefined;
  const describe = async () => {
    const { openApiDocument } = await import('./openapi.ts');
    return openApiDocument(doors, evaluations.all);
  };
  const doors: readonly Door[] = [
    ...organizationDoors(evaluations),
    ...factDoors,
    ...runDoors(evaluations),
    ...subjectDoors,
    ...incidentDoors,
    ...reportDoors,
    ...evaluations.all.flatMap((evaluation) => evaluation.doors ?? []),
    ...accessDoors,
    ...transferDoors,
    ...healthDoors,
    ...signInDoors,
    ...pageDoors(evaluations),
    // Loaded and made when asked for, which most instances never are; once, since anybody may ask.
    ...interfaceDoors(evaluations, () => {
      described ??= describe();
      return described;
    }),
  ];
  return doors;
}
