// What the Functions host loads: everything registers itself on import, before the app is started.
import { evaluations } from '../src/evaluations/index.ts';
import { registerFunctions } from './register.ts';

registerFunctions(evaluations);
