import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AllowList, PowerShellHost, ReadOnlyAnswer, RunAnswer, RunRequest } from '../powershell/host.ts';

/** The collectors' folder. */
export const collectorFolder = join(import.meta.dirname, '../../src/collectors');

/**
 * A stand-in: the rows it returns, or its PowerShell body with the parameters it looks at. It ignores all other
 * parameters, as the command it stands for would not.
 */
export type StandIn = readonly unknown[] | { parameters?: readonly string[]; body: string };

/** The functions of a stand-ins module. */
function standInModule(standIns: Record<string, StandIn>): string {
  return Object.entries(standIns)
    .map(([name, standIn]) => {
      if (!('body' in standIn)) return `function ${name} { ${standIn.map(literal).join('\n')} }`;
      const parameters = (standIn.parameters ?? []).map((parameter) => `$${parameter}`).join(', ');
      return `function ${name} { param(${parameters})\n${standIn.body} }`;
    })
    .join('\n');
}

/** What commands do when they do not do well. */
export const accessDenied: StandIn = { body: "throw 'Access is denied.'" };
export const hanging: StandIn = { body: 'Start-Sleep -Seconds 600' };

/** What cannot even be stopped, because .NET itself waits: until the collector has written its file. */
export const waitUnstoppably =
  "$null = [System.IO.FileSystemWatcher]::new($env:FACTS).WaitForChanged('Created', 60000)";

/**
 * The Exchange Management Shell's session, as far as a collector looks at it. The connection behind it is a real one,
 * over the named pipe of the engine's own process: objects arrive deserialized, as they do from an Exchange server.
 */
export const exchangeSession: StandIn = {
  body: `
    $connection = [System.Management.Automation.Runspaces.NamedPipeConnectionInfo]::new($PID)
    [pscustomobject] @{ ConfigurationName = 'Microsoft.PowerShell'; State = 'Opened'; Runspace = $null }
    [pscustomobject] @{ ConfigurationName = 'Microsoft.Exchange'; State = 'Opened'; Runspace = [pscustomobject] @{ OriginalConnectionInfo = $connection } }`,
};

/** A value as PowerShell writes it; objects become custom objects, as remote Exchange objects are. */
export function literal(value: unknown): string {
  if (value === null) return '$null';
  if (typeof value === 'boolean') return value ? '$true' : '$false';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (value instanceof Date) return `([datetime]::new(${value.getTime()} * 10000L + 621355968000000000L, 'Utc'))`;
  if (Array.isArray(value)) return `@(${value.map(literal).join(', ')})`;
  const entries = Object.entries(value as object).map(([key, entry]) => `${literal(key)} = ${literal(entry)}`);
  return `[pscustomobject] @{ ${entries.join('; ')} }`;
}

/**
 * One run of a collector: what it said and the facts it wrote (undefined when it wrote none). Exchange is behind a remote
 * session, as in the Exchange Management Shell; a stand-in for `Get-PSSession` that returns nothing is its snap-in.
 */
