import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { leftoversOf, programsOf, refusalsOf, withTableOfRooms } from '../../tools/check-imports.ts';
import { rooms } from '../../tools/rooms.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What one file is refused for. */
const refused = (path: string, text: string) => refusalsOf([{ path, text }]);

describe('the repository', () => {
  test('keeps to its map', () => {
    expect(refusalsOf(programsOf(root))).toEqual([]);
    expect(leftoversOf((path) => existsSync(join(root, path)))).toEqual([]);
  });

  test('is looked at in every room that holds programs', () => {
    const files = programsOf(root).map(({ path }) => path);
    const silent = Object.keys(rooms).filter(
      (room) => !files.some((path) => path.startsWith(room.split('*')[0] ?? room)),
    );
    expect(silent).toEqual(['src/collectors/', 'package.json', 'infra/']);
  });

  test('prints its map into src/README.md', () => {
    const page = readFileSync(join(root, 'src/README.md'), 'utf8');
    expect(withTableOfRooms(page)).toBe(page);
    expect(withTableOfRooms('# The map\n\n| room | x |\n| --- | --- |\n\nend\n')).toContain(
      page.split('\n').find((line) => line.startsWith('| `sources/`')) ?? 'no row',
    );
    expect(() => withTableOfRooms('# The map\n')).toThrow('src/README.md has no table of rooms');
  });
});

