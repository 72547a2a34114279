import type { Judgement } from '../../../domain/rule.ts';
import { compareBuilds } from '../../../facts/exchange-organization/builds.ts';
import type { Tenant } from '../../../facts/exchange-organization/cloud.ts';
import type { KnownBuilds } from '../../../facts/exchange-organization/on-premises.ts';
import { rule } from '../rule.ts';

/** See evidence-agrees.md. */
export const evidenceAgrees = rule({
  id: 'teams-exchange-interop/evidence-agrees',
  title: 'Different kinds of evidence say the same',
  severity: 'medium',
  blocks: [],
  needs: ['tenant'],
  optional: ['known-builds'],
  judge({ tenant, 'known-builds': known }) {
    const conflicts = [...tenantConflicts(tenant), ...(known === undefined ? [] : buildConflicts(known))];
    if (conflicts.length > 0) return conflicts;
    if (tenant.found.length === 0 && known === undefined) {
      return { verdict: 'not_applicable', message: 'There is one kind of evidence only, so nothing to compare.' };
    }
    return { verdict: 'pass', message: 'What was declared, probed and collected does not contradict itself.' };
  },
});

function tenantConflicts({ declaredId, declaredCloud, found }: Tenant): Judgement[] {
  const wanted = (declaredId ?? found[0]?.tenantId)?.toLowerCase();
  return found.flatMap(({ domain, tenantId, cloud }): Judgement[] => {
    const evidence = [{ fact: 'tenant', observed: `${domain}: ${tenantId}, ${cloud ?? 'cloud not told'}` }] as const;
    const remedy = 'Correct tenant.id and tenant.cloud in the organization document, or take the domain out of it.';
    if (wanted !== undefined && tenantId.toLowerCase() !== wanted) {
      return [
        {
          verdict: 'fail',
          target: domain,
          owner: 'tenant',
          message: `${domain} belongs to tenant ${tenantId}, ${declaredId === undefined ? 'other domains' : 'the organization by its declaration'} to ${wanted}.`,
          remedy,
          evidence,
        },
      ];
    }
    if (cloud !== undefined && cloud !== declaredCloud) {
      return [
        {
          verdict: 'fail',
          target: domain,
          owner: 'tenant',
          message: `${domain} is in the cloud ${cloud}, the organization is declared to be in ${declaredCloud}.`,
          remedy,
          evidence,
        },
      ];
    }
    return [];
  });
}

const words = { collector: 'collector', 'mail-headers': 'mail headers', probe: 'probe' } as const;

/** The same host or server with two builds. A reading without the security update agrees with every update of it. */
function buildConflicts({ builds }: KnownBuilds): Judgement[] {
  const seen = new Map<string, KnownBuilds['builds'][number]>();
  const conflicts: Judgement[] = [];
  for (const one of builds) {
    const other = seen.get(one.where.toLowerCase());
    if (other === undefined) {
      seen.set(one.where.toLowerCase(), one);
      continue;
    }
    if (compareBuilds(one.build, other.build) === 0) continue;
    conflicts.push({
      verdict: 'fail',
      target: one.where,
      owner: 'on-premises',
      message: `${one.where} is ${other.build.text} by the ${words[other.from]} and ${one.build.text} by the ${words[one.from]}.`,
      remedy:
        'Collect again; a header that something in front of Exchange rewrites, or an update since, explains most differences.',
      evidence: [
        { fact: 'known-builds', observed: `${other.from}: ${other.build.text}` },
        { fact: 'known-builds', observed: `${one.from}: ${one.build.text}` },
      ],
    });
  }
  return conflicts;
}
