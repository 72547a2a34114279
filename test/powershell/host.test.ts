// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are PowerShell texts, and PowerShell writes variables so.
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type AllowList, openPowerShellHost, type PowerShellHost } from './host.ts';

const host = await openPowerShellHost();
const engine = host as PowerShellHost;

const allowed: AllowList = {
  commands: ['Get-Thing', 'ForEach-Object', 'Where-Object'],
  members: ['.ToString', '[datetime]::UtcNow'],
  types: ['datetime', 'string', 'int', 'scriptblock'],
  exact: ["[System.IO.File]::Open($file, 'Open', 'Read')", 'Invoke-Thing -Read'],
  invokers: { FcCall: 'Command' },
  prefix: 'Fc',
};

describe.runIf(host)('parse', () => {
  it('names line and column of a syntax error', async () => {
    expect(await engine.parse({ text: '$a = 1\nif ($a { 1 }' })).toContainEqual(
      expect.objectContaining({ line: 2, column: 8, message: expect.stringContaining("Missing closing ')'") }),
    );
  });

  it('finds nothing in a sound script', async () => {
    expect(await engine.parse({ text: '#requires -Version 5.1\nGet-Thing | ForEach-Object { $_ }' })).toEqual([]);
  });
});

describe.runIf(host)('readOnly', () => {
  const violations = async (text: string) =>
    (await engine.readOnly({ text, ...allowed })).violations.map((remark) => remark.message);

  it.each([
    [
      'own functions, listed commands, own tables',
      "function FcOne { $t = @{}; $t['a'] = 1; $t }\nFcOne; Get-Thing -Name 'x'",
    ],
    ['listed members', '[datetime]::UtcNow.ToString()'],
    [
      'a block parameter filled with a literal block',
      'function FcRun { param([scriptblock] $Body) & $Body }\nFcRun -Body { Get-Thing }',
    ],
    [
      'an invoker with a listed literal',
      "function FcCall { param([string] $Command) $Command }\nFcCall -Command 'Get-Thing'",
    ],
    [
      'a call exactly as listed',
      "$file = 'a'; $null = [System.IO.File]::Open($file,   'Open', 'Read'); Invoke-Thing -Read",
    ],
    ['ForEach-Object with a block', 'Get-Thing | Where-Object { $_.Size -gt 1 } | ForEach-Object { $_.Name }'],
  ])('accepts %s', async (_, text) => {
    const answer = await violations(text);
    expect(answer.filter((message) => !message.includes("'System.IO.File'"))).toEqual([]);
  });

  it.each([
    ['an unlisted command', 'Remove-Item x', "the command 'Remove-Item' is not on the list"],
    ['an alias', 'iex "x"', "the command 'iex' is not on the list"],
    ['a module-qualified name', 'Module\\Get-Thing', "the command 'Module\\Get-Thing' is not on the list"],
    ['a call by variable', "$c = 'Remove-Item'; & $c x", 'a call of something only known at run time'],
    ['dot-sourcing', '. ./x.ps1', 'dot-sourcing'],
    ['a native program', '/bin/rm x', "the command '/bin/rm' is not on the list"],
    ['a redirection', 'Get-Thing > x', 'a redirection into a file'],
    [
      'a member assignment',
      '$x = Get-Thing; $x.Name = 1',
      'an assignment to something other than a variable or an entry of one',
    ],
    [
      'a member counted up',
      '$x = Get-Thing; $x.Count++',
      'an assignment to something other than a variable or an entry of one',
    ],
    ['$env:', "$env:Path = 'x'", "an assignment into the drive 'env:'"],
    ['${function:}', '${function:Get-Thing} = { 1 }', "an assignment into the drive 'function:'"],
    ['an environment loop variable', 'foreach ($env:Path in 1) { }', "an assignment into the drive 'env:'"],
    ['a global variable', '$global:x = 1', 'an assignment to a global variable'],
    ['default parameters', "$PSDefaultParameterValues['*:Force'] = 1", 'an assignment to a variable of the session'],
    ['ForEach-Object MethodName', 'Get-Thing | ForEach-Object Delete', 'an argument other than a literal block'],
    [
      'ForEach-Object -MemberName',
      'Get-Thing | ForEach-Object -MemberName Delete',
      'an argument other than a literal block',
    ],
    [
      'a shadowing function',
      'function Get-Thing { 1 }',
      "an own function without the prefix 'Fc' could shadow a command",
    ],
    ['a method', '$x = Get-Thing; $x.Delete()', "the method '.Delete' is not on the list"],
    ['a method by variable', "$m = 'Delete'; $x = Get-Thing; $x.$m()", 'a member only known at run time'],
    ['a static method', '[datetime]::Parse("x")', "the static member '[datetime]::Parse' is not on the list"],
    [
      'a static member of a variable',
      '$t = [datetime]; $t::Parse("x")',
      'a static member of a type only known at run time',
    ],
    ['a cast', "[wmi] 'x'", "the type 'wmi' is not on the list"],
    ['a cast by name', "'x' -as 'wmi'", 'a cast to a type only known at run time'],
    ['a parameter of a type', 'function FcOne { param([adsi] $x) $x }', "the type 'adsi' is not on the list"],
    ['a class', 'class Fc { }', 'a class'],
    ['using', 'using namespace System.IO', 'a using statement: it loads code or shortens the names of types'],
    ['#requires -Modules', '#requires -Modules x\nGet-Thing', 'a #requires that loads code'],
    ['-OutVariable', 'Get-Thing -OutVariable x', 'a parameter that assigns a variable by name'],
    [
      'a block only known at run time',
      'function FcRun { param([scriptblock] $Body) & $Body }\n$b = { 1 }; FcRun -Body $b',
      "'FcRun' without a literal block for -Body",
    ],
    [
      'a block given to another parameter',
      'function FcRun { param($Name, [scriptblock] $Body) & $Body }\n$b = Get-Thing; FcRun -Name { 1 } -Body $b',
      "'FcRun' without a literal block for -Body",
    ],
    [
      'a block given by the place',
      'function FcRun { param($Name, [scriptblock] $Body) & $Body }\n$b = Get-Thing; FcRun -Name 1 $b',
      "'FcRun' without a literal block for -Body",
    ],
    [
      'a block given by an abbreviation',
      'function FcRun { param($Name, [scriptblock] $Body) & $Body }\n$b = Get-Thing; FcRun -Name 1 -Bod $b',
      "'FcRun' without a literal block for -Body",
    ],
    [
      'a block that another one stands in for',
      'function FcRun { param($Name, [scriptblock] $Body = (Get-Thing)) & $Body }\nFcRun -Name 1',
      "'FcRun' without a literal block for -Body",
    ],
    [
      'a block that is changed before it is called',
      'function FcRun { param([scriptblock] $Body) [scriptblock] $Body = Get-Thing; & $Body }\nFcRun -Body { 1 }',
      'a call of a block that is assigned in between',
    ],
    [
      'an invoker with its argument after a colon',
      "function FcCall { param([string] $Command) $Command }\n$c = 'x'; FcCall -Command:$c 'Get-Thing'",
      "'FcCall' without a literal -Command",
    ],
    [
      'an invoker that changes its command',
      "function FcCall { param([string] $Command) $Command = 'x'; $Command }\nFcCall -Command 'Get-Thing'",
      "'FcCall' changes its -Command",
    ],
    ['a listed text used twice', 'Invoke-Thing -Read; Invoke-Thing -Read', 'a second use of something allowed once'],
    [
      'an invoker with a variable',
      "function FcCall { param([string] $Command) $Command }\n$c = 'x'; FcCall -Command $c",
      "'FcCall' without a literal -Command",
    ],
    [
      'an invoker with an unlisted name',
      "function FcCall { param([string] $Command) $Command }\nFcCall -Command 'Set-Thing'",
      "the command 'Set-Thing' is not on the list",
    ],
    [
      'almost a listed call',
      "$file = 'a'; [System.IO.File]::Open($file, 'Open', 'Write')",
      "the static member '[System.IO.File]::Open' is not on the list",
    ],
    ['a command inside a text', '"$(Remove-Item x)"', "the command 'Remove-Item' is not on the list"],
    ['a command in a default value', 'param($x = (Remove-Item y)) $x', "the command 'Remove-Item' is not on the list"],
  ])('refuses %s', async (_, text, message) => {
    expect(await violations(text)).toContain(message);
  });

  it('lets a block be left out where nothing else can get into its place', async () => {
    expect(
      await violations(
        'function FcRun { param([string] $Name, [scriptblock] $Body) & $Body }\nFcRun -Name 1; FcRun -Name 1 -Body { 1 }',
      ),
    ).toEqual([]);
  });

  it('tells which entries were used', async () => {
    const answer = await engine.readOnly({ text: 'get-thing; [datetime]::UtcNow', ...allowed });
    expect(answer).toMatchObject({ commands: ['Get-Thing'], members: ['[datetime]::UtcNow'], types: ['datetime'] });
  });
});

