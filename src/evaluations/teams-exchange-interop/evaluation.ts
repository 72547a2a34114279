import { z } from 'zod';
import { declaration } from '../../domain/declaration.ts';
import { domainName } from '../../domain/domain-name.ts';
import { evaluation } from '../../domain/evaluation.ts';
import { settingsOf, tenantPropertiesOf } from '../../domain/organization.ts';
import { exchangeOrganizationFacts } from '../../facts/exchange-organization/index.ts';
import { exchangeOrganization, intents } from '../../facts/exchange-organization/subject.ts';
import { authCertificateValid } from './rules/auth-certificate-valid.ts';
import { autodiscoverPublished } from './rules/autodiscover-published.ts';
import { autodiscoverV2ReturnsEws } from './rules/autodiscover-v2-returns-ews.ts';
import { autodiscoverWithoutHttpRedirect } from './rules/autodiscover-without-http-redirect.ts';
import { buildSupported } from './rules/build-supported.ts';
import { cloudEnvironmentSupported } from './rules/cloud-environment-supported.ts';
import { cloudVoicemailApplication } from './rules/cloud-voicemail-application.ts';
import { complianceLicensed } from './rules/compliance-licensed.ts';
import { dedicatedHybridApplication } from './rules/dedicated-hybrid-application.ts';
import { delegatePermissionsGranted } from './rules/delegate-permissions-granted.ts';
import { evidenceAgrees } from './rules/evidence-agrees.ts';
import { ewsPolicyAdmitsTeams } from './rules/ews-policy-admits-teams.ts';
import { ewsWithoutPreAuthentication } from './rules/ews-without-pre-authentication.ts';
import { exchangeHybridOptionEnabled } from './rules/exchange-hybrid-option-enabled.ts';
import { exchangeOnlineEwsAdmitsTeams } from './rules/exchange-online-ews-admits-teams.ts';
import { exchangeOnlinePartnerApplication } from './rules/exchange-online-partner-application.ts';
import { exchangeOnlineRoutesOnPremises } from './rules/exchange-online-routes-on-premises.ts';
import { firewallAdmitsMicrosoft } from './rules/firewall-admits-microsoft.ts';
import { freeBusyThroughGraph } from './rules/free-busy-through-graph.ts';
import { hybridConfigured } from './rules/hybrid-configured.ts';
import { mailboxesOnSupportedVersion } from './rules/mailboxes-on-supported-version.ts';
import { noLeftoverCertificates } from './rules/no-leftover-certificates.ts';
import { noLegacyServers } from './rules/no-legacy-servers.ts';
import { oauthTrustsThisTenant } from './rules/oauth-trusts-this-tenant.ts';
import { pathWithoutHybridAgent } from './rules/path-without-hybrid-agent.ts';
import { publishedServerOnSupportedVersion } from './rules/published-server-on-supported-version.ts';
import { restPublished } from './rules/rest-published.ts';
import { servicePrincipalNamesRegistered } from './rules/service-principal-names-registered.ts';
import { teamsCalendarPolicy } from './rules/teams-calendar-policy.ts';
import { teamsLicensed } from './rules/teams-licensed.ts';
import { teamsSchedulerApplication } from './rules/teams-scheduler-application.ts';
import { tlsTrusted } from './rules/tls-trusted.ts';
import { usersSynchronised } from './rules/users-synchronised.ts';
import { wafPassesAutodiscoverV2 } from './rules/waf-passes-autodiscover-v2.ts';
import { writebackPermissionsGranted } from './rules/writeback-permissions-granted.ts';

/** What an organization's document says of this evaluation. */
const settings = settingsOf('0 30 6 * * *', {
  domains: z
    .array(domainName)
    .optional()
    .describe('Mail domains of the mailboxes on Exchange servers; left out, those of the tenant.'),
  sampleUsers: z
    .array(z.string().regex(/^[^@\s]+@[^@\s]+$/, { error: 'is no user name; write it like adele@contoso.com' }))
    .default([])
    .describe('A few users with mailboxes on Exchange servers: each is looked up, in the tenant and on premises.'),
  hosts: z
    .array(domainName)
    .default([])
    .describe('Names under which Exchange is published, besides those that Autodiscover names.'),
  intents: z
    .array(z.enum(intents))
    .default([])
    .describe('What the organization wants of Teams besides the calendar, which is always asked about.'),
  declared: z.array(declaration).default([]).describe('What a person vouches for because nobody can read it.'),
});

