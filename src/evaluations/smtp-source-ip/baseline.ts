import { z } from 'zod';
import { type FactSet, type FactSetOf, known } from '../../domain/fact-set.ts';
import type { SmtpBaseline } from '../../facts/smtp-service/evidence.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import { isLinuxNode } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { comparedLinuxFacts, linuxSettings } from './linux-settings.ts';
import { nodeSettings, relayRights, settingFacts } from './settings.ts';

/** What was accepted of which nodes. */
export const acceptedBaseline = z.object({
  /** Id of the service. */
  subject: z.string(),
  acceptedAt: z.string(),
  by: z.string().exactOptional(),
  /** When the oldest of the accepted settings were collected (ISO 8601, UTC). */
  collectedAt: z.string().exactOptional(),
  /** Nodes whose settings were accepted, and those without facts, which the baseline says nothing about. */
  nodes: z.array(z.string()),
  missing: z.array(z.string()),
});

export type AcceptedBaseline = Readonly<z.infer<typeof acceptedBaseline>>;

/**
 * What the supplied facts say of the nodes of a service, as facts to be kept: from the next run on a difference is a
 * finding.
 *
 * @param at when it is accepted (ISO 8601, UTC), and by whom
 * @returns undefined when there are no facts about any of its nodes
 */
export function baselineOf(
  service: SmtpService,
  supplied: FactSet,
  { at, by }: { readonly at: string; readonly by: string | undefined },
): { readonly facts: FactSet; readonly accepted: AcceptedBaseline } | undefined {
  const { node: ofNodes = {} } = supplied.parts as FactSetOf<SmtpServiceFacts>['parts'];
  const nodes = Object.fromEntries(
    service.nodes.flatMap(({ name }) => {
      const facts = knownOf(ofNodes[name] ?? {});
      const settings = isLinuxNode({ subject: service, part: name })
        ? linuxSettings(facts, service, name)
        : { ...nodeSettings(facts, service, name), ...relayRights(facts, name) };
      return Object.keys(settings).length === 0 ? [] : [[name, settings] as const];
    }),
  );
  const named = Object.keys(nodes);
  if (named.length === 0) return undefined;
  const [collectedAt] = named
    .flatMap((name) => {
      const host = ofNodes[name]?.['node-host'];
      return host?.status === 'known' ? (host.value.collectedAt ?? []) : [];
    })
    .sort();
  const said = {
    acceptedAt: at,
    ...(by === undefined ? {} : { by }),
    ...(collectedAt === undefined ? {} : { collectedAt }),
  };
  const baseline: SmtpBaseline = { ...said, nodes };
  return {
    facts: { facts: { 'smtp-baseline': known(baseline, 'accepted baseline', at) }, parts: {} },
    accepted: {
      subject: service.id,
      ...said,
      nodes: named,
      missing: service.nodes.map(({ name }) => name).filter((name) => !named.includes(name)),
    },
  };
}

function knownOf(
  facts: NonNullable<FactSetOf<SmtpServiceFacts>['parts']['node']>[string],
): Parameters<typeof nodeSettings>[0] & Parameters<typeof linuxSettings>[0] {
  return Object.fromEntries(
    [...settingFacts, ...comparedLinuxFacts].flatMap((fact) => {
      const gathered = facts[fact];
      return gathered?.status === 'known' ? [[fact, gathered.value]] : [];
    }),
  );
}
