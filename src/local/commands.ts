// Commands of the shell that only this runtime has. What they run is loaded when it is asked for.
import { type Command, InvalidArgumentError } from 'commander';

/** Adds `serve`: the product on one machine for keeps. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description('run the doors and the timers on this machine, and keep everything in a folder')
    .option('--data <folder>', 'where everything is kept', process.env.FIELDCHECK_DATA ?? 'fieldcheck-data')
    .option('--port <port>', 'port of the doors; 0 for any', readPort, 7071)
    .option('--address <address>', 'address of the doors; on another people need a key or a sign-in', '127.0.0.1')
    .option('--verbose', 'show the log', false)
    .addHelpText(
      'after',
      `
Settings come from the environment (FIELDCHECK_RESOLVERS, FIELDCHECK_PUBLIC_URL, CHANNEL_...), as in Azure. With
AzureWebJobsStorage set, that storage is used in place of the embedded one, which needs the package azurite
("npm install azurite"). Back up with "fieldcheck export --all --out FOLDER", restore with "fieldcheck import FOLDER".`,
    )
    .action(async (options) => {
      const { serve } = await import('./serve.ts');
      await serve(options);
    });
}

/** Adds `demo`, which is what `npm start` does. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('show an organization of 20 faulty domains on this machine, with its cards, without any network')
    // Read by the demo itself, which `npm start` starts without the shell.
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(async () => {
      await import('./start.ts');
    });
}

/** @throws InvalidArgumentError with a sentence, for what is no port */
function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It is no port; give a number from 0 (any) to 65535.');
}
