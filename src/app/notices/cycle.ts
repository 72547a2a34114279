import type { Cycle } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { Ports } from '../ports.ts';

/** No ping holds up a run for longer. */
const limitMs = 10_000;

/** Channels of an evaluation that hear of cycles. */
export function pingsOf(document: OrganizationDocument, evaluation: string): readonly string[] {
  return (document.evaluations[evaluation]?.channels ?? []).filter((name) => document.channels[name]?.kind === 'ping');
}

/** Tells the pings of an evaluation what became of a run of it. Never throws: a ping that fails disturbs no run. */
export async function tellCycle(
  { notifierFor, log }: Pick<Ports, 'notifierFor' | 'log'>,
  document: OrganizationDocument,
  evaluation: string,
  cycle: Cycle,
): Promise<void> {
  const pings = pingsOf(document, evaluation);
  await Promise.all(
    pings.map(async (channel) => {
      const { phase, runId } = cycle;
      const fields = { organization: document.id, evaluation, channel, runId, phase };
      try {
        const delivery = await notifierFor(document, channel).cycle?.(cycle, AbortSignal.timeout(limitMs));
        if (delivery !== undefined && delivery.outcome !== 'delivered')
          log.warn('ping not delivered', { ...fields, outcome: delivery.outcome, detail: delivery.detail });
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        log.warn('ping not delivered', { ...fields, outcome: 'rejected', detail });
      }
    }),
  );
}
