import type { Answer, DnsChange, Finding, Run } from '../../domain/finding.ts';
import { compareText } from '../../domain/words.ts';

/** A record that has to come or to go, and why. Names are in full, without the last dot. */
export interface RecordChange extends DnsChange {
  /** The mail domain for which. */
  readonly domain: string;
  /** The zone to write it into, and the name within that. */
  readonly zone: string;
  readonly relativeName: string;
  /** False where nothing told the zone, so that the domain is taken for one. */
  readonly zoneKnown: boolean;
  readonly why: string;
}

/** A line for Exchange Online PowerShell. */
export interface DomainCommand {
  readonly domain: string;
  readonly command: string;
  /** What to know before it is run. */
  readonly caution?: string;
}

export const domainStates = [
  'could_not_look',
  'to_configure',
  'to_publish',
  'to_look_at',
  'to_enable',
  'complete',
  'not_applicable',
] as const;

export interface DomainRecords {
  readonly domain: string;
  readonly state: (typeof domainStates)[number];
  /** Sentences: why it could not be looked at, what a person has to look at, why it does not apply. */
  readonly because: readonly string[];
}

/** What is missing until a tenant's domains sign so that receivers can verify it. Nothing of it is done. */
export interface RecordsPlan {
  /** ISO 8601, UTC: when it was looked. */
  readonly at: string;
  /** Judged as if something were so that is not (`--assume`). */
  readonly assumed?: true;
  /** In order of zone and name; at each name what has to go stands first. */
  readonly records: readonly RecordChange[];
  /** `New-DkimSigningConfig` of domains without keys. */
  readonly configure: readonly DomainCommand[];
  /** `Set-DkimSigningConfig` of domains whose records are all there. */
  readonly enable: readonly DomainCommand[];
  readonly domains: readonly DomainRecords[];
}

/** The rules that look at CNAMEs. */
const cnameRules = ['dkim/active-cname-correct', 'dkim/next-selector-ready', 'dkim/passive-cname-correct'];

/**
 * What the findings of these runs ask for, all domains together. Pure.
 *
 * @param zones the zones there are, where DNS does not tell them: the longest that fits holds a record
 */
export function recordsPlan(runs: readonly Run[], zones: readonly string[]): RecordsPlan {
  const looked = [...runs].sort((a, b) => compareText(a.subject, b.subject)).map((run) => lookedAt(run, zones));
  const records = looked.flatMap((one) => one.records);
  return {
    at:
      runs
        .map(({ at }) => at)
        .sort(compareText)
        .at(-1) ?? '',
    ...(runs.some(({ findings }) => findings.some(({ assumed }) => assumed)) ? { assumed: true } : {}),
    records: records
      .filter((record, index) => records.findIndex((other) => isSameChange(other, record)) === index)
      .sort(
        (a, b) =>
          compareText(a.zone, b.zone) || compareText(a.domain, b.domain) || compareText(selectorOf(a), selectorOf(b)),
      ),
    configure: looked.flatMap(({ configure }) => configure),
    enable: looked.flatMap(({ enable }) => enable).sort((a, b) => Number('caution' in a) - Number('caution' in b)),
    domains: looked.map(({ domain, state, because }) => ({ domain, state, because })),
  };
}

/** Is everything there? No, when something is to be done; undetermined, when something could not be looked at. */
export function answerOfPlan({ records, configure, enable, domains }: RecordsPlan): Answer {
  if (records.length + configure.length + enable.length > 0) return 'no';
  if (domains.some(({ state }) => state === 'could_not_look' || state === 'to_look_at')) return 'undetermined';
  return domains.every(({ state }) => state === 'not_applicable') ? 'not_applicable' : 'yes';
}

interface Looked extends DomainRecords {
  readonly records: readonly RecordChange[];
  readonly configure: readonly DomainCommand[];
  readonly enable: readonly DomainCommand[];
}

function lookedAt({ subject: domain, findings }: Run, zones: readonly string[]): Looked {
  const nothing = { domain, records: [], configure: [], enable: [] };
  const of = (rule: string) => findings.find((finding) => finding.rule === `dkim/${rule}`);
  const configured = of('signing-configured');
  if (findings.every(({ verdict }) => verdict === 'not_applicable'))
    return { ...nothing, state: 'not_applicable', because: sentences(findings) };
  if (configured?.verdict === 'unknown') return { ...nothing, state: 'could_not_look', because: [configured.message] };
  if (configured?.verdict === 'fail') {
    const command = `New-DkimSigningConfig -DomainName ${domain} -KeySize 2048 -Enabled $false`;
    return { ...nothing, state: 'to_configure', because: [configured.message], configure: [{ domain, command }] };
  }
  const aboutCnames = findings.filter(({ rule }) => cnameRules.includes(rule));
  const records = aboutCnames.flatMap(({ dns = [], message }) =>
    dns.map((change) => ({ ...change, domain, ...placed(change, domain, zones), why: message })),
  );
  const unknown = aboutCnames.filter(({ verdict }) => verdict === 'unknown');
  const enabled = of('signing-enabled');
  const manual = [...aboutCnames, ...(enabled === undefined ? [] : [enabled])].filter(
    ({ verdict, dns = [] }) => verdict === 'manual' && dns.length === 0,
  );
  const because = sentences([...unknown, ...manual]);
  if (records.length > 0) return { ...nothing, state: 'to_publish', because, records };
  if (unknown.length > 0) return { ...nothing, state: 'could_not_look', because };
  if (manual.length > 0) return { ...nothing, state: 'to_look_at', because };
  if (enabled?.verdict !== 'fail') return { ...nothing, state: 'complete', because };
  return { ...nothing, state: 'to_enable', because, enable: [enabling(domain, of('active-key-published'))] };
}

function sentences(findings: readonly Finding[]): readonly string[] {
  return [...new Set(findings.map(({ message }) => message))];
}

/** Microsoft may publish a key only when it is used, so a missing one is no reason not to switch signing on. */
function enabling(domain: string, key: Finding | undefined): DomainCommand {
  const command = `Set-DkimSigningConfig -Identity ${domain} -Enabled $true`;
  if (key === undefined || key.verdict === 'pass') return { domain, command };
  return {
    domain,
    command,
    caution: `The key of ${domain} does not answer yet (${key.message}). Microsoft may publish it only when signing is on: look again an hour later (evaluate dkim ${domain}); if it is still missing, switch signing off again and open a support case.`,
  };
}

function placed(
  { name, zone }: DnsChange,
  domain: string,
  zones: readonly string[],
): Pick<RecordChange, 'zone' | 'relativeName' | 'zoneKnown'> {
  const [named] = zones.filter((one) => name.endsWith(`.${one}`)).sort((a, b) => b.length - a.length);
  const found = named ?? zone;
  const chosen = found ?? domain;
  return { zone: chosen, relativeName: name.slice(0, -chosen.length - 1), zoneKnown: found !== undefined };
}

function selectorOf({ name }: DnsChange): string {
  return name.slice(0, name.indexOf('.'));
}

function isSameChange(a: DnsChange, b: DnsChange): boolean {
  return a.action === b.action && a.name === b.name && a.type === b.type && a.data === b.data;
}