describe.runIf(host)('compat51', () => {
  const remarks = async (text: string) => (await engine.compat51({ text })).map((remark) => remark.message);

  it.each([
    ['$a ? 1 : 2', 'the ternary operator'],
    ['Get-A && Get-B', "a pipeline chain ('&&' or '||')"],
    ['Get-A &', "the background operator '&'"],
    ['$a ?? 1', "the null-coalescing operator '??'"],
    ['$a ??= 1', "the null-coalescing assignment '??='"],
    ['${a}?.b', "the null-conditional member '?.'"],
    ['${a}?[0]', "the null-conditional index '?[]'"],
    ['function FcA { process { 1 } clean { 2 } }', 'a clean block'],
    ["'a' -replace 'a', { 'b' }", '-replace with a script block'],
    ['[array]::Empty[int]()', 'generic method arguments'],
    ['1u', 'a number suffix or a binary number'],
    ['1n', 'a number suffix or a binary number'],
    ['0b101', 'a number suffix or a binary number'],
    ['"`u{263a}"', 'the escape `e or `u{}'],
    ['"`e[0m"', 'the escape `e or `u{}'],
    ['Get-A\n| Get-B', "a line that starts with '|'"],
    ['1..3 | ForEach-Object -Parallel { 1 }', "the parameter '-Parallel' of ForEach-Object"],
    ['Set-Content -Path a -Value b -Encoding utf8NoBOM', "the encoding 'utf8NoBOM'"],
    ['Get-Error', "the command 'Get-Error'"],
    ['$IsWindows', "the variable '$IsWindows'"],
    ['[convert]::ToHexString($a)', "'ToHexString' of a newer .NET than Framework 4.8"],
    ["'a::b'.Split('::')", 'Split by a text of several characters'],
    ['#requires -Version 7.2\n1', '#requires a newer version'],
  ])('finds %s', async (text, message) => {
    expect(await remarks(text)).toEqual([`newer than Windows PowerShell 5.1: ${message}`]);
  });

  it('finds letters that 5.1 would read as ANSI', async () => {
    expect(await engine.compat51({ text: "'a'\n'Stra\u00dfe'" })).toEqual([
      expect.objectContaining({ line: 2, column: 6, message: expect.stringContaining('no byte-order mark') }),
    ]);
  });

  it('finds nothing in plain 5.1', async () => {
    expect(
      await remarks('#requires -Version 5.1\n$a = 0x1d, 10kb, 1.5d; "``e" -replace "a", "b"; $a.Split(",")'),
    ).toEqual([]);
  });
});

