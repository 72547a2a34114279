// The Functions host for one machine: what Azure does around the app, in this process and without .NET.
import { join } from 'node:path';
import { createAdmin } from './admin.ts';
import { type FunctionApp, loadFunctions, type RegisteredFunction, triggerOf } from './core.ts';
import { loopback, openHttp } from './http.ts';
import { createInvoke, runHooks } from './invoke.ts';
import { describeError, filterLog, type Log } from './log.ts';
import { createOutputSender, createQueueOpener, createQueues } from './queues.ts';
import { createRouter } from './routes.ts';
import { enterEnvironment, isDisabled, readHostJson } from './settings.ts';
import { createTimers } from './timers.ts';
import { createWorkInFlight, withTimeLimit } from './work.ts';

export interface HostOptions {
  /** The function app's directory. */
  root: string;
  /** The module that registers the functions, relative to `root`: `functions/index.ts`, or the built bundle. */
  entry: string | URL;
  /** host.json, parsed. */
  hostJson: unknown;
  /** Application settings. They stand in `process.env` while the host runs, as in Azure. */
  settings: Readonly<Record<string, string>>;
  /** Connection string of the storage behind `AzureWebJobsStorage`. */
  storageConnection: string;
  /** The HTTP port wanted; when it is taken the next free one is used. 0 means any. */
  port: number;
  log: Log;
  /** The address of the HTTP door; 127.0.0.1 when left out, and then it answers nobody who calls it by another name. */
  address?: string | undefined;
  /** Where the timers' schedules are remembered between starts; left out, they are forgotten. */
  dataFolder?: string;
  /** Asked for at functions of level `function` or `admin` and at `/admin`; left out, nobody is asked. */
  key?: string;
  /** How long a request's body may stand still, in milliseconds; 15 s when left out. */
  bodyIdleMs?: number;
  /** How long all of a body may take, in milliseconds; two minutes when left out. */
  bodyLimitMs?: number;
  /** How long `stop` waits for work in flight before the appTerminate hooks run, in milliseconds. */
  drainLimitMs?: number;
}

export interface Host {
  /** `http://ADDRESS:PORT`; the port may not be the one that was asked for. */
  url: string;
  port: number;
  functions: readonly RegisteredFunction[];
  /** Stops taking work, lets work in flight finish, runs the appTerminate hooks, closes. Safe to call twice. */
  stop(): Promise<void>;
}

const defaultDrainLimitMs = 4500;

/**
 * How long a message that is being worked on stays hidden without a renewal. Azure takes 10 minutes; this host is one
 * process that people kill, and the messages it held must not be gone for 10 minutes.
 */
const leaseSeconds = 30;

/** What Azure gives appTerminate hooks before it ends the worker (`WorkerTerminateGracePeriodInSeconds`). */
const terminateLimitMs = 5000;

/** What a run gets after the appTerminate hooks to put its message back or answer its caller. */
const lastMomentMs = 500;

const triggerTypes = ['httpTrigger', 'timerTrigger', 'queueTrigger'] as const;
const outputTypes = ['http', 'queue'];

