import { evaluations } from '../evaluations/index.ts';
import { runShell } from './index.ts';

await runShell(evaluations, process.argv);
