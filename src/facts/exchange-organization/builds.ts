import { z } from 'zod';
import table from './exchange-builds.json' with { type: 'json' };

/** An Exchange build: four integers, or three when only the cumulative update is known. */
export const exchangeBuild = z.object({
  /** `15.1.2507.39`; `15.1.2507` when the reading had three parts: the security update is then unknown, not 0. */
  text: z.string(),
  parts: z.array(z.number().int().nonnegative()).min(3).max(4),
});

export type ExchangeBuild = z.infer<typeof exchangeBuild>;

/**
 * Reads a build in every spelling Exchange has for it: `15.1.2375.7`, zero-padded `15.01.2375.007` (ExSetup, MAPI hop),
 * `Version 15.2 (Build 986.5)` (AdminDisplayVersion), three parts `15.1.2507` (paths of Outlook on the web).
 *
 * @returns undefined when `text` is no build
 */
export function parseBuild(text: string): ExchangeBuild | undefined {
  const admin = /^\s*Version (\d{1,3})\.(\d{1,3}) \(Build (\d{1,5})\.(\d{1,5})\)\s*$/.exec(text);
  const plain = /^\s*(\d{1,3})\.(\d{1,3})\.(\d{1,5})(?:\.(\d{1,5}))?\s*$/.exec(text);
  const parts = (admin ?? plain)
    ?.slice(1)
    .filter((part) => part !== undefined)
    .map(Number);
  if (parts === undefined) return undefined;
  return { text: parts.join('.'), parts };
}

