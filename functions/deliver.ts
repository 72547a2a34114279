import type { App, DeliveryMessage } from '../src/app/index.ts';

/**
 * Looks after the runs, then delivers: of one watch, or of all.
 *
 * @throws what either of them threw, when both had their turn; an AggregateError when both did
 */
export async function superviseAndDeliver(
  app: Pick<App, 'superviseRuns' | 'deliver'>,
  only?: DeliveryMessage,
): Promise<void> {
  const faults: unknown[] = [];
  for (const work of [app.superviseRuns, app.deliver]) {
    await work(only).catch((error: unknown) => faults.push(error));
  }
  if (faults.length > 1) throw new AggregateError(faults, faults.map(String).join('; '));
  if (faults.length === 1) throw faults[0];
}
