import { applications } from '../../../facts/exchange-organization/cloud.ts';
import { uploadProblem, uploadRemedy } from '../application-certificate.ts';
import { onlyFor } from '../organization.ts';
import { partnerFor } from '../partner-applications.ts';
import { rule } from '../rule.ts';

/** See teams-scheduler-application.md. */
export const teamsSchedulerApplication = rule({
  id: 'teams-exchange-interop/teams-scheduler-application',
  title: 'The Teams scheduler is a partner application with GetDelegate',
  severity: 'medium',
  blocks: ['delegates'],
  needs: ['partner-applications'],
  optional: ['service-principals', 'auth-certificate'],
  scope: onlyFor('delegates'),
  judge(
    { 'partner-applications': partners, 'service-principals': principals, 'auth-certificate': certificate },
    { now },
  ) {
    const remedy = `New-PartnerApplication -Name TeamsScheduler -ApplicationIdentifier ${applications.teamsScheduler} -Enabled $true -LinkedAccount <mail user with the role TeamsSchedulerRole>; Microsoft Learn, "Configure OAuth with Teams and Exchange on premises", steps 2 and 3.`;
    const fail = (message: string, observed: string, mend = remedy) =>
      ({
        verdict: 'fail',
        owner: 'on-premises',
        message,
        remedy: mend,
        evidence: [{ fact: 'partner-applications', observed }],
      }) as const;
    const scheduler = partnerFor(applications.teamsScheduler, partners);
    if (scheduler === undefined) {
      const legacy = partners.applications.some(({ appId }) => appId.toLowerCase() === applications.skypeForBusiness);
      return fail(
        legacy
          ? 'Only Skype for Business Online is a partner application; delegate scheduling needs the Teams scheduler, which took its place.'
          : 'The Teams scheduler is no partner application, so nobody can schedule for somebody else.',
        legacy ? `${applications.skypeForBusiness} only` : 'not there',
      );
    }
    if (!scheduler.enabled) return fail(`The partner application "${scheduler.name}" is disabled.`, 'Enabled: False');
    if (scheduler.linkedAccount === 'none') {
      return fail(`The partner application "${scheduler.name}" has no linked account.`, 'LinkedAccount: none');
    }
    if (scheduler.linkedAccount === 'there' && !scheduler.roleEntries.includes('GetDelegate')) {
      return fail(
        `The account linked to "${scheduler.name}" has no role with GetDelegate.`,
        `role entries: ${scheduler.roleEntries.join(', ') || 'none'}`,
      );
    }
    if (principals === undefined || certificate === undefined || scheduler.linkedAccount === 'unreadable') {
      return {
        verdict: 'manual',
        message: `The partner application "${scheduler.name}" is there; ${
          scheduler.linkedAccount === 'unreadable' ? 'the roles of its account' : 'the upload of its certificate'
        } could not be looked at.`,
        remedy: uploadRemedy,
      };
    }
    const problem = uploadProblem(applications.teamsScheduler, 'the Teams scheduler', principals, certificate, now);
    if (problem?.verdict === 'manual') return { ...problem, verdict: 'manual' };
    if (problem !== undefined) return { ...fail(problem.message, scheduler.name, problem.remedy), owner: 'tenant' };
    return {
      verdict: 'pass',
      message: `"${scheduler.name}" is a partner application with GetDelegate, and its service principal holds the Auth certificate.`,
      evidence: [{ fact: 'partner-applications', observed: `role entries: ${scheduler.roleEntries.join(', ')}` }],
    };
  },
});
