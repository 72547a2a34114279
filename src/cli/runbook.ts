import { addEvaluateOptions, addOption, type EvaluateOptions, evaluate } from './evaluate.ts';
import { note, say } from './progress.ts';
import { type AddCommand, BadCall, exitCodeOf, print } from './shell.ts';

/** How a runbook is printed. */
const formats = ['md', 'json'] as const;

/** From what `evaluate` finds to a change that can be taken back: it takes the same options, and executes nothing. */
export const addRunbook: AddCommand = (program, evaluations) => {
  const having = evaluations.all.filter(({ runbook }) => runbook !== undefined);
  if (having.length === 0) return;
  const names = having.map(({ id }) => id);
  const command = program
    .command('runbook')
    .description(
      'print, node by node and for the load balancer, what is missing for Direct Server Return, with what undoes it',
    )
    .argument('<evaluation>', names.join(', '));
  addEvaluateOptions(command, having);
  for (const { inShell } of having) {
    for (const option of inShell?.options ?? []) addOption(command, option, option.description);
  }
  addOption(command, { flags: '--format <format>', description: '', choices: formats }, 'of what is printed');
  command.action(async (name: string, options: EvaluateOptions & { readonly format: (typeof formats)[number] }) => {
    if (!names.includes(name))
      throw new BadCall(`runbook: there is none for ${name}; write: runbook ${names.join(', ')}.`);
    const { runbookMarkdown, runbooksOf } = await import('../app/index.ts');
    const { evaluation, runs, facts } = await evaluate(evaluations, name, [], options);
    const told = runbooksOf(evaluation, runs, facts);
    const without = facts.flatMap(({ subject }) =>
      told.has(subject.id) ? [] : (evaluation.runbook?.nothing(subject) ?? []),
    );
    if (told.size === 0) throw new BadCall(without.join(' '));
    for (const sentence of without) note(sentence);
    const all = [...told.values()];
    const [first, ...more] = all.map(({ json }) => json);
    if (options.json === true || options.format === 'json') print(more.length === 0 ? first : [first, ...more]);
    else say(all.map(({ arranged }) => runbookMarkdown(arranged)).join('\n'));
    process.exitCode = exitCodeOf(all.map(({ answer }) => answer));
  });
};
