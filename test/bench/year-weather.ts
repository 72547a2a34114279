// The weather of a simulated year: what is so at every time of it, and which of it people have to hear.
import { readFileSync } from 'node:fs';
import type { Gathered } from '../../src/domain/fact-set.ts';
import { Unobtainable } from '../../src/domain/fact-set.ts';
import { incidentKey } from '../../src/domain/incident.ts';
import type { Sources } from '../../src/domain/source.ts';
import type { Subject } from '../../src/domain/subject.ts';

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** 00:00 UTC; the year has 365 days and both changes of daylight saving time. */
export const start = Date.parse('2026-11-24T00:00:00Z');

/** What may be the matter with a domain. */
type Trouble =
  /** Microsoft's DNS has no key for the active selector. */
  | 'key-missing'
  /** The customer's zone has no CNAME for the active selector. */
  | 'cname-missing'
  /** Name servers do not answer. */
  | 'silent'
  /** Exchange Online lets nobody in. */
  | 'denied'
  /** What was supplied has expired. */
  | 'expired';

interface Spell {
  readonly trouble: Trouble;
  readonly domains: readonly string[];
  /** In milliseconds of the year. */
  readonly from: number;
  readonly to: number;
  /** Of a spell that comes and goes: is it there at this time? */
  readonly comes?: (at: number) => boolean;
}

/** An incident that people have to hear of, unless it is `quiet`: then they must not. */
export interface Real {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

export interface Scenario {
  readonly organization: string;
  readonly title: string;
  readonly channel: 'quiet' | 'shared' | 'dead';
  readonly domains: readonly string[];
  readonly schedule?: string;
  readonly spells: readonly Spell[];
  /** When the key of each domain is switched to the other selector, in milliseconds of the year. */
  readonly rotations?: readonly number[];
  /** Watches that are to be told as blind: from when to when. */
  readonly blind?: { readonly from: number; readonly to: number };
}

const day = (days: number, hours = 0) => days * dayMs + hours * hourMs;

function domainsOf(organization: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `d${String(index).padStart(3, '0')}.${organization}.example`);
}

