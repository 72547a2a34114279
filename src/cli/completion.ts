import type { Argument, Command, Option } from 'commander';
import type { Registry } from '../evaluations/registry.ts';
import { say } from './progress.ts';
import type { AddCommand } from './shell.ts';

const shells = ['bash', 'zsh', 'powershell'] as const;
type Shell = (typeof shells)[number];

/** A command as a shell completes it. */
interface Completed {
  readonly name: string;
  readonly options: readonly { readonly flag: string; readonly choices: readonly string[] }[];
  /** Words that may stand behind the command. */
  readonly words: readonly string[];
}

/** Prints the script with which a shell completes commands, options and their words. */
export const addCompletion: AddCommand = (program, evaluations) => {
  program
    .command('completion')
    .description('print the script with which a shell completes commands and options')
    .argument('<shell>', shells.join(', '))
    .addHelpText(
      'after',
      '\nbash:        source <(fieldcheck completion bash)\nzsh:         source <(fieldcheck completion zsh)\nPowerShell:  fieldcheck completion powershell | Out-String | Invoke-Expression',
    )
    .action((shell: string, _: object, command: Command) => {
      const known = shells.find((one) => one === shell.toLowerCase());
      if (known === undefined)
        command.error(`fieldcheck: there is no completion for "${shell}"; there is ${shells.join(', ')}.`, {
          exitCode: 3,
        });
      else say(scripts[known](commandsOf(program, evaluations)));
    });
};

function commandsOf(program: Command, evaluations: Registry): readonly Completed[] {
  return program.commands.map((command) => ({
    name: command.name(),
    options: optionsOf(command),
    words: [
      ...command.commands.map((one) => one.name()),
      ...command.registeredArguments.flatMap((argument) => wordsOf(argument, evaluations)),
    ],
  }));
}

/** Its own and those of the commands below it, each once. */
function optionsOf(command: Command): Completed['options'] {
  const all = [command, ...command.commands].flatMap(({ options }) => options.flatMap((option) => flagsOf(option)));
  return [...new Map(all.map((option) => [option.flag, option])).values()];
}

function flagsOf({ long, argChoices = [] }: Option): Completed['options'] {
  return long == null ? [] : [{ flag: long, choices: argChoices }];
}

function wordsOf(argument: Argument, { ids }: Registry): readonly string[] {
  if (argument.name() === 'evaluation') return ids;
  return argument.name() === 'shell' ? shells : [];
}

const scripts: Readonly<Record<Shell, (commands: readonly Completed[]) => string>> = {
  bash: (commands) => `# bash completion of fieldcheck
_fieldcheck() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')}" -- "$current"))
    return
  fi
  case "$command $before" in
${choiceCases(commands, (name, flag, choices) => `    "${name} ${flag}") COMPREPLY=($(compgen -W "${choices}" -- "$current")); return ;;`)}
  esac
  case "$command" in
${commands.map((one) => `    ${one.name}) COMPREPLY=($(compgen -W "${wordsOfCommand(one)}" -- "$current")) ;;`).join('\n')}
  esac
}
complete -o default -F _fieldcheck fieldcheck
`,
  zsh: (commands) => `#compdef fieldcheck
_fieldcheck() {
  local command="\${words[2]}" before="\${words[CURRENT-1]}"
  if (( CURRENT == 2 )); then
    compadd -- ${commands.map(({ name }) => name).join(' ')}
    return
  fi
  case "$command $before" in
${choiceCases(commands, (name, flag, choices) => `    "${name} ${flag}") compadd -- ${choices}; return ;;`)}
  esac
  case "$command" in
${commands.map((one) => `    ${one.name}) compadd -- ${wordsOfCommand(one)} || _files ;;`).join('\n')}
  esac
}
compdef _fieldcheck fieldcheck
`,
  powershell: (commands) => `# PowerShell completion of fieldcheck
Register-ArgumentCompleter -Native -CommandName fieldcheck -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $typed = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
  $done = if ($wordToComplete -eq '') { $typed.Count } else { $typed.Count - 1 }
  $before = if ($done -gt 1) { $typed[$done - 1] } else { '' }
  $words = @{
${commands.map((one) => `    '${one.name}' = '${wordsOfCommand(one)}'`).join('\n')}
  }
  $choices = @{
${choiceCases(commands, (name, flag, choices) => `    '${name} ${flag}' = '${choices}'`)}
  }
  $candidates = if ($done -le 1) { '${commands.map(({ name }) => name).join(' ')}' }
    elseif ($choices.ContainsKey("$($typed[1]) $before")) { $choices["$($typed[1]) $before"] }
    else { $words[$typed[1]] }
  "$candidates".Split(' ', [StringSplitOptions]::RemoveEmptyEntries) | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`,
};

function wordsOfCommand({ words, options }: Completed): string {
  return [...words, ...options.map(({ flag }) => flag), '--help'].join(' ');
}

function choiceCases(
  commands: readonly Completed[],
  line: (command: string, flag: string, choices: string) => string,
): string {
  return commands
    .flatMap(({ name, options }) =>
      options.flatMap(({ flag, choices }) => (choices.length === 0 ? [] : [line(name, flag, choices.join(' '))])),
    )
    .join('\n');
}
