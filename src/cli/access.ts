import { Option } from 'commander';
import { grantedRole, granteeKind } from '../domain/access.ts';
import { say } from './progress.ts';
import { type AddCommand, count, print, withStore } from './shell.ts';

interface Json {
  readonly json?: boolean;
}

/** Who may do what, and who did what. */
export const addAccess: AddCommand = (program, evaluations) => {
  const access = program.command('access').description('who has which role in an organization');
  access
    .command('give')
    .description('give a user, a group or an application a role, by its object id in Entra ID')
    .argument('<organization>')
    .argument('<kind>', granteeKind.options.join(', '))
    .argument('<id>')
    .addOption(new Option('--role <role>', 'what it may do').choices(grantedRole.options).default('reader'))
    .option('--name <name>', 'for people who read the list')
    .option('--json', 'print as JSON')
    .action(
      (organization: string, kind: string, id: string, { role, name, json }: Json & { role: string; name?: string }) =>
        withStore(evaluations, async (app) => {
          const given = await app.putGrant(organization, { kind, id }, { role, name });
          if (json === true) print(given);
          else say(`${kind} ${given.id} is ${role} of ${organization}\n`);
        }),
    );
  access
    .command('list')
    .argument('<organization>')
    .option('--json', 'print as JSON')
    .action((organization: string, { json }: Json) =>
      withStore(evaluations, async (app) => {
        const all = await app.grants(organization);
        if (json === true) return print(all);
        if (all.length === 0) say(`Nobody has a role in ${organization} alone.\n`);
        for (const { kind, id, role, name, by, at } of all)
          say(`${role.padEnd(8)}  ${kind} ${id}${name === undefined ? '' : ` (${name})`}, given ${at} by ${by}\n`);
      }),
    );
  access
    .command('take')
    .description('take it back')
    .argument('<organization>')
    .argument('<kind>')
    .argument('<id>')
    .action((organization: string, kind: string, id: string) =>
      withStore(evaluations, async (app) => {
        await app.deleteGrant(organization, { kind, id });
        say(`${kind} ${id} has no role in ${organization} alone any more\n`);
      }),
    );

  program
    .command('audit')
    .description('who changed what')
    .command('list')
    .description('newest first')
    .argument('[organization]', 'all of them when left out')
    .addOption(new Option('--limit <n>', 'how many').argParser(count).default(100))
    .option('--json', 'print as JSON')
    .action((organization: string | undefined, { limit, json }: Json & { limit: number }) =>
      withStore(evaluations, async (app) => {
        const { items } = await app.audit(organization, limit);
        if (json === true) return print(items);
        if (items.length === 0) say('Nothing was changed.\n');
        for (const { at, by, via, action, organization: where, target, detail } of items)
          say(
            `${at}  ${by.name} (${via})  ${[action, where, target].filter(Boolean).join(' ')}${detail === undefined ? '' : `: ${detail}`}\n`,
          );
      }),
    );
};
