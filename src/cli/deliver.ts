import { say } from './progress.ts';
import { type AddCommand, exit, withStore } from './shell.ts';

export const addDeliver: AddCommand = (program, evaluations) => {
  program
    .command('deliver')
    .description('deliver what waits in the outbox')
    .option('--rejected', 'first put back what channels refused for good, once they are mended')
    .action((options: { rejected?: boolean }) =>
      withStore(evaluations, async (app) => {
        if (options.rejected === true) say(`${await app.requeueRejected()} refused notice(s) put back.\n`);
        const delivered = await app.deliver();
        if (delivered.length === 0) say('Nothing waits.\n');
        for (const { channel, runId, subjects, delivery } of delivered) {
          say(`${delivery.outcome}  ${channel}  ${runId}  ${subjects} subject(s): ${delivery.detail}\n`);
        }
        if (delivered.some(({ delivery }) => delivery.outcome !== 'delivered')) process.exitCode = exit.no;
      }),
    );
};
