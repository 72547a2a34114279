import { enumerateFirst } from '../../../domain/words.ts';
import { applications } from '../../../facts/exchange-organization/cloud.ts';
import { partnerFor } from '../partner-applications.ts';
import { rule } from '../rule.ts';

const roles = [
  'UserApplication',
  'ArchiveApplication',
  'LegalHoldApplication',
  'Mailbox Search',
  'TeamMailboxLifecycleApplication',
  'MailboxSearchApplication',
  'MeetingGraphApplication',
];

/** See exchange-online-partner-application.md. */
export const exchangeOnlinePartnerApplication = rule({
  id: 'teams-exchange-interop/exchange-online-partner-application',
  title: 'Exchange Online is a working partner application on premises',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['partner-applications'],
  judge({ 'partner-applications': partners }) {
    const remedy =
      'Run the Hybrid Configuration Wizard again, or: Set-PartnerApplication "Exchange Online" -Enabled $true -UseAuthServer $true -LinkedAccount "<domain>/Users/Exchange Online-ApplicationAccount", and New-ManagementRoleAssignment for each missing role.';
    const fail = (message: string, observed: string) =>
      ({
        verdict: 'fail',
        owner: 'on-premises',
        message,
        remedy,
        evidence: [{ fact: 'partner-applications', observed }],
      }) as const;
    const partner = partnerFor(applications.exchangeOnline, partners);
    if (partner === undefined) {
      return fail(
        'There is no partner application for Exchange Online on premises, so Exchange accepts no token of Teams.',
        `${partners.applications.length} partner applications, none is ${applications.exchangeOnline}`,
      );
    }
    const { name } = partner;
    if (!partner.enabled) return fail(`The partner application "${name}" is disabled.`, 'Enabled: False');
    if (!partner.useAuthServer)
      return fail(`The partner application "${name}" does not use the AuthServer.`, 'UseAuthServer: False');
    if ((partner.realm ?? '') !== '' || (partner.authMetadataUrl ?? '') !== '') {
      return fail(
        `The partner application "${name}" has a realm or metadata URL of its own, which has to be empty.`,
        `Realm: ${partner.realm ?? ''}, AuthMetadataUrl: ${partner.authMetadataUrl ?? ''}`,
      );
    }
    if (partner.linkedAccount === 'none') {
      return fail(`The partner application "${name}" has no linked account to act as.`, 'LinkedAccount: none');
    }
    if (partner.linkedAccount === 'unreadable') {
      return {
        verdict: 'manual',
        message: `The roles of the account linked to "${name}" could not be read.`,
        remedy:
          'Get-ManagementRoleAssignment -RoleAssignee "Exchange Online-ApplicationAccount" in the Exchange Management Shell.',
      };
    }
    const missing = roles.filter((role) => !partner.roles.includes(role));
    if (missing.length > 0) {
      return fail(
        `The account linked to "${name}" lacks ${enumerateFirst(missing)}.`,
        `roles: ${partner.roles.join(', ') || 'none'}`,
      );
    }
    return {
      verdict: 'pass',
      message: `The partner application "${name}" is enabled and its account has all ${roles.length} roles.`,
      evidence: [{ fact: 'partner-applications', observed: `roles: ${partner.roles.join(', ')}` }],
    };
  },
});