/**
 * Loads the functions of an app and runs them: HTTP on 127.0.0.1, timers in UTC, storage queues.
 *
 * @throws Error when the app cannot run here: entry point, host.json, a schedule, a setting or queue that is missing,
 *   an appStart hook that throws (with its message)
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const hostSettings = readHostJson(options.hostJson);
  const { http, queues: queueSettings } = hostSettings.extensions;
  const log = filterLog(hostSettings.logging.logLevel, options.log);
  const given = {
    AzureWebJobsStorage: options.storageConnection,
    // Where it answers on this machine only: its storage is open to whoever sits there.
    ...(options.address === undefined || options.address === loopback ? { FIELDCHECK_LOCAL_ACCESS: 'true' } : {}),
    ...options.settings,
  };
  const settings = { ...process.env, ...given };

  const leaveProcess = enterProcess(given, log);
  try {
    const app = await loadFunctions(options.entry, options.root);
    for (const fn of app.functions) refuseWhatCannotRunHere(fn, log);
    const enabled = app.functions.filter((fn) => !isDisabled(fn.name, settings));
    const byTrigger = (type: (typeof triggerTypes)[number]) => enabled.filter((fn) => triggerOf(fn).type === type);

    const work = createWorkInFlight();
    const open = createQueueOpener(settings);
    const send = createOutputSender(open, queueSettings.messageEncoding);
    const invokeOnce = createInvoke(app, hostSettings.functionTimeout, send, log);
    const invoke: typeof invokeOnce = async (fn, triggerName, input) => {
      try {
        return await invokeOnce(fn, triggerName, input);
      } finally {
        // Whatever ran may have enqueued something, through an output or through the storage client; who only read has not.
        if (!['GET', 'HEAD'].includes(input.data.http?.method ?? '')) queues.wake();
      }
    };
    const common = { settings, invoke, track: work.track, log };
    const stateFile = options.dataFolder === undefined ? undefined : join(options.dataFolder, 'timers.json');
    const timers = createTimers({ ...common, functions: byTrigger('timerTrigger'), stateFile });
    const queues = createQueues(
      { ...common, functions: byTrigger('queueTrigger'), queues: queueSettings, leaseSeconds },
      open,
    );

    const httpFunctions = byTrigger('httpTrigger');
    const match = createRouter(httpFunctions, http.routePrefix);
    let stopping: Promise<void> | undefined;
    const admin = createAdmin({
      functions: app.functions,
      routePrefix: http.routePrefix,
      isDisabled: (name) => isDisabled(name, settings),
      state: () => (stopping ? 'Stopping' : 'Running'),
      runByHand(fn, input) {
        const { type } = triggerOf(fn);
        if (type === 'httpTrigger') return 'not-runnable';
        const run = type === 'timerTrigger' ? timers.runByHand(fn) : queues.runByHand(fn, input);
        work.track(run);
        return 'started';
      },
    });

    const appHook = { hookData: {}, appHookData: {}, functionAppDirectory: options.root };
    await startApp(app, appHook);
    await queues.open();
    const door = await openHttp(
      {
        ...http,
        functions: httpFunctions,
        match,
        invoke,
        admin,
        key: options.key,
        track: work.track,
        log,
        ...(options.bodyIdleMs === undefined ? {} : { bodyIdleMs: options.bodyIdleMs }),
        ...(options.bodyLimitMs === undefined ? {} : { bodyLimitMs: options.bodyLimitMs }),
      },
      options.port,
      options.address,
    );
    queues.start();
    timers.start();

    const stop = async () => {
      door.stopAccepting();
      timers.stop();
      queues.stop();
      const drained = await work.idle(options.drainLimitMs ?? defaultDrainLimitMs);
      try {
        const tooLong = `longer than the ${terminateLimitMs / 1000} s that Azure gives`;
        await withTimeLimit(runHooks(app.hooks, 'appTerminate', appHook), terminateLimitMs, tooLong);
      } catch (error) {
        log({ level: 'error', category: 'Host', message: `An appTerminate hook failed: ${describeError(error)}` });
      }
      // The hook may have told long runs to give up: give them the moment that takes.
      if (!drained && !(await work.idle(lastMomentMs))) {
        log({ level: 'warning', category: 'Host', message: `Runs cut because they did not finish: ${work.count()}.` });
      }
      await door.close();
      leaveProcess();
    };
    return {
      url: door.url,
      port: door.port,
      functions: app.functions,
      stop: () => {
        stopping ??= stop();
        return stopping;
      },
    };
  } catch (error) {
    leaveProcess();
    throw error;
  }
}

/** Makes this process the worker of an app: its settings, and somebody who reports what nobody awaits. */
function enterProcess(settings: Readonly<Record<string, string>>, log: Log): () => void {
  const leaveEnvironment = enterEnvironment(settings);
  const reportStray = (reason: unknown) => {
    const message = `A promise was rejected and nobody awaited it. In Azure this ends the worker. ${describeError(reason)}`;
    log({ level: 'critical', category: 'Host.Function', message });
  };
  process.on('unhandledRejection', reportStray);
  return () => {
    process.off('unhandledRejection', reportStray);
    leaveEnvironment();
  };
}

/** Ends the app's set-up, as the worker does before it runs functions, and runs its appStart hooks. */
async function startApp(app: FunctionApp, hookContext: Record<string, unknown>): Promise<void> {
  const capabilities = await app.model.getCapabilities?.({});
  if (capabilities?.HttpUri !== undefined) {
    throw new Error('The app asks for HTTP streams (enableHttpStream), which the local host does not have.');
  }
  try {
    await runHooks(app.hooks, 'appStart', hookContext);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The app refused to start: ${reason}`, { cause: error });
  }
}

function refuseWhatCannotRunHere(fn: RegisteredFunction, log: Log): void {
  const trigger = triggerOf(fn);
  if (!triggerTypes.some((type) => type === trigger.type)) {
    throw new Error(`Function "${fn.name}": the local host runs ${triggerTypes.join(', ')}, not ${trigger.type}.`);
  }
  for (const [name, binding] of Object.entries(fn.bindings)) {
    if (name === trigger.name || (binding.direction === 'out' && outputTypes.includes(binding.type))) continue;
    throw new Error(
      `Function "${fn.name}": the local host has no ${binding.direction} binding of type ${binding.type}.`,
    );
  }
  if (fn.retryOptions !== undefined && fn.retryOptions !== null) {
    const message = `Function "${fn.name}" has a retry policy, which the local host leaves out.`;
    log({ level: 'warning', category: 'Host', message });
  }
}
