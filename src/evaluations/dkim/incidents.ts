import type { Observation } from '../../domain/rule.ts';
import type { ExchangeOnlineIncidents } from '../../facts/mail-domain/exchange-online-incidents.ts';

/** More than these are counted, not named. */
const named = 3;

/**
 * What Microsoft has open while something of Microsoft's is broken, for the finding about it. Which incident it belongs
 * to nobody says, so none is called the cause; those that speak of DKIM or DNS come first.
 */
export function openIncidents(facts: ExchangeOnlineIncidents | undefined): {
  /** Follows the finding's own sentence; empty when nothing is open or nobody could ask. */
  readonly sentence: string;
  readonly evidence: readonly Observation[];
} {
  const near = ({ title }: ExchangeOnlineIncidents['incidents'][number]) => /\b(dkim|dns)\b/i.test(title);
  const all = facts?.incidents ?? [];
  const incidents = [...all.filter(near), ...all.filter((incident) => !near(incident))];
  if (incidents.length === 0) return { sentence: '', evidence: [] };
  const shown = incidents.slice(0, named);
  const more = incidents.length > named ? `; ${incidents.length - named} more` : '';
  const says = shown.map(({ id, title, since }) => `${id} "${title}" (since ${since.slice(0, 10)})`).join('; ');
  return {
    sentence: ` Open at Microsoft for Exchange Online: ${says}${more}.`,
    evidence: [
      {
        fact: 'exchange-online-incidents',
        observed: shown.map(({ id, since }) => `${id} open since ${since}`).join('; ') + more,
      },
    ],
  };
}
