import { enumerateFirst } from '../../../domain/words.ts';
import { federationAlone } from '../rich-coexistence.ts';
import { rule } from '../rule.ts';

/** See hybrid-configured.md. */
export const hybridConfigured = rule({
  id: 'teams-exchange-interop/hybrid-configured',
  title: 'The hybrid configuration is complete on both sides',
  severity: 'low',
  blocks: [],
  needs: ['on-premises-hybrid'],
  optional: ['exchange-online-hybrid'],
  judge({ 'on-premises-hybrid': here, 'exchange-online-hybrid': there }, { subject }) {
    const remedy =
      'Run the Hybrid Configuration Wizard (Classic, full hybrid), or connect by hand: New-IntraOrganizationConnector on both sides, as in Microsoft Learn, "Configure OAuth authentication between Exchange and Exchange Online organizations".';
    const evidence = [
      {
        fact: 'on-premises-hybrid',
        observed: `wizard ran: ${here.present}; enabled connectors: ${here.connectors.filter(({ enabled }) => enabled).length}`,
      },
    ] as const;
    const fail = (message: string) => ({ verdict: 'fail', owner: 'on-premises', message, remedy, evidence }) as const;
    const outward = here.connectors.find(({ enabled }) => enabled);
    const federated = federationAlone(here);
    if (federated !== undefined) {
      return fail(
        `Both sides are connected by the organization relationship "${federated.name}" alone (federation), without an IntraOrganizationConnector: free/busy works that way, OAuth does not.`,
      );
    }
    if (outward === undefined) {
      return fail(
        here.present
          ? 'The wizard ran, but no IntraOrganizationConnector is enabled on premises.'
          : 'Neither the Hybrid Configuration Wizard nor a connector by hand has set up hybrid on premises.',
      );
    }
    if (there === undefined) {
      return {
        verdict: 'manual',
        message: `"${outward.name}" is enabled on premises; the connector in Exchange Online was not looked at.`,
        remedy:
          'Get-IntraOrganizationConnector in Exchange Online: enabled, and TargetAddressDomains name the SMTP domains on premises.',
        evidence,
      };
    }
    const inward = there.connectors.filter(({ enabled }) => enabled);
    if (inward.length === 0) return fail('No IntraOrganizationConnector is enabled in Exchange Online.');
    const covered = new Set(inward.flatMap(({ domains }) => domains.map((domain) => domain.toLowerCase())));
    const missing = subject.domains.filter((domain) => !covered.has(domain));
    if (missing.length > 0) return fail(`The connector in Exchange Online does not name ${enumerateFirst(missing)}.`);
    return {
      verdict: 'pass',
      message: `Hybrid is configured ${here.present ? 'by the wizard' : 'by hand'}: connectors are enabled on both sides and name every domain.`,
      evidence,
    };
  },
});
