import type { RegisteredFunction } from './core.ts';
import { triggerOf } from './core.ts';
import type { AdminAnswer, AdminHandler } from './http.ts';
import { routePath } from './http.ts';

export interface AdminOptions {
  functions: readonly RegisteredFunction[];
  routePrefix: string;
  isDisabled(name: string): boolean;
  state(): 'Running' | 'Stopping';
  /** Starts one run of a timer or queue function, or says that its trigger is neither. */
  runByHand(fn: RegisteredFunction, input: unknown): 'started' | 'not-runnable';
}

/**
 * The administrative doors of the Functions host that are of use on one machine:
 * `GET /admin/host/status`, `GET /admin/functions[/{name}]`, `POST /admin/functions/{name}` with `{"input": …}`.
 * https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
 */
export function createAdmin(options: AdminOptions): AdminHandler {
  const describe = (fn: RegisteredFunction) => ({
    name: fn.name,
    language: 'node',
    isDisabled: options.isDisabled(fn.name),
    ...(triggerOf(fn).type === 'httpTrigger' && { invoke_url_template: routePath(fn, options.routePrefix) }),
    config: { bindings: Object.entries(fn.bindings).map(([name, binding]) => ({ ...binding, name })) },
  });

  return (method, pathname, contentType, body) => {
    const path = pathname.replace(/\/+$/, '').toLowerCase();
    if (path === '/admin/host/status' && method === 'GET') {
      return { status: 200, body: { id: 'fieldcheck-local', state: options.state(), processUptime: uptimeMs() } };
    }
    if (path === '/admin/functions' && method === 'GET') {
      return { status: 200, body: options.functions.map(describe) };
    }
    const [, name] = /^\/admin\/functions\/([^/]+)$/.exec(path) ?? [];
    if (name === undefined) return { status: 404, body: { error: `There is no ${method} ${pathname}.` } };

    const fn = options.functions.find((candidate) => candidate.name.toLowerCase() === name);
    if (!fn) {
      const known = options.functions.map((candidate) => candidate.name).join(', ');
      return { status: 404, body: { error: `There is no function "${name}". Known: ${known}.` } };
    }
    if (method === 'GET') return { status: 200, body: describe(fn) };
    if (method === 'POST') return run(fn, contentType, body);
    return { status: 405, body: { error: `A function is read by GET and run by POST, not ${method}.` } };
  };

  function run(fn: RegisteredFunction, contentType: string, body: Buffer): AdminAnswer {
    // Asked for by the real host too, and what keeps plain HTML forms out.
    if (!/^application\/json\b/i.test(contentType)) {
      return { status: 415, body: { error: 'Send Content-Type: application/json with a body like {"input": ""}.' } };
    }
    const input = readInput(body);
    if (!input) return { status: 400, body: { error: 'The body must be a JSON object like {"input": ""}.' } };
    if (options.runByHand(fn, input.input) === 'started') return { status: 202 };
    const path = routePath(fn, options.routePrefix);
    return { status: 400, body: { error: `"${fn.name}" is an HTTP function: call ${path}.` } };
  }
}

function readInput(body: Buffer): { input?: unknown } | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function uptimeMs(): number {
  return Math.round(process.uptime() * 1000);
}
