import type { Table, Tables } from '../../src/store/tables.ts';

/** Tables of which every request is seen before it is made, and after: both may fail in its place. */
export function watched(tables: Tables, before: () => void, after: () => void = () => {}): Tables {
  const seen = (table: Table): Table => {
    const asking =
      <Given extends unknown[], Result>(ask: (...given: Given) => Promise<Result>) =>
      async (...given: Given) => {
        before();
        const result = await ask(...given);
        after();
        return result;
      };
    return { open: table.open, get: asking(table.get), range: asking(table.range), write: asking(table.write) };
  };
  const { organizations, evaluations, facts } = tables;
  return {
    ...tables,
    organizations: seen(organizations),
    evaluations: seen(evaluations),
    facts: seen(facts),
  };
}

/** Tables that note what is written to them, and write all of it into others, which makes those the same to the last ETag. */
export function noted(tables: Tables): {
  readonly tables: Tables;
  readonly writeInto: (others: Tables) => Promise<void>;
} {
  const written: ((others: Tables) => Promise<unknown>)[] = [];
  const noting = (name: Exclude<keyof Tables, 'ping'>): Table => ({
    ...tables[name],
    write: (...given) => {
      written.push((others) => others[name].write(...given));
      return tables[name].write(...given);
    },
  });
  return {
    tables: {
      organizations: noting('organizations'),
      evaluations: noting('evaluations'),
      facts: noting('facts'),
      access: noting('access'),
      audit: noting('audit'),
      ping: tables.ping,
    },
    async writeInto(others) {
      for (const again of written) await again(others);
    },
  };
}
