import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { readIncidentKey } from '../domain/incident.ts';
import { type Statement, wordsOf } from '../domain/statement.ts';
import { say } from './progress.ts';
import { type AddCommand, BadCall, withStore } from './shell.ts';

interface Said {
  readonly until: string;
  readonly reason: string;
  readonly ticket?: string;
  readonly by?: string;
  readonly json?: boolean;
}

export const addSilence: AddCommand = (program, evaluations) => {
  const silence = program.command('silence').description('what is not told during a maintenance');
  said(silence.command('add').description('silence what fits, until a time').argument('<organization>'))
    .option('--from <time>', 'ISO 8601; now when left out')
    .option('--evaluation <name>', 'of this evaluation')
    .option('--subject <pattern>', 'of these subjects; * stands for any characters')
    .option('--rule <id>', 'of this rule')
    .option('--owner <owner>', 'that this owner has to mend')
    .option('--target <target>', 'of this target')
    .action((organization: string, { from, until, reason, ticket, by, json, ...match }: Said & { from?: string }) =>
      withStore(evaluations, async (app) =>
        show(await app.addSilence(organization, { match, from, until, reason, ticket }, by ?? caller()), json === true),
      ),
    );
  listAndEnd(silence, evaluations, 'silence');
};

export const addAccept: AddCommand = (program, evaluations) => {
  const accept = program.command('accept').description('incidents that are accepted: risks that are known');
  said(
    accept
      .command('add')
      .description('accept an incident until a time, or until it gets worse')
      .argument('<key>', '<organization>/<evaluation>/<subject>/<rule>[#<target>]'),
  ).action((key: string, { until, reason, ticket, by, json }: Said) =>
    withStore(evaluations, async (app) => {
      const parts = readIncidentKey(key);
      if (parts === undefined)
        throw new BadCall(
          `"${key}" is no incident; a key reads <organization>/<evaluation>/<subject>/<rule>[#<target>]`,
        );
      show(await app.addAcceptance(parts.organization, { key, until, reason, ticket }, by ?? caller()), json === true);
    }),
  );
  listAndEnd(accept, evaluations, 'acceptance');
};

function said(command: Command): Command {
  return command
    .requiredOption('--until <time>', 'ISO 8601: when it ends by itself')
    .requiredOption('--reason <text>', 'why')
    .option('--ticket <id>', 'where it is followed up')
    .option('--by <name>', 'who says it; who is signed in to this machine when left out')
    .option('--json', 'print JSON');
}

function listAndEnd(command: Command, evaluations: Parameters<AddCommand>[1], kind: Statement['kind']): void {
  command
    .command('list')
    .description('what holds or is to come')
    .argument('<organization>')
    .option('--all', 'also what has ended')
    .option('--json', 'print JSON')
    .action((organization: string, { all, json }: { all?: boolean; json?: boolean }) =>
      withStore(evaluations, async (app) => {
        const statements = await app.statements(organization, kind, all === true);
        if (json === true) say(`${JSON.stringify(statements, undefined, 1)}\n`);
        else if (statements.length === 0) say('None.\n');
        else for (const one of statements) say(lineOf(one));
      }),
    );
  command
    .command('end')
    .description('end it before its time')
    .argument('<organization>')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action((organization: string, id: string, { json }: { json?: boolean }) =>
      withStore(evaluations, async (app) =>
        show(await app.endStatement(organization, kind, id, caller()), json === true),
      ),
    );
}

function show(one: Statement, asJson: boolean): void {
  say(asJson ? `${JSON.stringify(one, undefined, 1)}\n` : lineOf(one));
}

function lineOf(one: Statement): string {
  const about =
    one.kind === 'acceptance'
      ? one.key
      : Object.entries(one.match)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ');
  const ended = one.endedAt === undefined ? '' : ` Ended ${one.endedAt}: ${one.endedFor}.`;
  return `${one.id}  ${about}  ${wordsOf(one)}${ended}\n`;
}

function caller(): string {
  return userInfo().username;
}