/** Below zero when `a` is older. Of a three-part reading only the three parts are compared. */
export function compareBuilds(a: ExchangeBuild, b: ExchangeBuild): number {
  const shared = Math.min(a.parts.length, b.parts.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (a.parts[index] ?? 0) - (b.parts[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export type Comparison = 'at-least' | 'below' | 'cannot-tell';

/** Is `build` at least `floor`? A three-part reading of the floor's own cumulative update cannot tell. */
export function isAtLeast(build: ExchangeBuild, floor: string): Comparison {
  const wanted = floorOf(floor);
  const difference = compareBuilds(build, wanted);
  if (difference !== 0) return difference > 0 ? 'at-least' : 'below';
  return build.parts.length < wanted.parts.length && !isFirstOfItsUpdate(wanted) ? 'cannot-tell' : 'at-least';
}

const floors = new Map<string, ExchangeBuild>();

/** Floors are a few constants of ours. */
function floorOf(text: string): ExchangeBuild {
  const floor = floors.get(text) ?? parseBuild(text);
  if (floor === undefined) throw new Error(`"${text}" is no build`);
  floors.set(text, floor);
  return floor;
}

/** The lowest build of its cumulative update in the table: then the first three parts settle the comparison. */
function isFirstOfItsUpdate(build: ExchangeBuild): boolean {
  return !buildTable.some((row) => sameUpdate(row.build, build) && compareBuilds(row.build, build) < 0);
}

function sameUpdate(a: ExchangeBuild, b: ExchangeBuild): boolean {
  return a.parts.slice(0, 3).join('.') === b.parts.slice(0, 3).join('.');
}

export type Product =
  | 'Exchange 2007 or older'
  | 'Exchange 2010'
  | 'Exchange 2013'
  | 'Exchange 2016'
  | 'Exchange 2019'
  | 'Exchange SE'
  | 'Exchange Online';

/** The product a build belongs to; 2019 and Subscription Edition share 15.2 and part at the third number, 2562. */
export function productOf(build: ExchangeBuild): Product | undefined {
  const [major = 0, minor = 0, third = 0] = build.parts;
  if (major < 14) return 'Exchange 2007 or older';
  if (major === 14) return 'Exchange 2010';
  if (major !== 15) return undefined;
  if (minor === 0) return 'Exchange 2013';
  if (minor === 1) return 'Exchange 2016';
  if (minor === 2) return third >= 2562 ? 'Exchange SE' : 'Exchange 2019';
  return minor === 20 ? 'Exchange Online' : undefined;
}

interface TableRow {
  readonly name: string;
  readonly build: ExchangeBuild;
  readonly releaseDate: string | null;
}

const buildTable: readonly TableRow[] = table.builds.flatMap((row) => {
  const build = parseBuild(row.build);
  return build === undefined ? [] : [{ name: row.name, build, releaseDate: row.releaseDate }];
});

/** Oldest first. */
const tableByProduct: ReadonlyMap<Product | undefined, readonly TableRow[]> = Map.groupBy(
  [...buildTable].sort((a, b) => compareBuilds(a.build, b.build)),
  ({ build }) => productOf(build),
);

/** The day of the newest entry that was looked for, and where the entries come from. */
export const buildTableAsOf: string = table.header.asOf;

/** Days between which the table is known to lack updates: what lies across them is not counted. */
const holes: readonly { readonly from: string; readonly to: string }[] = table.header.holes;

export interface BuildName {
  /** `Exchange 2016 CU23 Sep26SU`; of what is not in the table its cumulative update, or those it lies between. */
  readonly name: string;
  /** It stands in the table as it is; of three parts, its cumulative update does. */
  readonly listed: boolean;
  /** Above every entry of its product: newer than the table. */
  readonly newerThanTable: boolean;
  /** Newer updates for the same cumulative update; undefined where that cannot be counted: three parts, not in the table, across a hole in it. */
  readonly behind: number | undefined;
}

const named = new Map<string, BuildName>();

/** What people call a build. */
export function nameOfBuild(build: ExchangeBuild): BuildName {
  const known = named.get(build.text);
  if (known !== undefined) return known;
  const name = lookUp(build);
  // Organizations run a handful of builds, but facts may hold any text.
  if (named.size < 1000) named.set(build.text, name);
  return name;
}

function lookUp(build: ExchangeBuild): BuildName {
  const product = productOf(build);
  const rows = tableByProduct.get(product) ?? [];
  const updates = rows.filter((row) => sameUpdate(row.build, build));
  const exact = build.parts.length === 3 ? updates[0] : updates.find((row) => compareBuilds(row.build, build) === 0);
  if (exact !== undefined) {
    const behind = build.parts.length === 3 ? undefined : newerUpdates(updates, exact);
    return { name: exact.name, listed: true, newerThanTable: false, behind };
  }
  const newest = rows.at(-1);
  const newer = newest !== undefined && compareBuilds(build, newest.build) > 0;
  const unlisted = (name: string) => ({ name, listed: false, newerThanTable: newer, behind: undefined });
  const [first] = updates;
  if (first !== undefined)
    return unlisted(newer ? `${first.name}, newer than known` : `${first.name}, an update that is not in the list`);
  const below = rows.findLast((row) => compareBuilds(row.build, build) < 0);
  const above = rows.find((row) => compareBuilds(row.build, build) > 0);
  if (newest === undefined || below === undefined) return unlisted(product ?? `Exchange ${build.text}`);
  if (above === undefined) return unlisted(`${product}, newer than known`);
  const updateName = (row: TableRow) => rows.find((one) => sameUpdate(one.build, row.build))?.name ?? row.name;
  return unlisted(
    `${product} between ${shortName(updateName(below), product)} and ${shortName(updateName(above), product)}, not in the list`,
  );
}

function shortName(name: string, product: Product | undefined): string {
  return product !== undefined && name.startsWith(`${product} `) ? name.slice(product.length + 1) : name;
}

/** Releases of one day (an update and its second version) counted once; undefined when a hole lies between. */
function newerUpdates(updates: readonly TableRow[], row: TableRow): number | undefined {
  const newer = updates.filter((one) => compareBuilds(one.build, row.build) > 0);
  const until = newer.at(-1)?.releaseDate ?? buildTableAsOf;
  const from = row.releaseDate;
  if (newer.length > 0 && from !== null && holes.some((hole) => from <= hole.to && until >= hole.from))
    return undefined;
  return new Set(newer.map(({ name }) => name.replace(/\s*v\d+$/, ''))).size;
}

/** Floors and dates of Microsoft's documents, as data with their source. */
export const buildFloors = {
  /** Teams calendar (Learn: "How Exchange and Microsoft Teams interact"): Exchange 2016 CU3. */
  calendar: '15.1.544.27',
  /** Scheduling add-in for delegates and a complete Autodiscover V2: Exchange 2013 CU19. */
  delegates: '15.0.1365.1',
  /** Hybrid look-ups through Microsoft Graph (techcommunity 4517516, KB5081755): Subscription Edition, May 2026 HU. */
  graph: '15.2.2562.41',
  seReleased: '15.2.2562.17',
} as const;
