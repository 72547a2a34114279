// The map: which room may import which, and why nothing else. Every room of the repository that holds programs has a row;
// `npm run check` refuses an import that no row allows, a file in no room and a row without a room, and `npm run format`
// prints the table into src/README.md. A new package or a new neighbour is a decision: it is made here.

interface Room<Path extends string> {
  /** What is in it, for a reader of the map. */
  readonly holds: string;
  /** Whose files it may import, beside its own; types count. */
  readonly rooms: readonly Path[];
  /** Packages that it may import, by name. */
  readonly packages: readonly string[];
  /** May it import what Node brings along? */
  readonly node: boolean;
  /** May it import what only a running program can name? */
  readonly computed?: boolean;
  /** Why nothing else, in one sentence: what a refusal says. */
  readonly because: string;
}

/** The compiler refuses a row that names a room without a row. */
const table = <const Path extends string>(
  rows: Readonly<Record<Path, Room<NoInfer<Path>>>>,
): Readonly<Record<Path, Room<Path>>> => rows;

const words =
  'domain and facts are the words of the product: they import only each other and zod, so that anything can be judged anywhere, also years later.';

/**
 * By path from the root: a folder ends in `/`, and `*` stands for one folder, each a room of its own that may not import
 * its like. The longest path that fits is a file's room.
 */
export const rooms = table({
  'src/domain/': {
    holds:
      'the words: subject, fact set, rule, finding, answer, transition, notice, organization document; judge, compare, gather',
    rooms: ['src/facts/'],
    packages: ['zod'],
    node: false,
    because: words,
  },
  'src/facts/': {
    holds: 'one zod schema and type for each fact; `index.ts` lists them all and says which are per part',
    rooms: ['src/domain/'],
    packages: ['zod'],
    node: false,
    because: words,
  },
  'src/evaluations/': {
    holds: '`index.ts`, THE list of evaluations',
    rooms: ['src/domain/', 'src/evaluations/*/'],
    packages: [],
    node: false,
    because: 'The list names the evaluations and knows nothing that they would not know.',
  },
  'src/evaluations/*/': {
    holds: 'one evaluation: `index.ts`, `rules/<rule>.ts` + `rules/<rule>.md`; no clock, no process, no network',
    rooms: ['src/domain/', 'src/facts/'],
    packages: [],
    node: false,
    because:
      'Rules are pure: an evaluation imports only domain and facts, and no other evaluation. What it needs to know is a fact, and a source gathers it.',
  },
  'src/sources/': {
    holds: 'one room for each outside world; gives facts, has no opinion',
    rooms: ['src/domain/', 'src/facts/'],
    packages: ['@azure/identity', '@microsoft/microsoft-graph-client', 'dns-packet', 'ipaddr.js', 'undici', 'zod'],
    node: true,
    because: 'A source knows one outside world: domain, facts and its own SDK, nothing of the other rooms.',
  },
  'src/collectors/': {
    holds: 'PowerShell that gathers on-premises facts, read-only',
    rooms: [],
    packages: [],
    node: false,
    because: 'A collector is one file that an administrator copies to a server: nothing of the product is there.',
  },
  'src/store/': {
    holds: 'the port, its semantics over rows (`row-store.ts`), and two backends: Azure tables and memory',
    rooms: ['src/domain/'],
    packages: ['@azure/data-tables', '@azure/identity', 'p-limit', 'zod'],
    node: true,
    because: 'The store knows domain and its own SDK, nothing of the other rooms.',
  },
  'src/queue/': {
    holds: 'the port and Azure storage queues',
    rooms: ['src/domain/', 'src/store/'],
    packages: ['@azure/storage-queue', 'zod'],
    node: false,
    because:
      'A queue knows domain, its own SDK and how the store says that storage is away, nothing of the other rooms.',
  },
  'src/notifiers/': {
    holds: 'one folder for each kind of channel',
    rooms: ['src/domain/'],
    packages: ['undici', 'zod'],
    node: true,
    because:
      "A notifier turns a notice into one channel's message: domain and its own SDK, nothing of the other rooms.",
  },
  'src/reports/': {
    holds: 'runs as CSV, HTML, Markdown, terminal text',
    rooms: ['src/domain/'],
    packages: ['csv-stringify'],
    node: false,
    because: 'Reports turn runs into something a person keeps: they import only domain and their own writer.',
  },
  'src/app/': {
    holds: 'the uses of the product',
    rooms: [
      'src/config.ts',
      'src/domain/',
      'src/evaluations/',
      'src/facts/',
      'src/notifiers/',
      'src/queue/',
      'src/reports/',
      'src/sources/',
      'src/store/',
      'infra/',
    ],
    packages: ['@azure/identity', '@azure/storage-queue', 'croner', 'p-limit', 'p-map', 'zod'],
    node: true,
    because:
      'A use of the product knows its ports and no door: HTTP, timer, CLI and the local runtime, which is never deployed, call it.',
  },
  'src/app.ts': {
    holds: 'the only composition root, and the only way in for every door',
    rooms: [
      'src/app/',
      'src/config.ts',
      'src/domain/',
      'src/evaluations/',
      'src/facts/',
      'src/notifiers/',
      'src/queue/',
      'src/reports/',
      'src/sources/',
      'src/store/',
    ],
    packages: ['p-map'],
    node: true,
    because:
      'The App composes the rooms and knows no door; the local runtime is never deployed, so nothing deployed needs it.',
  },
  'src/config.ts': {
    holds: 'environment → typed configuration',
    rooms: ['src/domain/'],
    packages: ['zod'],
    node: false,
    because: 'The configuration is read before anything else is there: it imports only the words.',
  },
  'src/cli.ts': {
    holds: 'a door: decode, call one method of the App, encode',
    rooms: ['src/app.ts', 'src/config.ts', 'src/domain/'],
    packages: ['commander'],
    node: true,
    because: 'The CLI is one more door of the same App: it imports only the App and its words.',
  },
  'functions/': {
    holds: 'doors for HTTP, timers and queues: decode, call one method of the App, encode',
    rooms: ['src/app.ts', 'src/config.ts', 'src/domain/'],
    packages: ['@azure/functions'],
    node: false,
    because: 'A handler decodes, calls one method of the App and encodes: it imports only the App and its words.',
  },
  'src/local/': {
    holds: 'the one-machine runtime: host, embedded storage and DNS, the Teams sink, the demo; never deployed',
    rooms: ['src/app.ts', 'src/cli.ts', 'src/config.ts', 'src/domain/', 'src/facts/', 'src/notifiers/'],
    packages: ['@azure/storage-queue', 'adaptivecards', 'azurite', 'croner', 'dns-packet', 'zod'],
    node: true,
    // The host loads the program that it is told to, as Azure does.
    computed: true,
    because:
      'The local runtime calls the doors and plays Azure around them: what happens behind the App is not its own.',
  },
  'tools/bootstrap.mjs': {
    holds: 'installs what is missing, then runs a task on the Node of the project',
    rooms: [],
    packages: [],
    node: true,
    because: 'The bootstrap runs before anything is installed.',
  },
  'tools/': {
    holds: 'build, package, this map and its check; never deployed',
    rooms: [],
    packages: ['esbuild', 'oxc-parser', 'zod'],
    node: true,
    because: 'Tools look at the product from outside: they read its files and import none.',
  },
  'infra/': {
    holds: 'Bicep, the access script with its grants, runbooks, costs',
    rooms: [],
    packages: [],
    node: false,
    because: 'Infrastructure is data and scripts of its own: nothing of the product is there when they run.',
  },
});

export type RoomPath = keyof typeof rooms;