export async function collect<Facts>(
  engine: PowerShellHost,
  script: string,
  standIns: Record<string, StandIn>,
  request: Omit<RunRequest, 'path' | 'standIns'> = {},
): Promise<RunAnswer & { facts: Facts; json: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldcheck-collector-'));
  const written = join(folder, 'facts.json');
  try {
    const answer = await engine.run({
      ...request,
      path: join(collectorFolder, script),
      standIns: standInModule({ 'Get-PSSession': exchangeSession, ...standIns }),
      parameters: { ...request.parameters, OutputPath: written },
      environment: { COMPUTERNAME: 'EX1', FACTS: folder, ...request.environment },
    });
    const json = await readFile(written, 'utf8').catch(() => '{}');
    return { ...answer, json, facts: JSON.parse(json) as Facts };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What both collectors use for their own bookkeeping, file and upload. */
const shared = {
  commands: [
    'Add-PSSnapin',
    'ConvertTo-Json',
    'ForEach-Object',
    'Get-Command',
    'Get-ItemProperty',
    'Get-PSSession',
    'Set-StrictMode',
    'Start-Sleep',
    'Where-Object',
    'Write-Progress',
    'Write-Verbose',
    'Write-Warning',
  ],
  members: [
    '.Add',
    '.AddSeconds',
    '.BeginInvoke',
    '.BeginStop',
    '.Close',
    '.CloseAsync',
    '.Complete',
    '.Contains',
    '.ContainsKey',
    '.Dispose',
    '.EndInvoke',
    '.GetBaseException',
    '.GetBytes',
    '.GetUnresolvedProviderPathFromPSPath',
    '.LastIndexOf',
    '.OpenAsync',
    '.ReadAll',
    '.Remove',
    '.Substring',
    '.ToArray',
    '.ToLowerInvariant',
    '.ToString',
    '.ToUniversalTime',
    '.Trim',
    '.WaitOne',
    '[System.Collections.Generic.List[object]]::new',
    '[System.Diagnostics.Stopwatch]::StartNew',
    '[System.Globalization.CultureInfo]::InvariantCulture',
    '[System.Management.Automation.PSDataCollection[psobject]]::new',
    '[System.Management.Automation.PowerShell]::Create',
    '[System.Management.Automation.Runspaces.InitialSessionState]::CreateDefault2',
    '[System.Management.Automation.Runspaces.RunspaceFactory]::CreateRunspace',
    '[System.Net.SecurityProtocolType]::Tls12',
    '[System.Net.ServicePointManager]::SecurityProtocol',
    '[System.Text.Encoding]::UTF8',
    '[datetime]::MaxValue',
    '[datetime]::UtcNow',
    '[math]::Max',
    '[math]::Min',
  ],
  types: [
    'System.Collections.Generic.List[object]',
    'System.Collections.IDictionary',
    'System.Collections.Specialized.OrderedDictionary',
    'System.Diagnostics.Stopwatch',
    'System.Globalization.CultureInfo',
    'System.IO.File',
    'System.Management.Automation.ErrorRecord',
    'System.Management.Automation.PSDataCollection[psobject]',
    'System.Management.Automation.PowerShell',
    'System.Management.Automation.Runspaces.InitialSessionState',
    'System.Management.Automation.Runspaces.RunspaceFactory',
    'System.Net.SecurityProtocolType',
    'System.Net.ServicePointManager',
    'System.Security.Principal.SecurityIdentifier',
    'System.Text.Encoding',
    'byte[]',
    'datetime',
    'hashtable',
    'int',
    'math',
    'object',
    'object[]',
    'ordered',
    'scriptblock',
    'string',
    'string[]',
    'switch',
    'uri',
  ],
  // The only two ways out of a collector (its file and its upload), and what they need.
  exact: [
    '[System.IO.File]::WriteAllText($file, $json)',
    "Invoke-RestMethod -Uri $Target -Method Post -Body $Body -ContentType 'application/json; charset=utf-8' -Headers $Headers -TimeoutSec 100 -UseBasicParsing",
    '[System.Net.ServicePointManager]::SecurityProtocol = [System.Net.ServicePointManager]::SecurityProtocol -bor [System.Net.SecurityProtocolType]::Tls12',
    '$shell.Runspace = $runspace',
    "$shell.AddCommand($Command).AddParameters($Parameters).AddParameter('ErrorAction', 'Stop')",
    '$shell.AddCommand($Command).AddParameters($Parameters)',
    '$shell.AddCommand($Command)',
  ],
};

/** Everything a collector may use: what both share, and its own. */
export function allowList(own: Pick<AllowList, 'commands' | 'members' | 'types' | 'exact'>): AllowList {
  return {
    commands: [...shared.commands, ...own.commands].sort(),
    members: [...shared.members, ...own.members].sort(),
    types: [...shared.types, ...own.types].sort(),
    exact: [...shared.exact, ...own.exact].sort(),
    invokers: { FcCall: 'Command' },
    prefix: 'Fc',
  };
}

/** Entries of an allow-list that a script has no use for: a list that is too long proves too little. */
export function unused(allowed: AllowList, used: Omit<ReadOnlyAnswer, 'violations'>): string[] {
  const kinds = ['commands', 'members', 'types', 'exact'] as const;
  return kinds.flatMap((kind) => allowed[kind].filter((name) => !used[kind].includes(name)));
}

/** Commands that a run really called beyond the list, the script's own functions and the script itself. */
export function foreignCalls(calls: string[], allowed: AllowList): string[] {
  // Get-Command looks Get-ExchangeServer up, which calls nothing.
  const known = new Set([...allowed.commands, 'Get-ExchangeServer'].map((command) => command.toLowerCase()));
  return calls.filter((call) => !known.has(call.toLowerCase()) && !call.startsWith('Fc') && !call.endsWith('.ps1'));
}
