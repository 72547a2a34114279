// What the Functions host loads: everything registers itself on import, before the app is started.
import { evaluations } from '../src/evaluations/index.ts';
import { registerFunctions } from './register.ts';

/** Sources run as they are; a bundle has the thread's program beside it. */
const thread = new URL(import.meta.url).pathname.endsWith('.ts') ? './reading-thread.ts' : './reading-thread.js';

registerFunctions(evaluations, new URL(thread, import.meta.url));
