import { vipPorts } from '../../../facts/smtp-service/service.ts';
import { isOneOf, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See firewall-admits-smtp.md. */
export const firewallAdmitsSmtp = rule({
  id: 'smtp-source-ip/firewall-admits-smtp',
  title: 'The firewall lets SMTP in on the loopback adapter',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-firewall'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  judge(facts, at) {
    const { 'node-firewall': firewall } = facts;
    const [alias = ''] = loopbackAliases(facts, at);
    const ports = vipPorts(at.subject);
    const connection = firewall.connectionProfiles.find((row) => isOneOf(row.alias, [alias]));
    // Windows takes a network that it cannot identify, as on a loopback adapter, for public.
    const category = connection?.category ?? 'Public';
    const profile = firewall.profiles.find(({ name }) => name === category);
    const rules = firewall.inbound25.filter(({ enabled, profiles }) => enabled && profiles.includes(category));
    const blocked = rules.some(({ action }) => action === 'block');
    const allowed = rules.some(({ action }) => action === 'allow');
    const evidence = [
      {
        fact: 'node-firewall' as const,
        observed: `${alias} is in the profile ${category}${connection === undefined ? ' (not identified)' : ''}: ${
          profile === undefined
            ? 'profile not listed'
            : `${profile.enabled ? 'on' : 'off'}, inbound ${profile.allowsInbound ? 'allowed' : 'blocked'}`
        }; ${rules.length} inbound rules for port 25, ${blocked ? 'one blocks' : 'none blocks'}`,
      },
    ];
    const unguarded =
      profile?.enabled === false
        ? `the profile ${category} is off`
        : isOneOf(alias, profile?.disabledAliases ?? [])
          ? `${alias} is exempt from the profile ${category}`
          : undefined;
    const reason =
      unguarded ??
      (blocked
        ? undefined
        : allowed
          ? `a rule of the profile ${category} allows port 25`
          : profile?.allowsInbound === true
            ? `the profile ${category} allows inbound traffic`
            : undefined);
    if (reason !== undefined) {
      const others = ports.filter((port) => port !== 25);
      const beyond =
        others.length > 0 && unguarded === undefined ? ` Port ${others.join(', ')} was not looked at.` : '';
      return { verdict: 'pass', message: `${at.part}: ${reason}, so SMTP reaches the VIP.${beyond}`, evidence };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: ${blocked ? `a block rule of the profile ${category} stops port 25` : `nothing in the profile ${category} lets port 25 in`} on ${alias}.`,
      remedy: blocked
        ? `Get-NetFirewallPortFilter | Where-Object LocalPort -eq 25 | Get-NetFirewallRule | Where-Object Action -eq Block   # then disable the one that is not wanted`
        : `New-NetFirewallRule -DisplayName 'SMTP to the VIP' -Direction Inbound -Protocol TCP -LocalPort ${ports.join(',')} -Profile ${category} -InterfaceAlias ${quoted(alias)} -Action Allow`,
      evidence,
    };
  },
});
