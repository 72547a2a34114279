import { daysUntil } from '../../../domain/time.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { buildFloors, isAtLeast } from '../../../facts/exchange-organization/builds.ts';
import { deadlines } from '../dates.ts';
import { onlyFor } from '../organization.ts';
import { isOverrideOn, wantsRichCoexistence } from '../rich-coexistence.ts';
import { rule } from '../rule.ts';

const permissions = ['MailboxSettings.Read', 'MailTips.ReadBasic.All', 'Calendars.Read', 'ProfilePhoto.Read.All'];

/** See free-busy-through-graph.md. */
export const freeBusyThroughGraph = rule({
  id: 'teams-exchange-interop/free-busy-through-graph',
  title: 'Hybrid look-ups go through Microsoft Graph',
  severity: 'medium',
  blocks: ['rich-coexistence'],
  needs: ['on-premises-hybrid', 'exchange-servers', 'setting-overrides', 'hybrid-application'],
  scope: onlyFor('rich-coexistence'),
  judge(
    {
      'on-premises-hybrid': hybrid,
      'exchange-servers': { servers },
      'setting-overrides': { overrides },
      'hybrid-application': app,
    },
    { now },
  ) {
    if (!wantsRichCoexistence(hybrid)) {
      return {
        verdict: 'not_applicable',
        message: 'The hybrid configuration has no free/busy, photos or MailTips across the two sides.',
      };
    }
    const { date, what } = deadlines.exchangeOnlineEwsOff;
    const days = daysUntil(date, now);
    const old = servers
      .filter(
        ({ role, build }) =>
          role?.includes('Edge') !== true &&
          (build === undefined || isAtLeast(build, buildFloors.graph) !== 'at-least'),
      )
      .map(({ name, build }) => `${name} (${build?.text ?? 'build not read'})`);
    const missing = permissions.filter((permission) => !app.consented.includes(permission));
    const wrong = [
      ...(old.length > 0 ? [`older than Exchange SE ${buildFloors.graph}: ${enumerateFirst(old)}`] : []),
      ...(isOverrideOn(overrides, 'RouteThroughMSGraph') ? [] : ['the setting override RouteThroughMSGraph is not on']),
      ...(missing.length > 0 ? [`the dedicated hybrid application lacks ${enumerateFirst(missing)}`] : []),
    ];
    const evidence = [
      {
        fact: 'exchange-servers',
        observed: servers.map(({ name, build }) => `${name} ${build?.text ?? '?'}`).join(', ') || 'none',
      },
      { fact: 'hybrid-application', observed: `consented: ${app.consented.join(', ') || 'nothing'}` },
    ] as const;
    if (wrong.length === 0) {
      return { verdict: 'pass', message: 'Every server looks free/busy up through Microsoft Graph.', evidence };
    }
    return {
      verdict: 'fail',
      // Until that day EWS still answers, so this is a task with a date and no fault yet.
      ...(days > 0 ? { severity: 'low' as const } : {}),
      owner: 'on-premises',
      message: `${days > 0 ? `In ${days} days (${date})` : `Since ${date}`} ${what}, and this is not ready: ${wrong.join('; ')}.`,
      remedy:
        'Move every server to Exchange Server SE with the May 2026 update or later, consent to the Graph permissions (ConfigureExchangeHybridApplication.ps1), and set the override RouteThroughMSGraph.',
      evidence,
    };
  },
});
