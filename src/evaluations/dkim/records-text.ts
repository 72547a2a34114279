import { stringify } from 'csv-stringify/sync';
import { minuteOf } from '../../domain/words.ts';
import { dnsLine, recordTtl } from '../../reports/dns-lines.ts';
import { oneLine } from '../../reports/text.ts';
import type { DomainCommand, DomainRecords, RecordChange, RecordsPlan } from './records.ts';

/** How a plan is printed: each can be pasted or read where it belongs, and what else there is to say stands in comments. */
export const recordsFormats = ['zone', 'csv', 'powershell', 'az'] as const;
export type RecordsFormat = (typeof recordsFormats)[number];

/** @param resourceGroup of the zones in Azure; a variable of the shell stands for one that is not named */
export function recordsText(plan: RecordsPlan, format: RecordsFormat, resourceGroup?: string): string {
  switch (format) {
    case 'zone':
      return script(plan, { comment: ';', change: dnsLine, replaces: false, inExchange: false });
    case 'powershell':
      return script(plan, { comment: '#', change: powershellLine, replaces: false, inExchange: true });
    case 'az':
      return script(plan, {
        comment: '#',
        first: resourceGroup === undefined ? [`: "\${RESOURCE_GROUP:?name the resource group of the zones}"`] : [],
        change: (change) => azLine(change, resourceGroup === undefined ? '"$RESOURCE_GROUP"' : inShell(resourceGroup)),
        replaces: true,
        inExchange: false,
      });
    case 'csv':
      return csv(plan);
  }
}

interface Script {
  readonly comment: string;
  /** Lines in front of those that change records. */
  readonly first?: readonly string[];
  change(change: RecordChange): string;
  /** Publishing a CNAME replaces the one that is there. */
  readonly replaces: boolean;
  /** Lines for Exchange Online PowerShell can be run as they stand. */
  readonly inExchange: boolean;
}

const stateWords: Readonly<Partial<Record<DomainRecords['state'], string>>> = {
  to_publish: 'Beside the records above, could not look',
  could_not_look: 'Could not look, so nothing is said to be missing',
  to_look_at: 'A person has to look',
  not_applicable: 'Does not apply',
};

function script(plan: RecordsPlan, { comment, first = [], change, replaces, inExchange }: Script): string {
  const { records, configure, enable, domains } = plan;
  const say = (text: string) => `${comment} ${oneLine(text)}`;
  const run = ({ command, caution }: DomainCommand) => [
    ...(caution === undefined ? [] : [say(caution)]),
    inExchange ? command : say(command),
  ];
  const inZone = (zone: string, ofZone: readonly RecordChange[]) => [
    '',
    say(
      `Zone ${zone}${ofZone.every(({ zoneKnown }) => zoneKnown) ? '' : ' (nothing told it, so the domain is taken for one; --zone NAME says another)'}`,
    ),
    ...[...Map.groupBy(ofZone, ({ why }) => why)].flatMap(([why, changes]) => [
      // One record alone speaks for itself.
      ...(changes.length === 1 && changes.every(({ action }) => action === 'publish') ? [] : [say(why)]),
      ...changes.filter((one) => !replaces || !isReplaced(one, records)).map(change),
    ]),
  ];
  const steps = [
    {
      title:
        'Domains without keys, in Exchange Online PowerShell. Then export Get-DkimSigningConfig again and ask for their records with that.',
      lines: configure.flatMap(run),
    },
    {
      title: 'Records. What has to be deleted stands before what comes in its place: read it before you run it.',
      lines:
        records.length === 0
          ? []
          : [
              ...first,
              ...[...Map.groupBy(records, ({ zone }) => zone)].flatMap(([zone, ofZone]) => inZone(zone, ofZone)),
              '',
              say(
                'Then wait: resolvers may remember for an hour, and up to three, that there was no record (RFC 2308). Run this again: what is in place is gone from the list, and the lines that switch signing on stand there instead.',
              ),
            ],
    },
    {
      title:
        'Signing, for the domains whose records are all there, in Exchange Online PowerShell. While it says that the CNAME record does not exist, it has not seen it yet: try again after an hour; Microsoft names up to four days.',
      lines: enable.flatMap(run),
    },
    {
      title: 'Look again:',
      lines: records.length + configure.length + enable.length === 0 ? [] : [say('evaluate dkim')],
    },
  ].filter(({ lines }) => lines.length > 0);
  const notes = Object.entries(stateWords).flatMap(([state, words]) => {
    const of = domains.filter((one) => one.state === state && one.because.length > 0);
    return of.length === 0
      ? []
      : ['', say(`${words}: ${of.length}`), ...of.map((one) => say(`- ${one.domain}: ${one.because.join(' ')}`))];
  });
  const lines = [
    say(headline(plan)),
    ...steps.flatMap(({ title, lines: below }, index) => ['', say(`${index + 1}. ${title}`), ...below]),
    ...notes,
  ];
  return `${lines.join('\n')}\n`;
}

