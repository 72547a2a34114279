import { applications } from '../../../facts/exchange-organization/cloud.ts';
import { uploadProblem, uploadRemedy } from '../application-certificate.ts';
import { onlyFor } from '../organization.ts';
import { partnerFor } from '../partner-applications.ts';
import { rule } from '../rule.ts';

/** See cloud-voicemail-application.md. */
export const cloudVoicemailApplication = rule({
  id: 'teams-exchange-interop/cloud-voicemail-application',
  title: 'Cloud Voicemail is a partner application',
  severity: 'medium',
  blocks: ['voicemail'],
  needs: ['partner-applications'],
  optional: ['service-principals', 'auth-certificate'],
  scope: onlyFor('voicemail'),
  judge(
    { 'partner-applications': partners, 'service-principals': principals, 'auth-certificate': certificate },
    { now },
  ) {
    const remedy = `New-PartnerApplication -Name CloudVoicemail -ApplicationIdentifier ${applications.cloudVoicemail} -Enabled $true -LinkedAccount <application account>; Microsoft Learn, "Configure OAuth with Teams and Exchange on premises", steps 4 to 7. Keep the partner application of Skype for Business Online: greetings still use it.`;
    const fail = (message: string, observed: string, mend = remedy) =>
      ({
        verdict: 'fail',
        owner: 'on-premises',
        message,
        remedy: mend,
        evidence: [{ fact: 'partner-applications', observed }],
      }) as const;
    const voicemail = partnerFor(applications.cloudVoicemail, partners);
    if (voicemail === undefined) {
      return fail(
        'Cloud Voicemail is no partner application, so it cannot put messages into mailboxes on premises.',
        'not there',
      );
    }
    if (!voicemail.enabled) return fail(`The partner application "${voicemail.name}" is disabled.`, 'Enabled: False');
    if (principals === undefined || certificate === undefined) {
      return {
        verdict: 'manual',
        message: `The partner application "${voicemail.name}" is there; the upload of its certificate could not be looked at.`,
        remedy: uploadRemedy,
      };
    }
    const problem = uploadProblem(applications.cloudVoicemail, 'Cloud Voicemail', principals, certificate, now);
    if (problem?.verdict === 'manual') return { ...problem, verdict: 'manual' };
    if (problem !== undefined) return { ...fail(problem.message, voicemail.name, problem.remedy), owner: 'tenant' };
    return {
      verdict: 'pass',
      message: `"${voicemail.name}" is a partner application, and its service principal holds the Auth certificate.`,
      evidence: [{ fact: 'partner-applications', observed: 'Enabled: True' }],
    };
  },
});
