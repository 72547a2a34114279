// The program of the thread in which large files are read, beside the bundle of the functions.
import { serveDesk } from '../src/app/reading/serve.ts';
import { evaluations } from '../src/evaluations/index.ts';

serveDesk(evaluations);
