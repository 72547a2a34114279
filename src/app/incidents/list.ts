import type { WatchMemory } from '../../domain/blindness.ts';
import { notJudged, rememberedOf, type SubjectState } from '../../domain/compare.ts';
import { blindRule, wholeWatch } from '../../domain/event.ts';
import { incidentKey } from '../../domain/incident.ts';
import { hushOf, type Statement } from '../../domain/statement.ts';
import { compareText } from '../../domain/words.ts';
import { csvOf } from '../../reports/csv.ts';
import { oneLine } from '../../reports/text.ts';
import type { Watch } from '../../store/store.ts';
import { statesOf } from '../organizations/states.ts';
import { storedOrganization, watchesOf } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import type { Incident } from '../responses.ts';

type IncidentPorts = Pick<Ports, 'store' | 'evaluations' | 'clock'>;

/**
 * Every incident of an organization, silenced and accepted ones included, in order of key: those that are open, flap, are
 * not confirmed yet or are blind; with `resolved` those too that are over and whose finding is still looked at.
 *
 * @throws Problem (404)
 */
export async function listIncidents(
  ports: IncidentPorts,
  organization: string,
  resolved = false,
): Promise<readonly Incident[]> {
  const { store, evaluations, clock } = ports;
  const { value: document } = await storedOrganization(ports, organization);
  const said = await store.statements(organization);
  const incidents: Incident[] = [];
  for (const watch of watchesOf(evaluations, document)) {
    for (const state of await statesOf(ports, watch)) incidents.push(...incidentsOf(watch, state, said, clock()));
    incidents.push(...blindIn(watch, (await store.watchMemory(watch))?.value));
  }
  return incidents.filter(({ state }) => resolved || state !== 'resolved').sort((a, b) => compareText(a.key, b.key));
}

/** As {@link listIncidents}, one line for each. */
export async function incidentsCsv(ports: IncidentPorts, organization: string, resolved = false): Promise<string> {
  const rows = (await listIncidents(ports, organization, resolved)).map((incident) =>
    columns.map((column) => oneLine(String(incident[column] ?? ''))),
  );
  return csvOf(columns, rows);
}

const columns = [
  'key',
  'state',
  'severity',
  'owner',
  'since',
  'changedAt',
  'evaluation',
  'subject',
  'rule',
  'target',
  'message',
  'remedy',
  'accepted',
  'silenced',
] as const satisfies readonly (keyof Incident)[];

/** What is remembered of the findings of a subject, as incidents. */
export function incidentsOf(
  watch: Watch,
  remembered: Pick<SubjectState, 'run' | 'findings'>,
  said: readonly Statement[],
  now: Date,
): readonly Incident[] {
  const { run } = remembered;
  return rememberedOf(remembered).flatMap(({ rule, target, memory, finding }): Incident[] => {
    const { open, soft, flapping, closedAt, toldAt, since } = memory;
    const state =
      flapping === true
        ? 'flapping'
        : open !== undefined
          ? 'open'
          : soft !== undefined
            ? 'not-confirmed'
            : closedAt === undefined
              ? undefined
              : 'resolved';
    if (state === undefined) return [];
    const { message = notJudged, remedy } = finding ?? {};
    const severity = open?.severity ?? memory.severity;
    const { owner } = memory;
    const hush = hushOf(said, watch, run.subject, { rule, target, owner }, now);
    const times = [open?.since, closedAt, toldAt].flatMap((time) => time ?? []).sort(compareText);
    return [
      {
        key: incidentKey(watch, run.subject, { rule, target }),
        ...watch,
        subject: run.subject,
        rule,
        ...(target === undefined ? {} : { target }),
        state,
        ...(severity === undefined ? {} : { severity }),
        ...(owner === undefined ? {} : { owner }),
        since: open?.since ?? since,
        changedAt: times.at(-1) ?? since,
        message,
        ...(remedy === undefined ? {} : { remedy }),
        ...(hush.accepted === undefined ? {} : { accepted: hush.accepted.words }),
        ...(hush.silenced === undefined ? {} : { silenced: hush.silenced.words }),
      },
    ];
  });
}

function blindIn(watch: Watch, memory: WatchMemory | undefined): Incident[] {
  return Object.entries(memory?.blind ?? {}).flatMap(([cause, { told, since, message }]) =>
    told.length === 0
      ? []
      : [
          {
            key: incidentKey(watch, wholeWatch, { rule: blindRule, target: cause }),
            ...watch,
            subject: wholeWatch,
            rule: blindRule,
            target: cause,
            state: 'blind' as const,
            since,
            changedAt: since,
            message: told.includes(wholeWatch) ? message : `${told.length} subject(s): ${message}`,
          },
        ],
  );
}
