import { app } from '@azure/functions';
import { type App, createApp, productionPorts } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';

let started: App | undefined;

// The environment is only final when the host has started the app, and a bad setting must stop it loudly: so the
// configuration is read in this hook and not while the modules load.
app.hook.appStart(async () => {
  started = createApp(await productionPorts(loadConfig(process.env), process.env, jsonLog));
});

// The host does not wait for work in flight; this does, within the seconds that the host gives.
app.hook.appTerminate(async () => {
  await started?.stop();
});

/** The App behind every handler. */
export function theApp(): App {
  if (started === undefined) throw new Error('The app was called before it was started.');
  return started;
}

/** One JSON object a line, so that Log Analytics can ask for fields. */
const jsonLog = {
  info: (message: string, fields?: Record<string, unknown>) => write('info', message, fields),
  warn: (message: string, fields?: Record<string, unknown>) => write('warn', message, fields),
  error: (message: string, fields?: Record<string, unknown>) => write('error', message, fields),
};

function write(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown> = {}): void {
  // biome-ignore lint/suspicious/noConsole: the worker hands what is printed to Application Insights
  console[level](JSON.stringify({ message, ...fields }));
}
