import { app, type Cookie } from '@azure/functions';
import { deliveryMessage, type HostCookie, queuedWork } from '../src/app/index.ts';
import { type TimerSetting, timerSchedule } from '../src/config.ts';
import { answerOf, doorsOf, forBrowser } from '../src/doors/index.ts';
import type { Registry } from '../src/evaluations/registry.ts';
import { appOfHost } from './app.ts';
import { superviseAndDeliver } from './deliver.ts';

/** As its name promises, and sent along by no other site with what changes something. */
function hostCookie({ name, value, maxAgeSeconds }: HostCookie): Cookie {
  return { name, value, maxAge: maxAgeSeconds, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' };
}

/**
 * Registers every function: doors from their table, timers and queues.
 *
 * @param readingThread the program of the thread in which large files are read
 */
export function registerFunctions(evaluations: Registry, readingThread: URL): void {
  const theApp = appOfHost(evaluations, readingThread);

  for (const door of doorsOf(evaluations)) {
    app.http(door.id, {
      methods: door.method === 'GET' ? ['GET', 'HEAD'] : [door.method],
      route: door.path,
      // Who may do what is decided by the door: the host knows keys of the app only, and each opens every organization.
      authLevel: 'anonymous',
      handler: async (request, context) => {
        const { cookies = [], ...answer } = forBrowser(
          await answerOf(door, theApp, request, (error) => context.error(error)),
        );
        return { ...answer, cookies: cookies.map(hostCookie) };
      },
    });
  }

  const timer = (name: string, setting: TimerSetting, work: () => Promise<unknown>) =>
    app.timer(name, { schedule: timerSchedule(process.env, setting), handler: async () => void (await work()) });

  /** An error goes out to the host, which gives the message again and in the end poisons it. */
  const queue = (name: string, queueName: string, work: (message: unknown) => Promise<unknown>) =>
    app.storageQueue(name, {
      queueName,
      connection: 'AzureWebJobsStorage',
      handler: async (message) => void (await work(message)),
    });

  // Starts the runs whose schedule has come due. Called twice for a slot it starts nothing the second time.
  timer('startDueRuns', 'FIELDCHECK_DUE_SCHEDULE', () => theApp().startDueRuns());

  // Does one slice of a run, or several small ones; or starts small runs that are due, and does them.
  queue('workSlice', 'slices', (message) => {
    const { due, slices } = queuedWork(message);
    return due.length > 0 ? theApp().workDue(due) : theApp().workSlices(slices);
  });

  // A run has just found something: tell it without waiting for the timer.
  queue('deliverNudged', 'deliveries', (message) => superviseAndDeliver(theApp(), deliveryMessage.parse(message)));

  // Looks after the runs, and delivers whatever waits: what was put off, and what a lost nudge left behind. Then it looks
  // how all is, so that whoever asks need not wait for it.
  timer('deliver', 'FIELDCHECK_DELIVERY_SCHEDULE', () =>
    superviseAndDeliver(theApp()).finally(() => theApp().keepHealth()),
  );

  // Deletes what is older than its organization wants it kept.
  timer('retain', 'FIELDCHECK_RETENTION_SCHEDULE', () => theApp().retain());

  // Once a day: that all is running, in the log and to the channels that ask for it.
  timer('heartbeat', 'FIELDCHECK_HEARTBEAT_SCHEDULE', () => theApp().heartbeat());
}
