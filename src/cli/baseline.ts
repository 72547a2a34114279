import { say } from './progress.ts';
import { type AddCommand, withStore } from './shell.ts';

export const addBaseline: AddCommand = (program, evaluations) => {
  const evaluation = evaluations.all.find(({ baseline }) => baseline !== undefined);
  if (evaluation === undefined) return;
  program
    .command('baseline')
    .description('what was accepted as right, so that drift is a finding')
    .command('accept')
    .description('accept what the supplied facts say of the nodes of an SMTP service')
    .argument('<organization>')
    .argument('<service>')
    .option('--by <name>', 'who accepts it')
    .action((organization: string, service: string, options: { by?: string }) =>
      withStore(evaluations, async (app) => {
        const { nodes, missing, acceptedAt, collectedAt } = await app.acceptBaseline(
          organization,
          evaluation.id,
          service,
          options.by,
        );
        const asOf = collectedAt === undefined ? '' : `, as collected ${collectedAt}`;
        say(`${service}: baseline of ${nodes.join(', ')} accepted ${acceptedAt}${asOf}\n`);
        if (missing.length > 0) say(`without ${missing.join(', ')}: there are no facts\n`);
      }),
    );
};
