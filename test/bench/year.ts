// `npm run bench -- year [--days N] [--share S]`: how often people are told, and of what, in a year with weather.
import { printGoal, printTable } from './report.ts';
import { judgeYear, liveThrough, type Post, type Row } from './year-run.ts';
import { dayMs, hourMs, type Scenario, scenarios, start } from './year-weather.ts';

export async function run(args: string[]): Promise<void> {
  const option = (name: string, otherwise: number) => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const days = option('--days', 365);
  const share = option('--share', 1);
  const all = scenarios(share);
  const domains = all.reduce((sum, one) => sum + one.domains.length, 0);
  const channels = new Set(all.map(({ channel }) => channel)).size;
  console.log(`${days} days, ${domains} domains of ${all.length} organizations, ${channels} channels\n`);
  const began = performance.now();
  const year = await liveThrough(all, days);
  const rows = judgeYear(all, year, days);
  printTable(rows.map(cellsOf));
  const digests = year.posts.filter(({ notice }) => notice.kind === 'digest');
  console.log(
    `\nDigests: ${[...Map.groupBy(digests, ({ channel }) => channel)].map(([channel, of]) => `${of.length} to ${channel}`).join(', ')}. ` +
      `Posts in all: ${year.posts.length}. Largest card: ${Math.max(...year.posts.map(({ bytes }) => bytes))} bytes. ` +
      `Runs: ${Object.values(year.runs).reduce((sum, count) => sum + count, 0)}. ` +
      `It took ${((performance.now() - began) / 60_000).toFixed(1)} minutes.\n`,
  );
  const sixty = await manyOrganizations(60, 2);
  printGoals(rows, year.posts, sixty, days);
}

function cellsOf(row: Row): Record<string, string> {
  const { scenario, incidents, missed, posts, longestDelayMs, unbalanced, blind, seeing, degradedDays } = row;
  return {
    scenario: scenario.title,
    domains: String(scenario.domains.length),
    incidents: String(incidents),
    missed: String(missed),
    false: String(row.false),
    posts: String(posts),
    'posts per incident': incidents === 0 ? '' : (posts / incidents).toFixed(2),
    'longest delay': longestDelayMs === undefined ? '' : `${(longestDelayMs / hourMs).toFixed(1)} h`,
    unbalanced: String(unbalanced),
    'blind, seeing': blind + seeing === 0 ? '' : `${blind}, ${seeing}`,
    'days degraded': degradedDays === 0 ? '' : String(degradedDays),
  };
}

/** As many organizations that share one channel, and one cause for all of their domains for three days. @returns posts */
export async function manyOrganizations(
  organizations: number,
  each: number,
  setMachineTime?: (now: Date) => void,
): Promise<number> {
  const all = Array.from({ length: organizations }, (_, index): Scenario => {
    const organization = `o${String(index).padStart(2, '0')}`;
    const domains = Array.from({ length: each }, (__, at) => `d${at}.${organization}.example`);
    return {
      organization,
      title: organization,
      channel: 'shared',
      domains,
      spells: [{ trouble: 'key-missing', domains, from: 2 * dayMs, to: 4 * dayMs }],
    };
  });
  const { posts } = await liveThrough(all, 6, undefined, setMachineTime);
  return posts.filter(({ notice }) => notice.kind === 'changes').length;
}

function printGoals(rows: readonly Row[], posts: readonly Post[], sixty: number, days: number): void {
  const of = (organization: string) => rows.find(({ scenario }) => scenario.organization === organization);
  const sum = (what: 'missed' | 'false' | 'unbalanced') => rows.reduce((total, row) => total + row[what], 0);
  const quiet = of('quiet');
  const digests = posts.filter(({ channel, notice }) => channel === 'quiet' && notice.kind === 'digest').length;
  printGoal('missed', sum('missed'), '≤', 0);
  printGoal('false', sum('false'), '≤', 0);
  printGoal('unbalanced openings', sum('unbalanced'), '≤', 0);
  printGoal('quiet year, posts per incident', quiet && quiet.posts / quiet.incidents, '≤', 2);
  printGoal('quiet year, digests', digests, '≤', Math.ceil(days / 7));
  printGoal('flapping domain, posts', of('flapping')?.posts, '≤', 4);
  printGoal('120 domains at once, posts', of('microsoft')?.posts, '≤', 2);
  printGoal('over 60 organizations in one channel, posts', sixty, '≤', 4);
  printGoal('rotations, posts', of('rotating')?.posts, '≤', 0);
  printGoal('bursts of SERVFAIL, posts', of('bursts')?.posts, '≤', 0);
  for (const name of ['unreadable', 'expired', 'outage']) {
    const { scenario, blind, seeing } = of(name) ?? {};
    const since = scenario?.blind?.from ?? 0;
    const first = posts.find(({ notice }) =>
      notice.events.some(
        ({ organization, transition }) =>
          organization.id === name &&
          transition.kind === 'blind' &&
          transition.at >= new Date(start + since).toISOString(),
      ),
    );
    printGoal(`${name}: first word after, in days`, first && (first.at - since) / dayMs, '≤', 1);
    printGoal(`${name}: words that it begins`, blind, '≤', 1);
    printGoal(`${name}: words that it ends`, seeing, '≤', 1);
  }
  printGoal('dead channel, missed', of('dead')?.missed, '≤', 0);
}
