import { randomUUID } from 'node:crypto';
import type {
  Binding,
  CoreInvocationContext,
  FunctionApp,
  FunctionCallback,
  Hooks,
  InvocationResponse,
  RegisteredFunction,
  TypedData,
} from './core.ts';
import { describeError, type Log } from './log.ts';
import { withTimeLimit } from './work.ts';

/** What a trigger hands to its function: the trigger's value and, for queues, its metadata. */
interface TriggerInput {
  data: TypedData;
  metadata?: Record<string, TypedData>;
}

/**
 * Runs a function once and sends its queue outputs when it succeeded.
 *
 * @returns the value of `$return`
 * @throws what the handler or a hook threw, or an Error when `functionTimeout` passed; already logged
 */
export type Invoke = (
  fn: RegisteredFunction,
  triggerName: string,
  input: TriggerInput,
) => Promise<TypedData | null | undefined>;

/**
 * Makes the function that runs functions.
 *
 * @param timeoutMs `functionTimeout` of host.json
 * @param sendOutput sends the data of one output binding
 */
export function createInvoke(
  app: FunctionApp,
  timeoutMs: number,
  sendOutput: (fn: RegisteredFunction, binding: Binding, data: TypedData) => Promise<void>,
  log: Log,
): Invoke {
  return async (fn, triggerName, input) => {
    const invocationId = randomUUID();
    const about = { functionName: fn.name, invocationId };
    const started = performance.now();
    const elapsed = () => `${Math.round(performance.now() - started)} ms`;
    log({ ...about, level: 'debug', category: `Function.${fn.name}`, message: 'Executing' });
    try {
      const context: CoreInvocationContext = {
        invocationId,
        metadata: { name: fn.name, bindings: fn.bindings },
        request: {
          invocationId,
          inputData: [{ name: triggerName, data: input.data }],
          triggerMetadata: input.metadata ?? {},
        },
        state: undefined,
        log(level, category, message) {
          const suffix = category === 'user' ? '.User' : '';
          log({ ...about, level, category: `Function.${fn.name}${suffix}`, message });
        },
      };
      // Azure ends the whole worker when a function runs too long; here only its result is dropped.
      const tooLong = `Function "${fn.name}" ran longer than the functionTimeout of ${timeoutMs / 1000} s.`;
      const response = await withTimeLimit(runInWorker(app, fn.callback, context), timeoutMs, tooLong);
      // Only now: an output of a run that failed must not leave the house.
      await sendOutputs(fn, response, sendOutput);
      log({ ...about, level: 'debug', category: `Function.${fn.name}`, message: `Executed in ${elapsed()}` });
      return response.returnValue;
    } catch (error) {
      const message = `Failed after ${elapsed()}: ${describeError(error)}`;
      log({ ...about, level: 'error', category: `Function.${fn.name}`, message });
      throw error;
    }
  };
}

/** The order in which the Node worker does it (its InvocationHandler), with the library's own model. */
async function runInWorker(
  app: FunctionApp,
  callback: FunctionCallback,
  context: CoreInvocationContext,
): Promise<InvocationResponse> {
  const model = app.model.getInvocationModel(context);
  const { context: invocationContext, inputs } = await model.getArguments();
  // The library's request has a copy of its own; a second one would stand here for as long as the function runs.
  for (const { data } of context.request.inputData) delete data.http?.body?.bytes;
  const hookData = {};

  const pre = { hookData, inputs, invocationContext, functionCallback: callback };
  context.state = 'preInvocationHooks';
  await runHooks(app.hooks, 'preInvocation', pre);

  const post: Record<string, unknown> & { result: unknown; error: unknown } = {
    hookData,
    inputs: pre.inputs,
    invocationContext,
    result: null,
    error: null,
  };
  context.state = 'invocation';
  try {
    post.result = await model.invokeFunction(invocationContext, pre.inputs, pre.functionCallback);
  } catch (error) {
    // A handler may throw anything, also nothing at all; a hook still has to see that it failed.
    post.error = error ?? new Error(`The handler threw ${error}.`);
  }
  context.state = 'postInvocationHooks';
  await runHooks(app.hooks, 'postInvocation', post);
  context.state = undefined;

  if (post.error !== null && post.error !== undefined) throw post.error;
  return model.getResponse(invocationContext, post.result);
}

/** Runs the hooks of one kind one after the other; the first that throws ends it. */
export async function runHooks(hooks: Hooks, name: keyof Hooks, context: Record<string, unknown>): Promise<void> {
  for (const hook of [...hooks[name]]) await hook(context);
}

async function sendOutputs(
  fn: RegisteredFunction,
  response: InvocationResponse,
  sendOutput: (fn: RegisteredFunction, binding: Binding, data: TypedData) => Promise<void>,
): Promise<void> {
  const outputs = [...(response.outputData ?? [])];
  if (response.returnValue) outputs.push({ name: '$return', data: response.returnValue });
  for (const { name, data } of outputs) {
    const binding = fn.bindings[name];
    if (binding && binding.type !== 'http') await sendOutput(fn, binding, data);
  }
}