/** `DKIM records, looked at …: 4 to publish and 1 to delete, for 2 of 74 domains; …` */
function headline({ at, assumed, records, configure, enable, domains }: RecordsPlan): string {
  const publish = records.filter(({ action }) => action === 'publish').length;
  const concerned = new Set(records.map(({ domain }) => domain)).size;
  const count = (...states: DomainRecords['state'][]) => domains.filter(({ state }) => states.includes(state)).length;
  const open = count('could_not_look', 'to_look_at');
  const parts = [
    records.length === 0
      ? `no record to publish or delete for ${domains.length === 1 ? 'the domain' : `${domains.length} domains`}`
      : `${publish} to publish and ${records.length - publish} to delete, for ${concerned} of ${domains.length} domains`,
    ...(configure.length === 0 ? [] : [`${configure.length} without keys`]),
    ...(enable.length === 0 ? [] : [`${enable.length} to switch on`]),
    ...(open === 0 ? [] : [`${open} could not be looked at`]),
    `${count('complete')} complete`,
  ];
  return `DKIM records, looked at ${minuteOf(at)}${assumed === true ? ', with what is assumed' : ''}: ${parts.join('; ')}. Nothing was changed.`;
}

/** Does another change take this one's place? */
function isReplaced({ action, name, type }: RecordChange, records: readonly RecordChange[]): boolean {
  return (
    action === 'remove' &&
    type === 'CNAME' &&
    records.some((other) => other.action === 'publish' && other.name === name)
  );
}

/** DnsServer module of Windows Server. `-Force`: a question would swallow the lines pasted behind it. */
function powershellLine({ action, zone, relativeName, type, data }: RecordChange): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const where = `-ZoneName ${quoted(zone)} -Name ${quoted(relativeName)}`;
  if (action === 'remove') {
    const which = data === undefined ? '' : ` -RecordData ${quoted(`${data}.`)}`;
    return `Remove-DnsServerResourceRecord ${where} -RRType ${quoted(type)}${which} -Force`;
  }
  return `Add-DnsServerResourceRecordCName ${where} -HostNameAlias ${quoted(`${data}.`)} -TimeToLive ${timeSpan(recordTtl)}`;
}

/** `01:00:00` */
function timeSpan(seconds: number): string {
  return [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, '0'))
    .join(':');
}

function azLine({ action, zone, relativeName, type, data }: RecordChange, resourceGroup: string): string {
  const where = `--resource-group ${resourceGroup} --zone-name ${inShell(zone)}`;
  return action === 'remove'
    ? `az network dns record-set ${type.toLowerCase()} delete ${where} --name ${inShell(relativeName)} --yes`
    : `az network dns record-set cname set-record ${where} --record-set-name ${inShell(relativeName)} --cname ${inShell(data ?? '')} --ttl ${recordTtl}`;
}

/** As one word of a POSIX shell. */
function inShell(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** RFC 4180 with CRLF; a cell that a spreadsheet would take for a formula begins with an apostrophe. */
function csv({ records, configure, enable, domains }: RecordsPlan): string {
  const command = ({ domain, command: line, caution = '' }: DomainCommand) => [
    'run',
    domain,
    '',
    '',
    '',
    line,
    '',
    caution,
  ];
  const rows = [
    ['Action', 'Domain', 'Zone', 'Name', 'Type', 'Value', 'TTL', 'Why'],
    ...configure.map(command),
    ...records.map(({ action, domain, zone, name, type, data = '', why }) => [
      action === 'remove' ? 'delete' : action,
      domain,
      zone,
      name,
      type,
      data,
      action === 'publish' ? String(recordTtl) : '',
      why,
    ]),
    ...enable.map(command),
    ...domains.flatMap(({ domain, state, because }) =>
      because.length === 0 || state === 'not_applicable' || state === 'to_configure'
        ? []
        : [['look', domain, '', '', '', '', '', because.join(' ')]],
    ),
  ];
  return stringify(
    rows.map((cells) => cells.map(oneLine)),
    { record_delimiter: 'windows', escape_formulas: true },
  );
}