describe.runIf(host)('run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-scripts-'));
  afterAll(() => rm(folder, { recursive: true }));
  const script = async (text: string) => {
    const path = join(folder, 'script.ps1');
    await writeFile(path, text);
    return path;
  };

  it('lists output, errors and the commands really called, in runspaces of the script too', async () => {
    const path = await script(
      [
        'param([string] $Name) Write-Verbose "for $Name" -Verbose; Get-Thing -Name $Name',
        '$shell = [powershell]::Create()',
        '$shell.Runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())',
        '$shell.Runspace.Open(); $shell.AddCommand("Get-Other").Invoke()',
        'throw "the end"',
      ].join('\n'),
    );
    const answer = await engine.run({
      path,
      parameters: { Name: 'x' },
      standIns: 'function Get-Thing { param($Name) "thing $Name" }\nfunction Get-Other { "other" }',
    });
    expect(answer.output).toEqual(['thing x', 'other']);
    expect(answer.verbose).toEqual(['for x']);
    expect(answer.errors.join()).toContain('the end');
    expect(answer.calls).toEqual(expect.arrayContaining(['Get-Thing', 'Get-Other', 'Write-Verbose']));
  });

  it('stops a script that outlasts its time limit, and goes on with the next', async () => {
    const path = await script('while ($true) { Start-Sleep -Seconds 1 }');
    expect(await engine.run({ path, standIns: '', timeLimitMs: 300 })).toMatchObject({ timedOut: true });
    expect(await engine.run({ path: await script('(1.5).ToString()'), standIns: '', culture: 'de-DE' })).toMatchObject({
      timedOut: false,
      output: ['1,5'],
    });
  });

  it('refuses to guess what it does not imitate', async () => {
    const path = await script('ConvertTo-Json -InputObject ([datetime]::UtcNow)');
    expect((await engine.run({ path, standIns: '' })).errors.join()).toContain('turn it into text in the script');
  });
});
