// `npm start`: the product on one machine. What there is to run is loaded for a call that can be carried out.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { app, isPackaged } from './place.ts';

const call = isPackaged ? 'fieldcheck demo [--fresh]' : 'npm start [-- --fresh]';
const usage = `${call} [--port 7071] [--data FOLDER] [--verbose] [--sign-in]\n\n--fresh    forget what earlier starts have left in the data folder\n--sign-in  people have to sign in, at a stand-in for Entra ID, so that roles can be tried\n--verbose  show the host’s log`;

const { help, port, 'sign-in': signIn, ...options } = readOptions();
if (help) {
  console.log(usage);
  process.exit(0);
}
const { runDemo } = await import('./demo/run.ts');
await runDemo({ ...options, signIn, port: Number(port) });

function readOptions() {
  try {
    const { values } = parseArgs({
      args: process.argv.slice(isPackaged ? 3 : 2),
      options: {
        fresh: { type: 'boolean', default: false },
        port: { type: 'string', default: '7071' },
        data: { type: 'string', default: isPackaged ? 'fieldcheck-demo' : join(app.root, '.fieldcheck') },
        'sign-in': { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (/^\d{1,5}$/.test(values.port) && Number(values.port) <= 65_535) return values;
    console.error(`--port ${values.port} is no port; give a number from 0 (any) to 65535.\n\n${usage}`);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
  process.exit(3);
}