const planted: readonly (readonly [file: string, specifier: string, refusal: string])[] = [
  [
    'src/telemetry/opentelemetry.ts',
    '../store/store.ts',
    'src/telemetry/ may not import src/store/: It is told what was done, and knows nothing of how.',
  ],
  [
    'src/domain/judge.ts',
    '../sources/dns/names.ts',
    'src/domain/ may not import src/sources/: domain and facts are the words of the product: pure, and of nothing but themselves, so that anything can be judged anywhere, also years later.',
  ],
  [
    'src/facts/mail-domain/selector.ts',
    'node:dns',
    'src/facts/ may not import node:dns: domain and facts are the words of the product: pure, and of nothing but themselves, so that anything can be judged anywhere, also years later.',
  ],
  [
    'src/evaluations/index.ts',
    './dkim/evaluation.ts',
    'src/evaluations/index.ts may not import src/evaluations/dkim/: The list names the evaluations and knows nothing of them.',
  ],
  [
    'src/evaluations/registry.ts',
    './dkim/index.ts',
    'src/evaluations/ may not import src/evaluations/dkim/index.ts: Whatever is registered is handed in: the shape of a registration knows no evaluation and no use of it.',
  ],
  [
    'src/evaluations/dkim/index.ts',
    '../../sources/bindings/smtp-source-ip/sources.ts',
    'src/evaluations/dkim/index.ts may not import src/sources/bindings/smtp-source-ip/: An evaluation registers its own parts and those of no other.',
  ],
  [
    'src/evaluations/dkim/doors.ts',
    '../../store/store.ts',
    'src/evaluations/dkim/doors.ts may not import src/store/: Doors are data; what they do they ask of the App.',
  ],
  [
    'src/evaluations/dkim/in-shell.ts',
    '../../app/index.ts',
    'src/evaluations/dkim/in-shell.ts may not import src/app/index.ts: What an evaluation adds to a shell is data and calls of its sources, its own bindings included; the shell does the rest.',
  ],
  [
    'src/evaluations/dkim/selectors.ts',
    '../../sources/dns/resolver.ts',
    'src/evaluations/dkim/ may not import src/sources/: An evaluation is pure: it imports domain, facts and its own rules, and no other evaluation. What it needs to know is a fact, and a source gathers it.',
  ],
  [
    'src/evaluations/dkim/rules/signing-enabled.ts',
    '../../smtp-source-ip/service.ts',
    'src/evaluations/dkim/rules/ may not import src/evaluations/smtp-source-ip/: Rules are pure: domain, facts and what the rules of one evaluation share. What a rule needs to know is a fact, and a source gathers it.',
  ],
  [
    'src/sources/bindings/dkim/sources.ts',
    '../smtp-source-ip/sources.ts',
    'src/sources/bindings/dkim/ may not import src/sources/bindings/smtp-source-ip/: A binding knows facts and the worlds that they come from, of one evaluation only.',
  ],
  [
    'src/http/client.ts',
    '../sources/world.ts',
    'src/http/ may not import src/sources/: http speaks HTTP for everybody, so it knows nobody: only domain, Node, undici and ipaddr.js.',
  ],
  [
    'src/sources/dns/names.ts',
    '../../app/log.ts',
    'src/sources/ may not import src/app/: A source knows one outside world: domain, facts, http and its own SDK, nothing of the other rooms.',
  ],
  [
    'src/sources/dns/doh.ts',
    'undici',
    'src/sources/ may not import the package undici: A source knows one outside world: domain, facts, http and its own SDK, nothing of the other rooms.',
  ],
  [
    'src/collectors/read.ts',
    'zod',
    'src/collectors/ may not import the package zod: A collector is one file that an administrator copies to a server: nothing of the product is there.',
  ],
  [
    'src/store/rows.ts',
    '../facts/index.ts',
    'src/store/ may not import src/facts/: The store knows domain and its own SDK, nothing of the other rooms.',
  ],
  [
    'src/queue/queue.ts',
    '@azure/data-tables',
    'src/queue/ may not import the package @azure/data-tables: A queue knows domain, its own SDK and how the store says that storage is away, nothing of the other rooms.',
  ],
  [
    'src/notifiers/post.ts',
    '../store/store.ts',
    "src/notifiers/ may not import src/store/: A notifier turns a notice into one channel's message: domain, http and its own SDK, nothing of the other rooms.",
  ],
  [
    'src/reports/text.ts',
    'node:fs',
    'src/reports/ may not import node:fs: Reports turn runs into something a person keeps: they import only domain.',
  ],
  [
    'src/pages/overview.ts',
    '../store/store.ts',
    'src/pages/ may not import src/store/: A page is made of what the App hands it: it asks nobody, so that it can be made from anything.',
  ],
  [
    'src/app/runs.ts',
    '../local/azurite.ts',
    'src/app/ may not import src/local/: A use of the product knows its ports and no door: HTTP, timer, CLI and the local runtime, which is never deployed, call it.',
  ],
  [
    'src/app/reading/serve.ts',
    '../../store/store.ts',
    'src/app/reading/serve.ts may not import src/store/: It is one more way in, for the thread that reads: everything that is read it leaves to the desk.',
  ],
  [
    'src/app/index.ts',
    '../local/start.ts',
    'src/app/index.ts may not import src/local/: The App composes the rooms and knows no door; the local runtime is never deployed, so nothing deployed needs it.',
  ],
  [
    'src/config.ts',
    'node:fs',
    'src/config.ts may not import node:fs: The configuration is read before anything else is there: it imports only the words.',
  ],
  [
    'src/doors/runs.ts',
    '../evaluations/index.ts',
    'src/doors/ may not import src/evaluations/index.ts: A door decodes, calls one method of the App and encodes: it imports the App and schemas. Evaluations are handed to it.',
  ],
  [
    'src/cli/history.ts',
    '../store/memory-store.ts',
    'src/cli/ may not import src/store/: The shell is one more door of the same App: it imports only the App, its words and what is registered.',
  ],
  [
    'functions/register.ts',
    '../src/app/runs/start.ts',
    'functions/ may not import src/app/: The functions are registrations: HTTP ones come from the table of doors, the others call one method of the App.',
  ],
  [
    'src/local/start.ts',
    '../sources/world.ts',
    'src/local/ may not import src/sources/: The local runtime calls the doors, reads the storage that it embeds, and plays Azure around them: what happens behind the App is not its own.',
  ],
  [
    'tools/bootstrap.mjs',
    'zod',
    'tools/bootstrap.mjs may not import the package zod: The bootstrap runs before anything is installed.',
  ],
  [
    'tools/build.ts',
    '../src/config.ts',
    'tools/ may not import src/config.ts: Tools look at the product from outside: they read its files and import none.',
  ],
  [
    'infra/costs.ts',
    '../src/config.ts',
    'infra/ may not import src/config.ts: Infrastructure is data and scripts of its own: nothing of the product is there when they run.',
  ],
];

