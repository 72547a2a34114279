import { AsyncLocalStorage } from 'node:async_hooks';
import { app, type InvocationContext } from '@azure/functions';

interface Running {
  readonly context: InvocationContext;
  /** The host complains of lines for an invocation that is over. */
  ended: boolean;
}

const running = new AsyncLocalStorage<Running>();

/** From now on what is logged while a function runs is logged through its context. */
export function followInvocations(): void {
  app.hook.preInvocation((hook) => {
    const handler = hook.functionHandler;
    hook.functionHandler = (...args) => {
      const current: Running = { context: hook.invocationContext, ended: false };
      return running.run(current, async () => {
        try {
          return await handler(...args);
        } finally {
          current.ended = true;
        }
      });
    };
  });
}

const levels = ['info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];

/**
 * One JSON object a line, so that Log Analytics can ask for fields. Through the invocation's context it keeps its level,
 * its function as category and the id of the invocation; the console, which knows neither, is for what no function does.
 */
export function jsonLog(least: Level) {
  const at =
    (level: Level) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (levels.indexOf(level) < levels.indexOf(least)) return;
      const line = JSON.stringify({ message, ...fields });
      const current = running.getStore();
      if (current === undefined || current.ended) {
        // biome-ignore lint/suspicious/noConsole: the worker hands what is printed to Application Insights
        console[level](line);
      } else current.context[level](line);
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
