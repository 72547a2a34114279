import { rule } from '../rule.ts';
import { afterConfigured, rowOf } from '../selectors.ts';

/** See signing-enabled.md. */
export const signingEnabled = rule({
  id: 'dkim/signing-enabled',
  title: 'DKIM signing is switched on for the domain',
  severity: 'high',
  blocks: ['verifiable-now', 'verifiable-after-rotation'],
  needs: ['signing-configuration'],
  after: afterConfigured,
  judge({ 'signing-configuration': configuration }, { subject }) {
    const enabled = rowOf(configuration)?.enabled;
    const evidence = [{ fact: 'signing-configuration', observed: `Enabled ${enabled ?? 'not given'}` }] as const;
    if (enabled === undefined) {
      return {
        verdict: 'manual',
        message: `The signing configuration of ${subject.id} does not say whether signing is enabled.`,
        remedy: `Look at its property Enabled, or export it again without Select-Object:\nGet-DkimSigningConfig -Identity ${subject.id} | Format-List Enabled, Status`,
        evidence,
      };
    }
    if (enabled) return { verdict: 'pass', message: `DKIM signing is on for ${subject.id}.`, evidence };
    return {
      verdict: 'fail',
      owner: 'tenant',
      message: `DKIM signing is off for ${subject.id}: its mail leaves unsigned.`,
      remedy: `When both CNAMEs are right:\nSet-DkimSigningConfig -Identity ${subject.id} -Enabled $true`,
      evidence,
    };
  },
});
