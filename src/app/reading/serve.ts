import { parentPort } from 'node:worker_threads';
import type { Registry } from '../../evaluations/registry.ts';
import { createDesk } from './desk.ts';
import { type Question, type Reply, sent } from './thread.ts';

/** What a thread that reads does all its life: it answers what it is asked of the one thing that it was given. */
export function serveDesk(evaluations: Registry): void {
  const desk = createDesk(evaluations);
  const reply = (answer: Reply) => parentPort?.postMessage(answer);
  parentPort?.on('message', async ({ id, method, given }: Question) => {
    try {
      reply({ id, value: await (desk[method] as (...args: readonly unknown[]) => unknown)(...given) });
    } catch (error) {
      reply({ id, error: sent(error) });
    }
  });
}
