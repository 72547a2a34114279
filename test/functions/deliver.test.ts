import { expect, test } from 'vitest';
import { superviseAndDeliver } from '../../functions/deliver.ts';

const watch = { organization: 'contoso', evaluation: 'dkim' };

/** An app that notes what it was asked, and throws where told to. */
function appThat(throws: Partial<Record<'superviseRuns' | 'deliver', Error>>) {
  const asked: unknown[] = [];
  const method = (name: 'superviseRuns' | 'deliver') => async (only?: object) => {
    asked.push([name, only]);
    if (throws[name] !== undefined) throw throws[name];
  };
  const deliver = method('deliver');
  return {
    asked,
    app: { superviseRuns: method('superviseRuns'), deliver: (only?: object) => deliver(only).then(() => []) },
  };
}

const away = new Error('the storage is away');
const damaged = new Error('a row is damaged');

test.each([
  ['nothing went wrong', {}, undefined],
  ['runs could not be looked after', { superviseRuns: damaged }, damaged],
  ['notices could not be delivered', { deliver: away }, away],
  [
    'neither could be done',
    { superviseRuns: damaged, deliver: away },
    new AggregateError([damaged, away], 'Error: a row is damaged; Error: the storage is away'),
  ],
])(
  'runs are looked after first and notices delivered then, whatever becomes of the first: %s',
  async (_, throws, fault) => {
    const { app, asked } = appThat(throws);
    expect(await superviseAndDeliver(app, watch).catch((error: unknown) => error)).toEqual(fault);
    expect(asked).toEqual([
      ['superviseRuns', watch],
      ['deliver', watch],
    ]);
  },
);
