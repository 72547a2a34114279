// The App with everything around it in the test's hands: clock, queue, resolvers, channel. What is under it is real.

import { createApp, type HostedApp } from '../../src/app/index.ts';
import { channelNotifiers, type Ports } from '../../src/app/ports.ts';
import { loadConfig } from '../../src/config.ts';
import { evaluations as productEvaluations } from '../../src/evaluations/index.ts';
import type { Registry } from '../../src/evaluations/registry.ts';
import type { DeliveryMessage, DueMessage, SliceMessage } from '../../src/queue/queue.ts';
import { createWorld, type World } from '../../src/sources/world.ts';
import type { Store } from '../../src/store/store.ts';

/** 06:00 UTC on 24 November 2026: the default schedule of dkim comes due. */
export const sixOClock = new Date('2026-11-24T06:00:00Z');

export interface Clock {
  readonly now: () => Date;
  advance(step: {
    readonly days?: number;
    readonly hours?: number;
    readonly minutes?: number;
    readonly seconds?: number;
  }): void;
}

export function createClock(start: Date = sixOClock): Clock {
  let at = start.getTime();
  return {
    now: () => new Date(at),
    advance({ days = 0, hours = 0, minutes = 0, seconds = 0 }) {
      at += (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
    },
  };
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Machine {
  readonly app: HostedApp;
  readonly clock: Clock;
  readonly log: readonly LogLine[];
  /** Messages that wait, oldest first. */
  readonly slices: SliceMessage[];
  /** Runs that were handed over to be started. */
  readonly due: DueMessage[];
  readonly deliveries: DeliveryMessage[];
  /** Settings of the environment; `secret:NAME` is looked up here when a notice is sent. */
  readonly environment: Record<string, string>;
  /**
   * Works on what waits as the queue's host does: a message that fails goes back, and its error comes out at the end.
   *
   * @returns the errors
   */
  work(): Promise<unknown[]>;
}

export interface MachineOptions {
  readonly store: Store;
  readonly resolvers: readonly string[];
  /** The product's, when left out. */
  readonly evaluations?: Registry;
  readonly clock?: Clock;
  readonly notifierFor?: Ports['notifierFor'];
  /** What a tenant lists as its domains; left out, nobody may sign in to it. */
  readonly discover?: World['discover'];
  /** Who may do what; whoever calls has all rights when left out. */
  readonly ports?: Pick<Ports, 'localAccess' | 'signIn' | 'readingThread'> & { readonly publicUrl?: string };
}

export function createMachine({
  store,
  resolvers,
  evaluations = productEvaluations,
  clock = createClock(),
  notifierFor,
  discover,
  ports: given = {},
}: MachineOptions): Machine {
  const slices: SliceMessage[] = [];
  const due: DueMessage[] = [];
  const deliveries: DeliveryMessage[] = [];
  const log: LogLine[] = [];
  const environment: Record<string, string> = {};
  const at =
    (level: LogLine['level']) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      void log.push({ level, message, fields });
  const app = createApp({
    store,
    queue: {
      open: async () => {},
      // Through JSON, as a message travels.
      sendSlices: async (messages) => void slices.push(...JSON.parse(JSON.stringify(messages))),
      sendDue: async (messages) => void due.push(...messages),
      sendDelivery: async (message) => void deliveries.push(message),
    },
    evaluations,
    world: { ...createWorld({ resolvers }), ...(discover === undefined ? {} : { discover }) },
    log: { info: at('info'), warn: at('warn'), error: at('error') },
    clock: clock.now,
    notifierFor: notifierFor ?? channelNotifiers(loadConfig({ FIELDCHECK_LOCAL_CHANNELS: 'true' }), environment),
    publicUrl: undefined,
    localChannels: true,
    localAccess: true,
    ...given,
  });
  return {
    app,
    clock,
    log,
    slices,
    due,
    deliveries,
    environment,
    async work() {
      const errors: unknown[] = [];
      const handedOver = due.splice(0);
      if (handedOver.length > 0) {
        try {
          await app.workDue(handedOver);
        } catch (error) {
          errors.push(error);
          due.push(...handedOver);
        }
      }
      for (const message of slices.splice(0)) {
        try {
          await app.workSlice(message);
        } catch (error) {
          errors.push(error);
          slices.push(message);
        }
      }
      for (const message of deliveries.splice(0)) {
        await app.superviseRuns(message);
        await app.deliver(message);
      }
      return errors;
    },
  };
}
