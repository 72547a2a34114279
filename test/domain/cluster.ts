import { z } from 'zod';
import { type Evaluation, evaluation } from '../../src/domain/evaluation.ts';
import { factKinds, type SubjectFactName } from '../../src/domain/fact.ts';
import { settingsOf } from '../../src/domain/organization.ts';
import { type AnyRule, ruleFactory } from '../../src/domain/rule.ts';

// A small evaluation that nothing but the tests of the engine knows, because the engine knows no evaluation by name.

const nodeSettings = z.object({ mode: z.enum(['on', 'off']) });

export const clusterFacts = factKinds(
  {
    licence: z.object({ paid: z.boolean() }).meta({ title: 'licence of the cluster' }),
    clock: z.object({ synchronised: z.boolean() }).meta({ title: 'clock of the cluster', goodForHours: 24 }),
    'node-settings': nodeSettings.meta({ title: 'settings of the node', goodForHours: 24 }),
    'node-version': z.string().meta({ title: 'version of the node', goodForHours: 36 }),
    'node-name': z.object({ registered: z.boolean() }),
  },
  { 'node-settings': 'node', 'node-version': 'node', 'node-name': 'node' },
);

export type NodeSettings = z.infer<typeof nodeSettings>;

export const clusterSubject = z.strictObject({
  kind: z.literal('cluster'),
  id: z.string(),
  /** Nodes that it should have. */
  nodes: z.array(z.string()).default([]),
});

export const contoso = clusterSubject.parse({ kind: 'cluster', id: 'contoso' });

/** Declares a rule about a cluster. */
export const rule = ruleFactory<typeof clusterFacts, z.infer<typeof clusterSubject>>();

const clusterSettings = settingsOf('0 0 6 * * *', {
  clusters: z.array(clusterSubject.omit({ kind: true })).default([]),
});

/** Two questions about a cluster, answered by the rules of one test; and whatever else that test has to say. */
export function clusterEvaluation(
  rules: readonly AnyRule[],
  changes: Partial<
    Parameters<
      typeof evaluation<
        typeof clusterFacts,
        z.infer<typeof clusterSubject>,
        z.infer<typeof clusterSettings>,
        SubjectFactName<typeof clusterFacts>
      >
    >[0]
  > = {},
): Evaluation {
  return evaluation({
    id: 'cluster',
    title: 'Cluster',
    subjectKind: 'cluster',
    subject: clusterSubject,
    facts: clusterFacts,
    questions: [
      { id: 'now', title: 'Now?' },
      { id: 'later', title: 'Later?' },
    ],
    rules,
    settings: clusterSettings,
    subjectId: { is: 'a cluster', example: 'contoso' },
    subjects: (_, { clusters }) => clusters.map((one) => ({ kind: 'cluster', ...one })),
    ...changes,
  });
}
