import { app } from '@azure/functions';
import { createApp, type HostedApp, productionPorts } from '../src/app/index.ts';
import { loadConfig } from '../src/config.ts';
import type { Registry } from '../src/evaluations/registry.ts';
import { followInvocations, jsonLog } from './log.ts';

/** Starts and stops the App with the host. @returns the App behind every handler */
export function appOfHost(evaluations: Registry, readingThread: URL): () => HostedApp {
  let started: HostedApp | undefined;
  followInvocations();

  // The environment is only final when the host has started the app, and a bad setting must stop it loudly: so the
  // configuration is read in this hook and not while the modules load.
  app.hook.appStart(async () => {
    const config = loadConfig(process.env);
    const ports = await productionPorts(evaluations, config, process.env, jsonLog(config.FIELDCHECK_LOG_LEVEL));
    started = createApp({ ...ports, readingThread });
  });

  // The host does not wait for work in flight; this does, within the seconds that the host gives.
  app.hook.appTerminate(async () => {
    await started?.stop();
  });

  return () => {
    if (started === undefined) throw new Error('The app was called before it was started.');
    return started;
  };
}
