// Completion in the shells themselves: each loads the script as its help says and completes what a person has typed.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openPwsh, type PowerShellHost } from '../powershell/host.ts';
import { fieldcheck } from './shell.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-completion-'));
const host = await openPwsh();
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'powershell'])
    writeFileSync(join(folder, shell), (await fieldcheck(['completion', shell])).stdout);
  // A file that a person may have meant.
  writeFileSync(join(folder, 'dkim-export.json'), '');
});

function isThere(shell: string): boolean {
  const there = spawnSync(shell, ['--version']).status === 0;
  if (!there) console.warn(`NOT RUN: completion in ${shell}, which is not installed.`);
  return there;
}

/** The words that bash offers, from the function that `complete` knows for the command. */
function inBash(line: string): string[] {
  const program = `source ./bash
    [[ $(complete -p fieldcheck) == *' -F _fieldcheck fieldcheck' ]] || exit 1
    COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _fieldcheck; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', program, 'bash', ...line.split(' ')], { cwd: folder, encoding: 'utf8' })
    .split('\n')
    .filter((word) => word !== '');
}

/** What an interactive zsh shows after TAB at the end of each line: what it lists, and the line as it then stands. */
function inZsh(...lines: string[]): { listed: string[]; line: string }[] {
  const program = `zmodload zsh/zpty
    zpty z 'TERM=dumb zsh -f -i'
    zpty -w z "PS1=; LISTMAX=1000; autoload -U compinit; compinit -u -D; source ./zsh
      show() { print -r -- \\"<<\\$BUFFER>>\\"; BUFFER=; zle accept-line }; zle -N show; bindkey '^X' show; print LOADED-\\$((40 + 2))"
    zpty -r -m z out '*LOADED-42*'
    for line; do
      zpty -n -w z "$line"$'\\t\\x18'
      zpty -r -m z out '*<<*>>*'
      print -r -- "$out"
    done
    zpty -d z`;
  const shown = execFileSync('zsh', ['-f', '-c', program, 'zsh', ...lines], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  const answers = [...shown.matchAll(/(?<before>.*?)<<(?<line>.*?)>>/gs)].map(({ groups = {} }) => groups);
  expect(answers).toHaveLength(lines.length);
  return answers.map(({ before = '', line = '' }) => ({
    listed: before
      .split('\n')
      .slice(1, -1)
      .flatMap((row) => row.trim().split(/\s+/))
      .filter((word) => /^[-a-z][-a-z0-9._]*$/.test(word)),
    line,
  }));
}

/** The words that PowerShell offers when TAB is pressed at the end of each line. */
async function inPowerShell(shell: PowerShellHost, lines: readonly string[]): Promise<readonly (readonly string[])[]> {
  const script = join(folder, 'complete.ps1');
  const completed = lines.map((line) => {
    const typed = `-inputScript '${line.replaceAll("'", "''")}' -cursorColumn ${line.length}`;
    return `(TabExpansion2 ${typed}).CompletionMatches | ForEach-Object { $_.CompletionText }; '--'`;
  });
  const load = `Get-Content -Raw -LiteralPath '${join(folder, 'powershell')}' | Invoke-Expression`;
  writeFileSync(script, [load, ...completed].join('\n'));
  const { output, errors } = await shell.run({ path: script, standIns: '' });
  expect(errors).toEqual([]);
  const words = output.map((word) => word.trim()).filter((word) => word !== '');
  const offered: string[][] = [[]];
  for (const word of words) {
    if (word === '--') offered.push([]);
    else offered.at(-1)?.push(word);
  }
  return offered.slice(0, -1);
}

const evaluations = ['dkim', 'smtp-source-ip', 'teams-exchange-interop'];

describe.skipIf(!isThere('bash'))('bash', () => {
  test('completes commands, the words behind them, options and their values', () => {
    expect(inBash('fieldcheck ev')).toEqual(['evaluate']);
    expect(inBash('fieldcheck evaluate ')).toEqual(expect.arrayContaining([...evaluations, '--organization']));
    expect(inBash('fieldcheck evaluate dkim --signing')).toEqual(['--signing-config']);
    expect(inBash('fieldcheck evaluate dkim --format j')).toEqual(['json', 'junit']);
    expect(inBash('fieldcheck keys a')).toEqual(['add']);
    expect(inBash('fieldcheck keys add contoso ex1 --role op')).toEqual(['operator']);
  });
});

describe.skipIf(!isThere('zsh'))('zsh', () => {
  test('completes commands, the words behind them, options and their values', () => {
    const [command, word, option, formats, keys] = inZsh(
      'fieldcheck ev',
      'fieldcheck evaluate dk',
      'fieldcheck evaluate dkim --signing',
      'fieldcheck evaluate dkim --format j',
      'fieldcheck keys a',
    );
    expect(command?.line).toBe('fieldcheck evaluate ');
    expect(word?.line).toBe('fieldcheck evaluate dkim ');
    expect(option?.line).toBe('fieldcheck evaluate dkim --signing-config ');
    expect(formats?.listed.slice(-2)).toEqual(['json', 'junit']);
    expect(formats?.line).toBe('fieldcheck evaluate dkim --format j');
    expect(keys?.line).toBe('fieldcheck keys add ');
  });

  test('completes files where no word of the command begins so', () => {
    const [file] = inZsh('fieldcheck evaluate dkim --signing-config dkim-');
    expect(file?.line).toBe('fieldcheck evaluate dkim --signing-config dkim-export.json ');
  });
});

describe('PowerShell', () => {
  test('completes commands, the words behind them, options and their values', async ({ skip }) => {
    if (host === undefined) return skip('PowerShell cannot be had.');
    const [commands, words, options, formats, keys] = await inPowerShell(host, [
      'fieldcheck ev',
      'fieldcheck evaluate ',
      'fieldcheck evaluate dkim --signing',
      'fieldcheck evaluate dkim --format j',
      'fieldcheck keys a',
    ]);
    expect(commands).toEqual(['evaluate']);
    expect(words).toEqual(expect.arrayContaining([...evaluations, '--organization']));
    expect(options).toEqual(['--signing-config']);
    expect(formats).toEqual(['json', 'junit']);
    expect(keys).toEqual(['add']);
  });
});
