import { readJson } from './files.ts';
import { say } from './progress.ts';
import { type AddCommand, withStore } from './shell.ts';

export const addApply: AddCommand = (program, evaluations) => {
  program
    .command('apply')
    .description('write organization documents, after showing what changes')
    .argument('<file>', 'organizations.json: one document or a list')
    .option('--dry-run', 'show what would change, write nothing')
    .action((file: string, options: { dryRun?: boolean }) =>
      withStore(evaluations, async (app) => {
        const { Problem, parseOrganizations } = await import('../app/index.ts');
        const documents = parseOrganizations(evaluations, await readJson(file));
        // All of them before the first is written, so that a refused one leaves nothing half done.
        const previews = documents.map((document) => app.previewOrganization(document));
        for (const [index, document] of documents.entries()) {
          const before = await app.organization(document.id).catch((error: unknown) => {
            if (error instanceof Problem && error.status === 404) return undefined;
            throw error;
          });
          say(difference(document.id, before?.document, previews[index]));
          if (options.dryRun === true) continue;
          const conditions = before === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: [before.etag] };
          await app.putOrganization(document.id, document, conditions);
        }
      }),
    );
};

/** One line for each value that went or came, by its path. */
function difference(id: string, before: unknown, after: unknown): string {
  if (before === undefined) return `${id}: new\n`;
  const old = leaves(before, '');
  const now = leaves(after, '');
  const gone = old.filter((line) => !now.includes(line)).map((line) => `- ${line}`);
  const come = now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`);
  return gone.length + come.length === 0 ? `${id}: unchanged\n` : `${[`${id}:`, ...gone, ...come].join('\n')}\n`;
}

/** `channels.mail-team.kind: "webhook"`. Values in a list have no position: a new one in front changes one line. */
function leaves(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0)
    return [`${path}: ${JSON.stringify(value)}`];
  if (Array.isArray(value))
    return value.flatMap((one, index) => leaves(one, typeof one === 'object' ? `${path}[${index}]` : path));
  return Object.entries(value).flatMap(([key, one]) => leaves(one, path === '' ? key : `${path}.${key}`));
}
