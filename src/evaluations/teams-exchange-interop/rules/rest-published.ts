import type { Owner } from '../../../domain/rule.ts';
import { onlyFor } from '../organization.ts';
import { afterAutodiscoverV2, afterRoute, homingMailboxes } from '../predecessors.ts';
import { rule } from '../rule.ts';

/** See rest-published.md. */
export const restPublished = rule({
  id: 'teams-exchange-interop/rest-published',
  title: 'The REST endpoint for presence is published',
  severity: 'medium',
  confirmRuns: 2,
  blocks: ['presence'],
  needs: ['autodiscover-dns', 'autodiscover-redirect', 'rest-endpoint'],
  scope: onlyFor('presence'),
  per: 'domain',
  parts: (_, { all, byPart }) => homingMailboxes(all, byPart('autodiscover-dns')),
  after: ({ 'autodiscover-dns': dns, 'autodiscover-redirect': redirect }, { part }) => [
    ...afterRoute(part, dns, redirect),
    ...afterAutodiscoverV2(part),
  ],
  judge({ 'rest-endpoint': { outcome, url, scope, status, detail } }) {
    const evidence = [
      { fact: 'rest-endpoint', observed: `${url ?? detail ?? outcome}: ${status ?? 'not asked'}` },
    ] as const;
    const fail = (
      message: string,
      owner: Owner = 'on-premises',
      remedy = 'Publish /api of the Exchange server as pass-through; in its web.config maxQueryStringLength has to be 4096.',
    ) => ({ verdict: 'fail', owner, message, remedy, evidence }) as const;
    if (outcome === 'no-url' || url === undefined) {
      return fail(
        `Autodiscover V2 names no REST URL (${detail ?? 'no answer for the protocol REST'}), and presence never falls back to EWS.`,
      );
    }
    if (scope !== 'public') return fail(`The REST URL ${url} cannot be reached from the internet (${scope}).`);
    if (status === 401) return { verdict: 'pass', message: `${url} asks for a token (401), as it should.`, evidence };
    if (status === 404) return fail(`${url} is not published (404), and presence never falls back to EWS.`);
    return fail(
      `${url} answers ${status} where Exchange would ask for a token (401): something in front answers in its place.`,
      'network',
      'Publish /api as pass-through: Exchange itself has to ask for the token, nothing in front of it.',
    );
  },
});