describe('an import that no row allows', () => {
  test.each(planted)('in %s of %s is refused, with the reason', (file, specifier, refusal) => {
    expect(refused(file, `import '${specifier}';\n`)).toEqual([`${file}:1: ${refusal}`]);
  });

  test('was planted in every room', () => {
    // Nothing is imported by data.
    const rows = Object.entries(rooms).flatMap(([path, { because }]) =>
      path === 'package.json' ? [] : [[path, because] as const],
    );
    const without = rows.filter(
      ([path, because]) =>
        !planted.some(([file, , refusal]) => file.startsWith(path.split('*')[0] ?? path) && refusal.endsWith(because)),
    );
    expect(without).toEqual([]);
  });

  test.each([
    ["import { log } from '../app/log.ts';", 1],
    ["\n\nimport type { Log } from '../app/log.ts';", 3],
    ["// ü\nimport { type Log } from '../app/log.ts';", 2],
    ["export { log } from '../app/log.ts';", 1],
    ["export type { Log } from '../app/log.ts';", 1],
    ["export * from '../app/log.ts';", 1],
    ["\nexport const log = async () => await import('../app/log.ts');", 2],
    ["\nexport function log(to: import('../app/log.ts').Log) {\n  to.info();\n}", 2],
    ["export let log: typeof import('../app/log.ts');", 1],
    ["import log = require('../app/log.ts');", 1],
    ["const log = require('../app/log.ts');", 1],
    ["const path = import.meta.resolve('../app/log.ts');", 1],
  ])('is seen however it is written: %j', (text, line) => {
    expect(refused('src/store/store.ts', text)).toEqual([
      `src/store/store.ts:${line}: src/store/ may not import src/app/: The store knows domain and its own SDK, nothing of the other rooms.`,
    ]);
  });

  test.each(['const to = "../app/log.ts"; await import(to);', 'await import(`../domain/words.ts`);'])(
    'may hide behind an expression, which is refused: %s',
    (text) => {
      expect(refused('src/app/runs.ts', text)).toEqual([
        expect.stringContaining('what only the running program can name'),
      ]);
      expect(refused('src/local/host/core.ts', text)).toEqual([]);
    },
  );

  test('may lead out of every room, and a file may stand in none', () => {
    expect(refused('src/app/runs.ts', "import '../../test/app/tenant.ts';")).toEqual([
      expect.stringMatching(
        /^src\/app\/runs\.ts:1: src\/app\/ may not import test\/app\/tenant\.ts, which stands in no room: /,
      ),
    ]);
    expect(refused('src/utils/strings.ts', '')).toEqual([
      'src/utils/strings.ts: stands in no room; give its room a row in tools/rooms.ts',
    ]);
  });

  test('is told from what a row allows', () => {
    const text = [
      "import { setTimeout as sleep } from 'node:timers/promises';",
      "import fs from 'fs';",
      "import { Client } from '@microsoft/microsoft-graph-client/lib/src/Client.js';",
      "import type { Gathered } from '../../domain/fact-set.ts';",
      "import builds from '../../facts/exchange-organization/exchange-builds.json' with { type: 'json' };",
      "import { rowOf } from '../supplied/rows.ts';",
      "const said = 'import \"../../app/log.ts\"'; // import '../../app/log.ts'",
    ].join('\n');
    expect(refused('src/sources/graph/client.ts', text)).toEqual([]);
  });
});

test('a file that cannot be parsed is named', () => {
  expect(() => refused('src/app/runs.ts', 'import { from;')).toThrow(/^src\/app\/runs\.ts: /);
});

test('a row without a room is a leftover', () => {
  expect(leftoversOf((path) => path !== 'src/queue/')).toEqual([
    'tools/rooms.ts: there is no src/queue/; take its row out',
  ]);
});
