import type { Finding, Run } from '../../src/domain/finding.ts';

const at = '2026-11-24T09:30:00.000Z';

/** A missing key at Microsoft, unless told otherwise. */
export function finding(changes: Partial<Finding> = {}): Finding {
  return {
    rule: 'dkim/active-key-published',
    target: 'selector1',
    verdict: 'fail',
    severity: 'critical',
    owner: 'microsoft',
    message: 'Microsoft publishes no key for selector1.',
    evidence: [
      {
        fact: 'selector',
        observed: 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN',
        at,
        source: '192.0.2.53',
      },
    ],
    remedy: 'Open a support case with Microsoft.',
    ...changes,
  };
}

function passing(rule: string, message: string): Finding {
  return { rule, verdict: 'pass', message, evidence: [] };
}

export function run(subject: string, answers: Run['answers'], ...findings: Finding[]): Run {
  return { evaluation: 'dkim', subject, at, answers, findings };
}

/** Three domains: one broken, one that could not be looked at, one well. */
export const mixedRuns: readonly Run[] = [
  run(
    'contoso.com',
    { 'verifiable-now': 'no' },
    passing('dkim/signing-enabled', 'Signing is on.'),
    finding({ supportCase: 'Domain: contoso.com\nAsked: 192.0.2.53' }),
    finding({
      rule: 'dkim/active-key-strong',
      verdict: 'unknown',
      severity: undefined,
      owner: undefined,
      remedy: undefined,
      evidence: [],
      message: 'Not judged: blocked by dkim/active-key-published.',
      blockedBy: 'dkim/active-key-published',
    } as Partial<Finding>),
    finding({ rule: 'dkim/rotation-on-schedule', severity: 'low', message: 'The key is 400 days old.' }),
  ),
  run(
    'fabrikam.com',
    { 'verifiable-now': 'undetermined' },
    {
      rule: 'dkim/active-key-published',
      target: 'selector1',
      verdict: 'unknown',
      message: 'The name servers answered SERVFAIL.',
      evidence: [],
    },
  ),
  run('adatum.com', { 'verifiable-now': 'yes' }, passing('dkim/signing-enabled', 'Signing is on.'), {
    rule: 'dkim/next-selector-ready',
    verdict: 'not_applicable',
    message: 'No rotation is planned.',
    evidence: [],
  }),
];

/** Judged as if a record stood: one question turns, one finding that still fails rests on it. */
export const assumedRun: Run = {
  ...run(
    'contoso.com',
    { 'verifiable-now': 'yes', 'verifiable-after-rotation': 'no' },
    { ...passing('dkim/active-cname-correct', 'It leads there. (Rests on what is assumed.)'), assumed: true },
    finding({ message: 'No key there. (Rests on what is assumed: key record.)', assumed: true }),
  ),
  assumed: {
    'verifiable-now': { without: 'no', sentence: 'Would be yes with what is assumed; is no without.' },
  },
};

/** An SMTP service with a node that is set up and one that is not. */
export const twoNodes: Run = {
  evaluation: 'smtp-source-ip',
  subject: 'smtp-in',
  at,
  answers: { 'dsr-ready': 'no' },
  findings: [
    about('lan-weak-host-receive', 'EX1', { verdict: 'pass' }),
    about('lan-weak-host-receive', 'EX2', { verdict: 'fail', severity: 'critical' }),
    about('netbios-disabled', 'EX1', { verdict: 'pass' }),
    about('netbios-disabled', 'EX2', { verdict: 'unknown' }),
    about('relay-scope-narrow', 'EX1/Default Frontend', { verdict: 'pass' }),
    about('relay-scope-narrow', 'EX1/Relay', { verdict: 'fail', severity: 'high' }),
    about('relay-scope-narrow', 'EX2', { verdict: 'not_applicable' }),
    about('per-source-limits-fit', 'EX2/Relay', { verdict: 'manual' }),
    { rule: 'smtp-source-ip/log-fresh', verdict: 'pass', message: 'The log is of today.', evidence: [] },
  ],
};

function about(rule: string, target: string, found: Pick<Finding, 'verdict' | 'severity'>): Finding {
  return { rule: `smtp-source-ip/${rule}`, target, message: `${target}: ${rule}.`, evidence: [], ...found };
}
