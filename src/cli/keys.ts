import { InvalidArgumentError, Option } from 'commander';
import { isGood, keyRole, type OrganizationKey } from '../domain/access.ts';
import { say } from './progress.ts';
import { type AddCommand, print, withStore } from './shell.ts';

interface AddOptions {
  readonly role: string;
  readonly days?: number;
  readonly json?: boolean;
}

export const addKeys: AddCommand = (program, evaluations) => {
  const keys = program
    .command('keys')
    .description('keys of an organization: for collectors, and programs that read or operate');
  keys
    .command('add')
    .description('make a key; it is shown this once')
    .argument('<organization>')
    .argument('<name>', 'what it is for: EX1')
    .addOption(new Option('--role <role>', 'what it may do').choices(keyRole.options).default('collector'))
    .option('--days <n>', 'how long it counts (365)', days)
    .option('--json', 'print as JSON')
    .action((organization: string, name: string, { role, days: life, json }: AddOptions) =>
      withStore(evaluations, async (app) => {
        const made = await app.addKey(organization, { name, role, days: life });
        if (json === true) return print(made);
        say(
          `${made.key}\n${made.name} of ${organization} (${made.role}), good until ${made.expiresAt}. It is not shown again.\n`,
        );
      }),
    );
  keys
    .command('list')
    .description('which keys there are, never what they are')
    .argument('<organization>')
    .option('--json', 'print as JSON')
    .action((organization: string, { json }: { json?: boolean }) =>
      withStore(evaluations, async (app) => {
        const all = await app.keys(organization);
        if (json === true) return print(all);
        if (all.length === 0) say(`${organization} has no key.\n`);
        for (const key of all) say(`${key.id}  ${key.role.padEnd(9)}  ${key.name}: ${lifeOf(key, new Date())}\n`);
      }),
    );
  keys
    .command('end')
    .description('end a key')
    .argument('<organization>')
    .argument('<id>', 'of keys list')
    .option('--json', 'print as JSON')
    .action((organization: string, id: string, { json }: { json?: boolean }) =>
      withStore(evaluations, async (app) => {
        const ended = await app.endKey(organization, id);
        if (json === true) print(ended);
        else
          say(
            `${ended.name} (${id}) of ${organization} is ended; where it was used lately it may count for a minute.\n`,
          );
      }),
    );
};

function lifeOf(key: OrganizationKey, now: Date): string {
  const used = key.lastUsedAt === undefined ? 'never used' : `last used ${key.lastUsedAt}`;
  if (key.endedAt !== undefined) return `ended ${key.endedAt}, ${used}`;
  return `${isGood(key, now) ? 'good until' : 'expired'} ${key.expiresAt}, ${used}, made ${key.at} by ${key.by}`;
}

function days(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('Write a whole number of days from 1 to 730.');
  return Number(text);
}
