// The seam between the Functions library and whatever hosts it. `@azure/functions` asks for a module named
// `@azure/functions-core`, which exists in no package registry: the Node worker answers that one `require` itself.
// This file does the same, so that the functions register here exactly as they do in Azure.
import Module from 'node:module';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** One binding as the library describes it to a host: `type`, `direction` and the options of that type. */
export interface Binding {
  type: string;
  name?: string;
  direction?: string;
  [option: string]: unknown;
}

/** A value on the wire between host and worker: exactly one of the properties is set. */
export interface TypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array | ArrayBuffer;
  int?: number;
  double?: number;
  http?: HttpData;
}

/** An HTTP request on its way in, or a response on its way out. */
export interface HttpData {
  method?: string;
  url?: string;
  nullableHeaders?: Record<string, { value: string }>;
  nullableQuery?: Record<string, { value: string }>;
  nullableParams?: Record<string, { value: string }>;
  body?: TypedData | null;
  statusCode?: string;
  headers?: Record<string, string>;
  cookies?: HttpCookie[];
}

/** A response cookie as the library hands it over; `expires` in seconds since 1970, `sameSite` `none` = not said. */
export interface HttpCookie {
  name: string;
  value: string;
  domain?: { value: string };
  path?: { value: string };
  expires?: { value: { seconds: number } };
  secure?: { value: boolean };
  httpOnly?: { value: boolean };
  sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
  maxAge?: { value: number };
}

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';

/** A function's handler, as the library calls it: inputs first, the invocation context last. */
export type FunctionCallback = (...inputsAndContext: unknown[]) => unknown;

export interface RegisteredFunction {
  name: string;
  bindings: Record<string, Binding>;
  callback: FunctionCallback;
  /** The retry policy, when the function has one. */
  retryOptions?: unknown;
}

const hookNames = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation'] as const;
type HookName = (typeof hookNames)[number];
type HookCallback = (context: Record<string, unknown>) => unknown;
export type Hooks = Record<HookName, HookCallback[]>;

/** What the host tells the library about one invocation. */
export interface CoreInvocationContext {
  invocationId: string;
  metadata: { name: string; bindings: Record<string, Binding> };
  request: {
    invocationId: string;
    inputData: { name: string; data: TypedData }[];
    triggerMetadata: Record<string, TypedData>;
  };
  state: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  log(level: LogLevel, category: string, message: string): void;
}

/** What an invocation gave back: `returnValue` belongs to the binding `$return`, `outputData` to every other output. */
export interface InvocationResponse {
  outputData?: { name: string; data: TypedData }[];
  returnValue?: TypedData | null | undefined;
}

/** The library's side of one invocation: converts inputs, calls the handler, converts outputs. */
interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

interface ProgrammingModel {
  name: string;
  version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

/** A loaded function app: what its entry point registered, and the library that runs it. */
export interface FunctionApp {
  functions: RegisteredFunction[];
  hooks: Hooks;
  model: ProgrammingModel;
}

interface Registration {
  functions: RegisteredFunction[];
  hooks: Hooks;
  open: boolean;
}

class Disposable {
  readonly #dispose: () => void;
  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }
  dispose(): void {
    this.#dispose();
  }
}

// One per process, as in the worker: the library asks for the core once and keeps what it got.
let registration: Registration | undefined;
let model: ProgrammingModel | undefined;
let patched = false;

const core = {
  // Not a version of the real worker or host, so that nobody takes this for one.
  version: '0.0.0-fieldcheck-local',
  hostVersion: '4.0.0-fieldcheck-local',
  Disposable,
  registerFunction(metadata: Omit<RegisteredFunction, 'callback'>, callback: FunctionCallback) {
    if (!registration?.open) {
      throw new Error(`Function "${metadata.name}" was registered after start-up. Register it while the app loads.`);
    }
    const { functions } = registration;
    const added = { ...metadata, callback };
    functions.push(added);
    return new Disposable(() => functions.splice(functions.indexOf(added), 1));
  },
  registerHook(name: string, callback: HookCallback) {
    if (!isHookName(name)) {
      // What a host that does not know a hook throws: the library turns it into its own sentence.
      throw Object.assign(new RangeError(`Unrecognized hook "${name}"`), { isAzureFunctionsSystemError: true });
    }
    if (!registration) throw new Error(`Hook "${name}" was registered before an app was loaded.`);
    const callbacks = registration.hooks[name];
    callbacks.push(callback);
    return new Disposable(() => callbacks.splice(callbacks.indexOf(callback), 1));
  },
  setProgrammingModel(next: ProgrammingModel) {
    model = next;
  },
  getProgrammingModel: () => model,
  log(level: LogLevel, _category: string, message: string) {
    if (level === 'warning' || level === 'error' || level === 'critical') console.error(message);
  },
};

