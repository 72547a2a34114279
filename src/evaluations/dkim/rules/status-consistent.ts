import { cnameState } from '../cname.ts';
import { rule } from '../rule.ts';
import { activeSelectors, afterConfigured, configured, hasNoHop, rowOf } from '../selectors.ts';

/** See status-consistent.md. */
export const statusConsistent = rule({
  id: 'dkim/status-consistent',
  title: 'The status that Exchange Online shows agrees with DNS',
  severity: 'info',
  blocks: [],
  needs: ['signing-configuration', 'selector-cname', 'selector-key'],
  per: 'selector',
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: afterConfigured,
  judge({ 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key }, { subject, part }) {
    const row = rowOf(configuration);
    const status = row?.status;
    const evidence = [
      {
        fact: 'signing-configuration',
        observed: `Status ${status ?? 'not given'}, LastChecked ${row?.lastChecked ?? 'not given'}`,
      },
    ] as const;
    if (status === undefined)
      return { verdict: 'not_applicable', message: 'The signing configuration has no Status.', evidence };
    if (status === 'Valid') {
      return {
        verdict: 'pass',
        message: 'Exchange Online shows Valid. That is a cached verdict; DNS is judged by the other rules.',
        evidence,
      };
    }
    if (status !== 'CnameMissing') {
      return {
        verdict: 'manual',
        message: `Exchange Online shows the status ${status.slice(0, 60)}, which is not documented.`,
        remedy: 'Look at the domain in the Defender portal (Email authentication settings, DKIM).',
        evidence,
      };
    }
    const cnameFine =
      hasNoHop(configuration, part, subject.id) ||
      cnameState(cname, configured(configuration, part)?.cname ?? '') === 'match';
    if (row?.enabled === true && cnameFine && key.records.length === 1 && key.sameAsConfigured !== false) {
      return {
        verdict: 'fail',
        owner: 'microsoft',
        message: `Exchange Online shows CnameMissing for ${subject.id}, but its CNAME and key are in place: Microsoft's status is stale.`,
        remedy: `Nothing is broken. Opening the domain in the Defender portal makes Microsoft look again, as does:\nSet-DkimSigningConfig -Identity ${subject.id} -Enabled $true`,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message:
        row?.enabled === true
          ? `Exchange Online shows CnameMissing for ${subject.id}, and in DNS something is missing indeed.`
          : `Exchange Online shows CnameMissing for ${subject.id}, as it does until signing is switched on.`,
      evidence,
    };
  },
});
