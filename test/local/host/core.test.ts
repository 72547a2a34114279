import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadFunctions, methodsOf, routeOf, triggerOf } from '../../../src/local/host/core.ts';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
const load = (entry: string) => loadFunctions(entry, fixtures);

describe('loading functions as the worker does', () => {
  it('returns every function with the bindings that Azure would see', async () => {
    const { functions, model } = await load('queues.ts');
    expect(model.name).toBe('@azure/functions');
    expect(functions.map((fn) => fn.name)).toEqual([
      'jobs',
      'failing',
      'recovering',
      'sending',
      'enqueue',
      'disabled',
      'crowded',
    ]);
    const sending = functions.find((fn) => fn.name === 'sending');
    expect(Object.values(sending?.bindings ?? {})).toMatchObject([
      { type: 'queueTrigger', direction: 'in', queueName: 'sending', connection: 'AzureWebJobsStorage' },
      { type: 'queue', direction: 'out', queueName: 'returned' },
      { type: 'queue', direction: 'out', queueName: '%EXTRA_QUEUE%' },
    ]);
  });

  it('keeps the hooks by their names', async () => {
    const { hooks } = await load('lifecycle.ts');
    expect(Object.entries(hooks).map(([name, callbacks]) => [name, callbacks.length])).toEqual([
      ['appStart', 1],
      ['appTerminate', 1],
      ['preInvocation', 2],
      ['postInvocation', 1],
    ]);
  });

  it('returns the same app when it is loaded again, because a module registers once', async () => {
    expect(await load('queues.ts')).toBe(await load('queues.ts'));
  });

  it('keeps apps apart that load at the same time', async () => {
    const [http, timers] = await Promise.all([load('http.ts'), load('timers.ts')]);
    expect(http.functions.every((fn) => triggerOf(fn).type === 'httpTrigger')).toBe(true);
    expect(timers.functions.every((fn) => triggerOf(fn).type === 'timerTrigger')).toBe(true);
  });

  it('knows the route and methods of an HTTP function, with and without options', async () => {
    const { functions } = await load('http.ts');
    const described = functions.map((fn) => `${methodsOf(fn).join(',')} ${routeOf(fn)}`);
    expect(described).toContain('PUT,DELETE things/{thing}');
    expect(described).toContain('GET,POST byName');
  });
});

describe('refusing what Azure refuses', () => {
  it.each([
    ['empty.ts', /refused\/empty\.ts registered 0 functions\. It must call app\.http/],
    ['throwing.ts', /refused\/throwing\.ts failed: no such setting\. In Azure this starts an app without any function/],
    ['admin-route.ts', 'Function "manage": route "admin/things" starts with "admin", which Azure keeps for itself.'],
    ['bad-name.ts', 'Function name "1st" is not accepted by Azure'],
    ['reserved-name.ts', 'Function name "host" is not accepted by Azure'],
    ['same-name.ts', 'Two functions are named "Twice".'],
    ['same-route.ts', 'Functions "first" and "second" both answer PUT "same/{id}".'],
  ])('%s', async (file, message) => {
    await expect(load(`refused/${file}`)).rejects.toThrow(message);
  });
});