function isHookName(name: string): name is HookName {
  return (hookNames as readonly string[]).includes(name);
}

function answerRequireOfCore(): void {
  if (patched) return;
  patched = true;
  const original = Module.prototype.require;
  Module.prototype.require = Object.assign(function (this: Module, id: string) {
    return id === '@azure/functions-core' ? core : original.call(this, id);
  }, original);
}

const loaded = new Map<string, Promise<FunctionApp>>();
let previousLoad: Promise<unknown> = Promise.resolve();

/**
 * Imports the entry point of a function app and returns what it registered, refusing what the Functions host refuses.
 * A second call for the same entry returns the first result: a module registers once per process.
 *
 * @param entry path of the module that registers everything (`functions/index.ts`, or the bundle that package.json's
 *   `main` names), relative to `root`, or a URL
 * @param root the function app's directory
 * @throws Error when the entry point throws, registers nothing, or registers what Azure would not accept
 */
export function loadFunctions(entry: string | URL, root: string): Promise<FunctionApp> {
  const url = entry instanceof URL ? entry : pathToFileURL(isAbsolute(entry) ? entry : resolve(root, entry));
  const before = loaded.get(url.href);
  if (before) return before;
  // One after the other: registrations carry no sender, so two apps that load at once would mix.
  const load = previousLoad.then(() => importApp(url));
  previousLoad = load.catch(() => undefined);
  loaded.set(url.href, load);
  return load;
}

async function importApp(url: URL): Promise<FunctionApp> {
  answerRequireOfCore();
  const current: Registration = {
    functions: [],
    hooks: { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [] },
    open: true,
  };
  registration = current;
  try {
    await import(url.href);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The entry point ${url.pathname} failed: ${reason}. In Azure this starts an app without any function.`,
      { cause: error },
    );
  } finally {
    current.open = false;
  }
  if (current.functions.length === 0 || !model) {
    throw new Error(
      `The entry point ${url.pathname} registered 0 functions. It must call app.http, app.timer or app.storageQueue while it loads; a bundle must keep a real require('@azure/functions-core').`,
    );
  }
  refuseWhatAzureRefuses(current.functions);
  return { functions: current.functions, hooks: current.hooks, model };
}

/** The binding that starts a function: the one whose type ends in `Trigger`, with its name. */
export function triggerOf(fn: RegisteredFunction): Binding & { name: string } {
  for (const [name, binding] of Object.entries(fn.bindings)) {
    if (/trigger$/i.test(binding.type)) return { ...binding, name };
  }
  throw new Error(`Function "${fn.name}" has no trigger.`);
}

/** The path template of an HTTP function below the route prefix; without `route` it is the function's name. */
export function routeOf(fn: RegisteredFunction): string {
  const { route } = triggerOf(fn);
  return (typeof route === 'string' ? route : fn.name).replace(/^\/+|\/+$/g, '');
}

/** The methods of an HTTP function in upper case. */
export function methodsOf(fn: RegisteredFunction): string[] {
  const { methods } = triggerOf(fn);
  return Array.isArray(methods) ? methods.map((method) => String(method).toUpperCase()) : [];
}

function refuseWhatAzureRefuses(functions: readonly RegisteredFunction[]): void {
  const names = new Set<string>();
  const routes = new Map<string, string>();
  for (const fn of functions) {
    if (!/^[a-z][a-z0-9_-]{0,127}$/i.test(fn.name) || fn.name.toLowerCase() === 'host') {
      throw new Error(
        `Function name "${fn.name}" is not accepted by Azure: a letter, then up to 127 letters, digits, "_" or "-", and not "host".`,
      );
    }
    if (names.has(fn.name.toLowerCase())) throw new Error(`Two functions are named "${fn.name}".`);
    names.add(fn.name.toLowerCase());

    if (triggerOf(fn).type !== 'httpTrigger') continue;
    const route = routeOf(fn);
    if (/^(admin|runtime)(\/|$)/i.test(route)) {
      throw new Error(
        `Function "${fn.name}": route "${route}" starts with "${route.split('/')[0]}", which Azure keeps for itself.`,
      );
    }
    for (const method of methodsOf(fn)) {
      const key = `${method} ${route.toLowerCase()}`;
      const other = routes.get(key);
      if (other !== undefined)
        throw new Error(`Functions "${other}" and "${fn.name}" both answer ${method} "${route}".`);
      routes.set(key, fn.name);
    }
  }
}
