// Collect-TeamsInteropFacts.ps1 on an organization of many mailboxes, in a real pwsh, through a real remoting connection.
// `npm run bench -- collectors [mailboxes]`
import type { StandIn } from '../collectors/collectors.ts';
import { collect } from '../collectors/collectors.ts';
import { healthyOrganization } from '../collectors/exchange-stand-ins.ts';
import { openPwsh } from '../powershell/host.ts';
import lendHosts from '../powershell/hosts.ts';
import { figure, printGoal } from './report.ts';

type Facts = {
  exchange: { mailboxes: { byServer: { count: number }[] } };
  sections: { section: string; elapsedMs: number }[];
};

/** A mailbox has about 230 properties over remoting, many of them empty; these 150 all have a text. */
const mailboxes = (count: number): StandIn => ({
  parameters: ['Server', 'OrganizationalUnit'],
  body: `
    if ($OrganizationalUnit) { return }
    foreach ($index in 1..${count}) {
      $mailbox = [ordered] @{ PrimarySmtpAddress = "user$index@contoso.com"; OrganizationalUnit = 'contoso.local/Users' }
      foreach ($property in 1..150) { $mailbox["Property$property"] = "value $index $property" }
      [pscustomobject] $mailbox
    }`,
});

export async function run([count = '50000']: string[]): Promise<void> {
  // Tests leave what runs often as it was compiled first.
  process.env.DOTNET_TC_CallCounting = '1';
  const close = await lendHosts();
  const engine = await openPwsh();
  if (engine === undefined) return close();
  const standIns: Record<string, StandIn> = {
    ...healthyOrganization,
    'Get-Mailbox': mailboxes(Number(count)),
    // The last command of the run: both ends of the connection are in this process.
    'Get-CASMailbox': {
      body: `[pscustomobject] @{ EwsEnabled = $true; EwsBlockList = [string] [System.Diagnostics.Process]::GetCurrentProcess().PeakWorkingSet64 }`,
    },
  };
  const started = performance.now();
  const { facts } = await collect<
    Facts & { exchange: { mailboxEwsPolicies: { policies: { ewsBlockList: string[] }[] } } }
  >(engine, 'Collect-TeamsInteropFacts.ps1', standIns, { timeLimitMs: 600_000 });
  const [peak = '0'] = facts.exchange.mailboxEwsPolicies.policies[0]?.ewsBlockList ?? [];
  console.log(`${facts.exchange.mailboxes.byServer[0]?.count} mailboxes counted on ${engine.name}\n`);
  console.log(`seconds, both ends of the connection in one process: ${figure((performance.now() - started) / 1000)}`);
  printGoal('peak memory, MB', Number(peak) / 1024 ** 2, '≤', 600);
  close();
}