/** Can Teams work with mailboxes on the organization's Exchange servers: GO or NO-GO, and what is missing? */
export const teamsExchangeInterop = evaluation({
  id: 'teams-exchange-interop',
  title: 'Teams and Exchange on premises',
  subjectKind: 'exchange-organization',
  subject: exchangeOrganization,
  facts: exchangeOrganizationFacts,
  subjectId: { is: 'the organization’s id', example: 'contoso', counted: ['organization', 'organizations'] },
  answerWords: { yes: 'GO', no: 'NO-GO', undetermined: 'INDETERMINATE', not_applicable: 'not asked' },
  settings,
  discovery: ({ domains }) => (domains === undefined ? ['tenant'] : []),
  subjects(document, { domains, hosts, sampleUsers, intents, declared }, discovered) {
    const named = { domains: [...(domains ?? discovered)], hosts, sampleUsers, intents, declared };
    const { cloud = 'worldwide', ...tenant } = tenantPropertiesOf(document);
    return [{ kind: 'exchange-organization', id: document.id, ...named, cloud, ...tenant }];
  },
  questions: [
    {
      id: 'calendar',
      title: 'Can Teams read and write the calendars of mailboxes on premises?',
      short: 'Calendar',
      broken: 'Teams cannot reach the calendars of mailboxes on premises',
    },
    {
      id: 'delegates',
      title: 'Can delegates schedule Teams meetings for others?',
      short: 'Delegates',
      broken: 'delegates cannot schedule Teams meetings for others',
    },
    {
      id: 'presence',
      title: 'Does presence follow the calendar?',
      short: 'Presence',
      broken: 'presence does not follow the calendar',
    },
    {
      id: 'voicemail',
      title: 'Does voicemail reach mailboxes on premises?',
      short: 'Voicemail',
      broken: 'voicemail does not reach mailboxes on premises',
    },
    {
      id: 'compliance',
      title: 'Do eDiscovery and holds reach the Teams chats of users with a mailbox on premises?',
      short: 'Compliance',
      broken: 'eDiscovery does not reach the chats of users with a mailbox on premises',
    },
    {
      id: 'rich-coexistence',
      title: 'Do look-ups from on premises to the cloud (free/busy, photos, MailTips) work?',
      short: 'Look-ups',
      broken: 'look-ups from on premises to the cloud do not work',
    },
  ],
  rules: [
    cloudEnvironmentSupported,
    usersSynchronised,
    exchangeHybridOptionEnabled,
    writebackPermissionsGranted,
    teamsLicensed,
    complianceLicensed,
    autodiscoverPublished,
    autodiscoverWithoutHttpRedirect,
    tlsTrusted,
    wafPassesAutodiscoverV2,
    autodiscoverV2ReturnsEws,
    pathWithoutHybridAgent,
    exchangeOnlineRoutesOnPremises,
    firewallAdmitsMicrosoft,
    ewsWithoutPreAuthentication,
    oauthTrustsThisTenant,
    publishedServerOnSupportedVersion,
    restPublished,
    servicePrincipalNamesRegistered,
    mailboxesOnSupportedVersion,
    exchangeOnlinePartnerApplication,
    authCertificateValid,
    ewsPolicyAdmitsTeams,
    teamsSchedulerApplication,
    delegatePermissionsGranted,
    cloudVoicemailApplication,
    hybridConfigured,
    noLegacyServers,
    dedicatedHybridApplication,
    freeBusyThroughGraph,
    exchangeOnlineEwsAdmitsTeams,
    buildSupported,
    teamsCalendarPolicy,
    noLeftoverCertificates,
    evidenceAgrees,
  ],
  mending: [
    {
      title: 'cloud and names',
      rules: [
        'cloud-environment-supported',
        'autodiscover-published',
        'autodiscover-without-http-redirect',
        'exchange-online-routes-on-premises',
      ],
    },
    { title: 'certificates', rules: ['tls-trusted'] },
    {
      title: 'publishing',
      rules: [
        'firewall-admits-microsoft',
        'waf-passes-autodiscover-v2',
        'autodiscover-v2-returns-ews',
        'path-without-hybrid-agent',
        'ews-without-pre-authentication',
        'published-server-on-supported-version',
        'mailboxes-on-supported-version',
        'ews-policy-admits-teams',
        'rest-published',
      ],
    },
    {
      title: 'OAuth',
      rules: [
        'oauth-trusts-this-tenant',
        'auth-certificate-valid',
        'exchange-online-partner-application',
        'service-principal-names-registered',
        'teams-scheduler-application',
        'cloud-voicemail-application',
        'dedicated-hybrid-application',
        'free-busy-through-graph',
      ],
    },
    { title: 'licences and rights', rules: ['teams-licensed', 'delegate-permissions-granted', 'compliance-licensed'] },
    { title: 'synchronisation', rules: ['users-synchronised', 'exchange-hybrid-option-enabled'] },
  ],
  parts: ({ domains }) => ({ domain: domains }),
  asked: ({ intents }) => ['calendar', ...intents],
});