/** The scenarios, one organization each; `share` of the domains, for a short year. */
export function scenarios(share = 1): readonly Scenario[] {
  const some = (organization: string, count: number) => domainsOf(organization, Math.max(2, Math.ceil(count * share)));
  const quiet = some('quiet', 40);
  const flapping = some('flapping', 10);
  const microsoft = some('microsoft', 120);
  const outage = some('outage', 40);
  const rotating = some('rotating', 60);
  const mended = some('mended', 40);
  const bursts = some('bursts', 40);
  const unreadable = some('unreadable', 30);
  const expired = some('expired', 30);
  const dead = some('dead', 40);
  const clock = some('clock', 30);
  const hourly = some('hourly', 20);
  const at = (list: readonly string[], index: number) => [list[index % list.length] ?? ''];
  return [
    {
      organization: 'quiet',
      title: 'A quiet year with 12 incidents',
      channel: 'quiet',
      domains: quiet,
      spells: Array.from({ length: 12 }, (_, index) => ({
        trouble: index % 3 === 0 ? ('cname-missing' as const) : ('key-missing' as const),
        domains: at(quiet, index * 3),
        from: day(5 + index * 29, 3),
        to: day(5 + index * 29 + 2 + (index % 5), 15),
      })),
    },
    {
      organization: 'flapping',
      title: 'A domain that flaps for 60 days',
      channel: 'shared',
      domains: flapping,
      spells: [
        {
          trouble: 'key-missing',
          domains: at(flapping, 0),
          from: day(10),
          to: day(70),
          comes: (time) => Math.floor(time / dayMs) % 2 === 0,
        },
      ],
    },
    {
      organization: 'microsoft',
      title: '120 domains at Microsoft at once',
      channel: 'shared',
      domains: microsoft,
      spells: [{ trouble: 'key-missing', domains: microsoft, from: day(40, 2), to: day(43, 9) }],
    },
    {
      organization: 'outage',
      title: 'A day without resolvers',
      channel: 'shared',
      domains: outage,
      spells: [{ trouble: 'silent', domains: outage, from: day(24, 1), to: day(25, 1) }],
      blind: { from: day(24, 1), to: day(25, 1) },
    },
    {
      organization: 'rotating',
      title: 'Rotations, the new key two hours late',
      channel: 'shared',
      domains: rotating,
      rotations: [day(15, 5), day(180, 5)],
      spells: [15, 180].map((days) => ({
        trouble: 'key-missing' as const,
        domains: rotating,
        from: day(days, 5),
        to: day(days, 7),
      })),
    },
    {
      organization: 'mended',
      title: 'Zones that break and are mended',
      channel: 'shared',
      domains: mended,
      spells: Array.from({ length: 20 }, (_, index) => ({
        trouble: 'cname-missing' as const,
        domains: at(mended, index * 2),
        from: day(8 + index * 17, 11),
        to: day(8 + index * 17 + 1 + (index % 9), 16),
      })),
    },
    {
      organization: 'bursts',
      title: 'Bursts of SERVFAIL',
      channel: 'shared',
      domains: bursts,
      spells: Array.from({ length: 90 }, (_, index) => ({
        trouble: 'silent' as const,
        domains: Array.from(
          { length: Math.min(1 + (index % 5), bursts.length / 4) },
          (__, offset) => bursts[(index * 7 + offset) % bursts.length] ?? '',
        ),
        from: day(2 + index * 4),
        to: day(2 + index * 4 + 1 + (index % 2)),
      })),
    },
    {
      organization: 'unreadable',
      title: 'A tenant that is unreadable for 180 days',
      channel: 'shared',
      domains: unreadable,
      spells: [{ trouble: 'denied', domains: unreadable, from: day(20, 1), to: day(200, 1) }],
      blind: { from: day(20, 1), to: day(200, 1) },
    },
    {
      organization: 'expired',
      title: 'Exports expired, five keys withheld meanwhile',
      channel: 'shared',
      domains: expired,
      spells: [
        { trouble: 'expired', domains: expired, from: day(22, 1), to: day(62, 1) },
        { trouble: 'key-missing', domains: expired.slice(0, 5), from: day(30), to: day(75) },
      ],
      blind: { from: day(22, 1), to: day(62, 1) },
    },
    {
      organization: 'dead',
      title: 'A channel that is dead for 10 days, five alarms in them',
      channel: 'dead',
      domains: dead,
      spells: Array.from({ length: 5 }, (_, index) => ({
        trouble: 'key-missing' as const,
        domains: at(dead, index),
        from: day(deadFrom + 1 + index, 3),
        to: day(deadFrom + (index < 2 ? 5 : 20), 3),
      })),
    },
    {
      organization: 'clock',
      title: 'A clock that runs ahead and goes back',
      channel: 'shared',
      domains: clock,
      spells: [17, 101].map((days) => ({
        trouble: 'key-missing' as const,
        domains: at(clock, days),
        from: day(days, 3),
        to: day(days + 6, 3),
      })),
    },
    {
      organization: 'hourly',
      title: 'Hourly, resolvers that flap, 12 incidents',
      channel: 'quiet',
      schedule: '0 0 * * * *',
      domains: hourly,
      spells: [
        {
          trouble: 'silent',
          domains: hourly.slice(0, 8),
          from: 0,
          to: day(365),
          comes: (time) => Math.floor(time / hourMs) % 7 === 3,
        },
        ...Array.from({ length: 12 }, (_, index) => ({
          trouble: 'key-missing' as const,
          domains: at(hourly, index + 8),
          from: day(12 + index * 28, 9),
          to: day(12 + index * 28, 9 + 5 + index * 3),
        })),
      ],
    },
  ];
}

/** Days of the year between which the channel `dead` takes nothing. */
export const deadFrom = 18;
export const deadTo = deadFrom + 10;

