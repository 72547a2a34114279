import { organizationDocumentOf } from '../domain/organization.ts';
import type { Registration } from './registration.ts';

/** The evaluations there are, by their ids. */
export interface Registry {
  /** In the order in which they are listed everywhere. */
  readonly all: readonly Registration[];
  readonly ids: readonly string[];
  find(id: string): Registration | undefined;
  /** @throws Error when there is no such evaluation, which is a fault of ours: ids are checked at every door */
  of(id: string): Registration;
  /** What an organization's document may hold: the parts of all evaluations. */
  readonly document: ReturnType<typeof organizationDocumentOf>;
}

export function createRegistry(all: readonly Registration[]): Registry {
  const find = (id: string) => all.find((evaluation) => evaluation.id === id);
  return {
    all,
    ids: all.map(({ id }) => id),
    find,
    of(id) {
      const found = find(id);
      if (found === undefined) throw new Error(`There is no evaluation ${id}.`);
      return found;
    },
    document: organizationDocumentOf(all),
  };
}
