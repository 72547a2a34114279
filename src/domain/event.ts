// What happened, incident by incident, as programs hear of it.
import { incidentKey } from './incident.ts';
import type { EventType, IncidentEvent, NoticeSubject } from './notice.ts';
import { isWorthTelling } from './telling.ts';
import type { Transition, TransitionReason } from './transition.ts';

/** The subject under which it is told that something of a whole watch cannot be looked at. */
export const wholeWatch = '*';

/** The rule's place in the key of such an incident; its target is the cause. */
export const blindRule = 'blind';

/** One event for each change of an incident that is told, oldest first. Answers and subjects that come or go are no incidents. */
export function eventsOf(evaluation: string, subjects: readonly NoticeSubject[]): readonly IncidentEvent[] {
  return subjects
    .flatMap(({ organization, evaluation: own = evaluation, transitions }) =>
      transitions.filter(isWorthTelling).flatMap((transition): IncidentEvent[] => {
        const type = typeOf(transition);
        const key = keyOf(organization.id, own, transition);
        if (type === undefined || key === undefined) return [];
        const id = `${key}@${transition.at}:${transition.kind}`;
        return [{ id, type, key, organization, evaluation: own, transition }];
      }),
    )
    .sort((a, b) => Date.parse(a.transition.at) - Date.parse(b.transition.at));
}

function keyOf(organization: string, evaluation: string, { subject, of }: Transition): string | undefined {
  if (of.type === 'finding') return incidentKey({ organization, evaluation }, subject, of);
  if (of.type === 'watch')
    return incidentKey({ organization, evaluation }, wholeWatch, { rule: blindRule, target: of.cause });
  return undefined;
}

function typeOf({ kind, reason, of }: Transition): EventType | undefined {
  switch (kind) {
    case 'opened':
    case 'worsened':
    case 'resolved':
    case 'reopened':
    case 'accepted':
    case 'silenced':
      return `incident.${kind}`;
    case 'flapping':
      return reason === 'flaps-while-open' ? 'incident.worsened' : 'incident.opened';
    case 'steady':
      return reason === ('steady-and-good' satisfies TransitionReason) ? 'incident.resolved' : 'incident.reminded';
    case 'reminded':
    case 'reminder':
      return of.type === 'watch' ? 'watch.blind' : 'incident.reminded';
    case 'blind':
      return 'watch.blind';
    case 'seeing':
      // Some of them can be looked at again: the incident goes on with fewer.
      return of.type === 'watch' && of.left > 0 ? 'watch.blind' : 'watch.seeing';
    case 'went_unknown':
    case 'added':
    case 'removed':
      return undefined;
  }
}