/** How far the clock is off at a time of the year, in milliseconds: 26 hours ahead for two hours, then three hours behind for five. */
export function clockError(at: number): number {
  if (at >= day(16, 9) && at < day(16, 11)) return 26 * hourMs;
  if (at >= day(100, 4) && at < day(100, 9)) return -3 * hourMs;
  return 0;
}

const ruleOf: Partial<Record<Trouble, string>> = {
  'key-missing': 'dkim/active-key-published',
  'cname-missing': 'dkim/active-cname-correct',
};

/** The incidents of a scenario that people have to hear of. */
export function realIncidents({ organization, spells, rotations = [], blind }: Scenario): readonly Real[] {
  const watch = { organization, evaluation: 'dkim' };
  return spells.flatMap(({ trouble, domains, from, to }) => {
    const rule = ruleOf[trouble];
    // A key that comes two hours after its switch is no incident.
    if (rule === undefined || rotations.includes(from)) return [];
    // What begins while nobody can look is there to be told once somebody can.
    const visible = blind !== undefined && from >= blind.from && from < blind.to ? blind.to : from;
    return domains.map((domain) => ({
      key: incidentKey(watch, domain, { rule, target: 'selector1' }),
      from: visible,
      to,
    }));
  });
}

/** Sources of facts about mail domains, as the weather has them. */
export function weatherSources(all: readonly Scenario[], now: () => number): Sources {
  const scenarioOf = new Map(all.flatMap((scenario) => scenario.domains.map((domain) => [domain, scenario])));
  const spellsOf = new Map<string, Spell[]>();
  for (const { spells } of all)
    for (const spell of spells)
      for (const domain of spell.domains) spellsOf.set(domain, [...(spellsOf.get(domain) ?? []), spell]);
  const troublesOf = (domain: string): ReadonlySet<Trouble> => {
    const at = now();
    const there = (spellsOf.get(domain) ?? []).filter(
      ({ from, to, comes }) => at >= from && at < to && (comes?.(at) ?? true),
    );
    return new Set(there.map(({ trouble }) => trouble));
  };
  const switchesOf = (domain: string) => scenarioOf.get(domain)?.rotations ?? [];

  const source = (fact: string, gather: (subject: Subject) => unknown) => ({
    fact,
    limitMs: 60_000,
    gather: async (subject: Subject) => gather(subject),
  });
  const isoNow = () => new Date(start + now()).toISOString();
  const seen = (value: unknown): Gathered<unknown> => ({
    status: 'known',
    value,
    source: '192.0.2.53, 198.51.100.53',
    observedAt: isoNow(),
  });
  const silent = () => new Unobtainable('timeout', '192.0.2.53 did not answer in 3 tries');
  const bySelector = (part: 'selector-cname' | 'selector-key') => (subject: Subject) => {
    const troubles = troublesOf(subject.id);
    if (troubles.has('silent')) throw silent();
    const active = activeOf(switchesOf(subject.id), now());
    return Object.fromEntries(
      ['selector1', 'selector2'].map((selector) => {
        const isActive = selector === active;
        const broken = isActive && troubles.has('cname-missing');
        const missing = broken || (isActive && troubles.has('key-missing'));
        const { cname, key } = templatesOf(subject.id, selector);
        if (part === 'selector-cname') return [selector, seen(broken ? cname.missing : cname.there)];
        return [selector, seen(missing ? (broken ? key.nowhere : key.missing) : key.there)];
      }),
    );
  };
  return Object.fromEntries(
    [
      source('signing-configuration', ({ id }) => {
        const troubles = troublesOf(id);
        if (troubles.has('denied')) throw new Unobtainable('denied', 'HTTP 403 from Exchange Online');
        if (troubles.has('expired')) throw new Unobtainable('stale', 'supplied facts expired; supply them again');
        return seen(configurationOf(id, switchesOf(id), now()));
      }),
      source('accepted-domain', () =>
        seen({
          listed: true,
          domainType: 'Authoritative',
          initialDomain: false,
          isCoexistenceDomain: false,
          sendingFromDomainDisabled: false,
          pendingRemoval: false,
        }),
      ),
      source('exchange-online-incidents', () => {
        throw new Unobtainable('not_supplied', 'nobody asks for them in this year');
      }),
      source('mail-refusal', () => seen({ nullMx: false, nobodySends: false })),
      source('selector-cname', bySelector('selector-cname')),
      source('selector-key', bySelector('selector-key')),
    ].map((one) => [one.fact, one]),
  ) as unknown as Sources;
}

