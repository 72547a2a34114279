// A small watch that was read as a whole: who starts its run and does it asks the storage nothing more about its subjects.
import type { SliceReader, Store, WholeWatch } from '../../store/store.ts';

/** What the start of a run asks about the subjects of a watch. */
export type KnownSubjects = Pick<Store, 'compareSubjects' | 'subjectsWithFacts'>;

/** What a store would answer. */
export function answersOf({ states, facts }: WholeWatch): KnownSubjects & SliceReader {
  const bySubject = new Map(states.map((state) => [state.value.run.subject, state]));
  return {
    async compareSubjects(_watch, subjects) {
      const wanted = new Set(subjects);
      return {
        missing: subjects.filter((subject) => !bySubject.has(subject)),
        others: [...bySubject.keys()].filter((subject) => !wanted.has(subject)),
      };
    },
    subjectsWithFacts: async () => [...new Set(facts.map(({ subject }) => subject))],
    async states(subjects) {
      const wanted = new Set(subjects);
      return new Map([...bySubject].filter(([subject]) => wanted.has(subject)));
    },
    async facts(subjects) {
      const wanted = new Set(subjects);
      return facts.filter(({ subject }) => wanted.has(subject));
    },
  };
}
