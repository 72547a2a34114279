// `npm run bench -- NAME [options]`: figures of this machine, beside what they are measured against in the same run.
const benches: Readonly<Record<string, { what: string; load: () => Promise<{ run(args: string[]): Promise<void> }> }>> =
  {
    dkim: {
      what: 'gather, judge and compare 74 to 10,000 domains over a slow way, beside dnsperf and one look-up at a time',
      load: () => import('./dkim.ts'),
    },
    scale: {
      what: 'whole runs of 1 to 100 organizations on Azurite: time, storage transactions, memory',
      load: () => import('./scale.ts'),
    },
    interop: {
      what: 'the anonymous probe of 20 domains beside its slowest chain, and judging saved facts beside reading them',
      load: () => import('./interop.ts'),
    },
    'smtp-logs': {
      what: 'a receive log of 1 GB beside wc -l, grep -c and csv-parse on the same bytes',
      load: () => import('./smtp-logs.ts'),
    },
    collectors: {
      what: 'an organization of 50,000 mailboxes, collected in a real pwsh through a remoting connection: time, memory',
      load: () => import('./collectors.ts'),
    },
    year: {
      what: 'a simulated year of 500 domains with weather: what is told, missed, false, and how often',
      load: () => import('./year.ts'),
    },
    users: {
      what: 'everybody of a tenant of 50,000 people, where Graph counts and where it does not: requests, seconds, memory',
      load: () => import('./users.ts'),
    },
    overview: {
      what: 'the overview of 1,000 organizations with 100,000 subjects on Azurite: milliseconds, storage requests',
      load: () => import('./overview.ts'),
    },
    requests: {
      what: 'the heaviest requests alone and eight at once: seconds, memory, how long the event loop is held',
      load: () => import('./requests.ts'),
    },
    cold: {
      what: 'what the deployed bundle costs to import and to start, and what of it loads',
      load: () => import('./cold.ts'),
    },
  };

const [name = 'dkim', ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  console.error(`There is no bench "${name}". There are:`);
  for (const [known, { what }] of Object.entries(benches)) console.error(`  ${known.padEnd(10)} ${what}`);
  process.exit(3);
}
await (await bench.load()).run(args);