function activeOf(switches: readonly number[], at: number): string {
  return switches.filter((time) => time <= at).length % 2 === 0 ? 'selector1' : 'selector2';
}

const cases = new URL('../cases/dkim/', import.meta.url);

interface Saved {
  readonly facts: Readonly<Record<string, { readonly value: unknown }>>;
  readonly parts: {
    readonly selector: Readonly<Record<string, Readonly<Record<string, { readonly value: unknown }>>>>;
  };
}

/** The facts of golden cases, about another domain. */
function about<T>(value: unknown, domain: string): T {
  const text = JSON.stringify(value)
    .replaceAll('contoso-com', domain.replaceAll('.', '-'))
    .replaceAll('contoso.com', domain);
  return JSON.parse(text) as T;
}

function savedCase(name: string): Saved {
  return JSON.parse(readFileSync(new URL(`${name}/facts.json`, cases), 'utf8'));
}

const healthy = savedCase('healthy');
const keyMissing = savedCase('active-key-missing-at-microsoft');
const cnameMissing = savedCase('active-cname-missing');

interface Templates {
  readonly cname: { readonly there: unknown; readonly missing: unknown };
  readonly key: { readonly there: unknown; readonly missing: unknown; readonly nowhere: unknown };
}

const templates = new Map<string, Templates>();

function templatesOf(domain: string, selector: string): Templates {
  const name = `${domain} ${selector}`;
  const known = templates.get(name);
  if (known !== undefined) return known;
  // Those cases are about selector1.
  const ofSelector1 = (saved: Saved, fact: string) =>
    about<unknown>(
      JSON.parse(JSON.stringify(saved.parts.selector.selector1?.[fact]?.value).replaceAll('selector1', selector)),
      domain,
    );
  const made: Templates = {
    cname: {
      there: about(healthy.parts.selector[selector]?.['selector-cname']?.value, domain),
      missing: ofSelector1(cnameMissing, 'selector-cname'),
    },
    key: {
      there: about(healthy.parts.selector[selector]?.['selector-key']?.value, domain),
      missing: ofSelector1(keyMissing, 'selector-key'),
      nowhere: ofSelector1(cnameMissing, 'selector-key'),
    },
  };
  templates.set(name, made);
  return made;
}

const configurations = new Map<string, unknown>();

/** The configuration of a domain that was last switched, or is about to be: four days before, the new key is made. */
function configurationOf(domain: string, switches: readonly number[], at: number): unknown {
  const next = switches.find((time) => time > at && time - at <= 4 * dayMs);
  const last = next ?? switches.findLast((time) => time <= at);
  const name = `${domain} ${last}`;
  const known = configurations.get(name);
  if (known !== undefined) return known;
  const count = last === undefined ? 0 : switches.indexOf(last) + 1;
  const [before, after] = count % 2 === 0 ? ['selector2', 'selector1'] : ['selector1', 'selector2'];
  const rotateOn = last ?? -6 * dayMs;
  const made = about<{ row: Record<string, unknown> }>(healthy.facts['signing-configuration']?.value, domain);
  Object.assign(made.row, {
    keyCreationTime: new Date(start + rotateOn - 4 * dayMs).toISOString(),
    lastChecked: new Date(start + rotateOn).toISOString(),
    rotateOnDate: new Date(start + rotateOn).toISOString(),
    selectorBeforeRotateOnDate: before,
    selectorAfterRotateOnDate: after,
  });
  configurations.set(name, made);
  return made;
}
