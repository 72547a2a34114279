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
  'domain and facts are the words of the product: pure, and of nothing but themselves, so that anything can be judged anywhere, also years later.';

/**
 * By path from the root: a folder ends in `/`, and `*` stands for one folder, each a room of its own: what stands in one
 * may not import what stands in another. The longest path that fits is a file's room.
 */
export const rooms = table({
  'src/domain/': {
    holds:
      'the words: fact, fact set, rule, evaluation, finding, answer, transition, notice, organization document; judge, compare, gather; knows no evaluation by name',
    rooms: [],
    packages: ['croner', 'ipaddr.js', 'zod'],
    node: false,
    because: words,
  },
  'src/facts/': {
    holds: 'a folder for each kind of subject: what it is, and one zod schema and type for each fact about it',
    rooms: ['src/domain/'],
    packages: ['zod'],
    node: false,
    because: words,
  },
  'src/evaluations/index.ts': {
    holds: 'THE list of evaluations',
    rooms: ['src/evaluations/', 'src/evaluations/*/index.ts'],
    packages: [],
    node: false,
    because: 'The list names the evaluations and knows nothing of them.',
  },
  'src/evaluations/': {
    holds: 'what an evaluation registers: itself, and what it adds to doors and shell; the registry of all',
    rooms: ['src/domain/', 'src/doors/', 'src/sources/'],
    packages: ['zod'],
    node: false,
    because: 'Whatever is registered is handed in: the shape of a registration knows no evaluation and no use of it.',
  },
  'src/evaluations/*/index.ts': {
    holds: 'registers everything the product knows of one evaluation',
    rooms: [
      'src/facts/',
      'src/evaluations/',
      'src/evaluations/*/',
      'src/evaluations/*/doors.ts',
      'src/evaluations/*/in-shell.ts',
      'src/sources/',
      'src/sources/bindings/*/',
    ],
    packages: [],
    node: false,
    because: 'An evaluation registers its own parts and those of no other.',
  },
  'src/evaluations/*/doors.ts': {
    holds: 'doors that it alone has',
    rooms: ['src/doors/', 'src/evaluations/*/'],
    packages: ['zod'],
    node: false,
    because: 'Doors are data; what they do they ask of the App.',
  },
  'src/evaluations/*/in-shell.ts': {
    holds: 'options and commands that it adds to a shell',
    rooms: [
      'src/domain/',
      'src/facts/',
      'src/evaluations/',
      'src/evaluations/*/',
      'src/sources/',
      'src/sources/bindings/*/',
    ],
    packages: [],
    node: false,
    because:
      'What an evaluation adds to a shell is data and calls of its sources, its own bindings included; the shell does the rest.',
  },
  'src/evaluations/*/': {
    holds: 'the evaluation itself: questions, subjects, its part of the document, what its rules share; pure',
    rooms: ['src/domain/', 'src/facts/', 'src/evaluations/', 'src/evaluations/*/rules/', 'src/reports/'],
    packages: ['csv-stringify', 'zod'],
    node: false,
    because:
      'An evaluation is pure: it imports domain, facts and its own rules, and no other evaluation. What it needs to know is a fact, and a source gathers it.',
  },
  'src/evaluations/*/rules/': {
    holds: 'one rule a file with its page; no clock, no process, no network',
    rooms: ['src/domain/', 'src/facts/', 'src/evaluations/*/'],
    packages: [],
    node: false,
    because:
      'Rules are pure: domain, facts and what the rules of one evaluation share. What a rule needs to know is a fact, and a source gathers it.',
  },
  'src/http/': {
    holds:
      'one way to speak HTTP: guarded addresses, trusted roots, pace, retries, limits of time and size, words for failures',
    rooms: ['src/domain/'],
    packages: ['ipaddr.js', 'undici'],
    node: true,
    because: 'http speaks HTTP for everybody, so it knows nobody: only domain, Node, undici and ipaddr.js.',
  },
  'src/sources/bindings/*/': {
    holds: 'binds the facts of one evaluation to sources; the files that it alone reads',
    rooms: ['src/domain/', 'src/facts/', 'src/http/', 'src/sources/'],
    packages: ['zod'],
    node: false,
    because: 'A binding knows facts and the worlds that they come from, of one evaluation only.',
  },
  'src/sources/': {
    holds: 'one room for each outside world; gives facts, has no opinion',
    rooms: ['src/domain/', 'src/facts/', 'src/http/', 'infra/'],
    packages: [
      '@azure/identity',
      '@microsoft/microsoft-graph-client',
      'csv-parse',
      'dns-packet',
      'fast-xml-parser',
      'jose',
      'postal-mime',
      'tldts',
      'zod',
    ],
    node: true,
    because: 'A source knows one outside world: domain, facts, http and its own SDK, nothing of the other rooms.',
  },
  'src/collectors/': {
    holds: 'scripts that gather on-premises facts, read-only',
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
    packages: ['@azure/storage-queue', 'p-map', 'zod'],
    node: false,
    because:
      'A queue knows domain, its own SDK and how the store says that storage is away, nothing of the other rooms.',
  },
  'src/notifiers/': {
    holds: 'one folder for each kind of channel',
    rooms: ['src/domain/', 'src/http/'],
    packages: ['nodemailer', 'zod'],
    node: true,
    because:
      "A notifier turns a notice into one channel's message: domain, http and its own SDK, nothing of the other rooms.",
  },
  'src/reports/': {
    holds: 'runs as Markdown, CSV, JUnit, workbook, terminal text; badges; what every report says in which order',
    rooms: ['src/domain/'],
    packages: ['csv-stringify', 'fast-xml-parser', 'wrap-ansi', 'write-excel-file'],
    node: false,
    because: 'Reports turn runs into something a person keeps: they import only domain.',
  },
  'src/pages/': {
    holds: 'pages and HTML reports: one set of components, one style sheet, one script; rendered from data alone',
    rooms: ['src/domain/', 'src/reports/'],
    packages: ['hono', 'marked'],
    // Hashes of the style sheet and the script, for the policy of a page.
    node: true,
    because: 'A page is made of what the App hands it: it asks nobody, so that it can be made from anything.',
  },
  'src/app/': {
    holds: 'the uses of the product',
    rooms: [
      'src/config.ts',
      'src/domain/',
      'src/evaluations/',
      'src/http/',
      'src/notifiers/',
      'src/pages/',
      'src/queue/',
      'src/reports/',
      'src/sources/',
      'src/store/',
      'src/telemetry/',
    ],
    packages: ['@azure/identity', '@azure/storage-queue', 'p-limit', 'p-map', 'prom-client', 'zod'],
    node: true,
    because:
      'A use of the product knows its ports and no door: HTTP, timer, CLI and the local runtime, which is never deployed, call it.',
  },
  'src/app/reading/serve.ts': {
    holds: 'what a thread of its own does: reading what is large, beside the event loop',
    rooms: ['src/app/', 'src/evaluations/'],
    packages: [],
    node: true,
    because: 'It is one more way in, for the thread that reads: everything that is read it leaves to the desk.',
  },
  'src/app/index.ts': {
    holds: 'the only composition root, and the only way in for every door',
    rooms: ['src/app/', 'src/domain/', 'src/evaluations/', 'src/pages/', 'src/queue/'],
    packages: [],
    node: false,
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
  'src/doors/': {
    holds: 'THE table of HTTP doors as data: functions, OpenAPI, webhooks and the README come from it',
    rooms: [
      'src/app/',
      'src/app/index.ts',
      'src/domain/',
      'src/evaluations/',
      'src/notifiers/',
      'src/pages/',
      'src/store/',
    ],
    packages: ['zod'],
    node: false,
    because:
      'A door decodes, calls one method of the App and encodes: it imports the App and schemas. Evaluations are handed to it.',
  },
  'src/telemetry/': {
    holds: 'traces and metrics of runs, for those who collect them by OpenTelemetry',
    rooms: [],
    packages: [
      '@opentelemetry/api',
      '@opentelemetry/exporter-metrics-otlp-http',
      '@opentelemetry/exporter-trace-otlp-http',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-metrics',
      '@opentelemetry/sdk-trace',
    ],
    node: true,
    because: 'It is told what was done, and knows nothing of how.',
  },
  'src/cli/': {
    holds: 'a file for each command: decode, call one method of the App, encode',
    rooms: [
      'src/app/index.ts',
      'src/config.ts',
      'src/domain/',
      'src/evaluations/',
      'src/evaluations/index.ts',
      'package.json',
    ],
    packages: ['commander'],
    node: true,
    because: 'The shell is one more door of the same App: it imports only the App, its words and what is registered.',
  },
  'functions/': {
    holds: 'registrations only: HTTP doors from their table, timers and queues; the program of the reading thread',
    rooms: [
      'src/app/index.ts',
      'src/app/reading/serve.ts',
      'src/config.ts',
      'src/doors/',
      'src/evaluations/',
      'src/evaluations/index.ts',
    ],
    packages: ['@azure/functions'],
    node: true,
    because:
      'The functions are registrations: HTTP ones come from the table of doors, the others call one method of the App.',
  },
  'src/local/': {
    holds: 'the one-machine runtime: host, embedded storage and DNS, the Teams sink, the demo; never deployed',
    rooms: ['src/cli/', 'src/domain/', 'src/facts/', 'src/notifiers/', 'src/store/'],
    packages: ['@azure/storage-queue', 'adaptivecards', 'azurite', 'commander', 'croner', 'dns-packet', 'jose', 'zod'],
    node: true,
    // The host loads the program that it is told to, as Azure does.
    computed: true,
    because:
      'The local runtime calls the doors, reads the storage that it embeds, and plays Azure around them: what happens behind the App is not its own.',
  },
  'package.json': {
    holds: 'name and version, dependencies, the commands of npm',
    rooms: [],
    packages: [],
    node: false,
    because: 'It is data.',
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
