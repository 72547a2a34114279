import { expect, it } from 'vitest';
import { terminalReport } from '../../src/reports/terminal.ts';
import { assumedRun, finding, mixedRuns, run } from './runs.ts';

it('tells each subject by itself: the answers, what fails, advice, and what could not be looked at', () => {
  const questions = { 'verifiable-now': 'Can receivers verify what is signed now?' };
  expect(terminalReport(mixedRuns, { questions, look: { verbose: true } }).split('\n')).toEqual([
    'contoso.com  (dkim, 2026-11-24T09:30:00.000Z)',
    '  ✗ NO             Can receivers verify what is signed now?',
    '  ✗ FAIL     dkim/active-key-published [selector1]  critical, Microsoft',
    '             Microsoft publishes no key for selector1.',
    '             → Open a support case with Microsoft.',
    '  advice     dkim/rotation-on-schedule [selector1]  low, Microsoft',
    '             The key is 400 days old.',
    '             → Open a support case with Microsoft.',
    '  1 of 4 checks pass',
    '',
    'fabrikam.com  (dkim, 2026-11-24T09:30:00.000Z)',
    '  ? UNDETERMINED   Can receivers verify what is signed now?',
    '  ? unknown  dkim/active-key-published [selector1]',
    '             The name servers answered SERVFAIL.',
    '  0 of 1 checks pass',
    '',
    'adatum.com  (dkim, 2026-11-24T09:30:00.000Z)',
    '  ✓ YES            Can receivers verify what is signed now?',
    '  1 of 2 checks pass',
    '',
    '3 looked at',
    '  Can receivers verify what is signed now?  yes: 1, no: 1, undetermined: 1',
    '',
  ]);
});

it('says answers in the words of their evaluation', () => {
  const answerWords = { yes: 'GO', no: 'NO-GO', undetermined: 'INDETERMINATE', not_applicable: 'not asked' };
  const interop = run('contoso', { calendar: 'no', voicemail: 'not_applicable' });
  const report = terminalReport([interop, run('fabrikam', { calendar: 'yes' })], {
    evaluations: { dkim: { title: 'Teams', answerWords } },
    look: { verbose: true },
  });
  expect(report).toContain('\n  ✗ NO-GO          calendar\n  – NOT ASKED      voicemail\n');
  expect(report).toContain('\n  calendar  GO: 1, NO-GO: 1\n  voicemail  not asked: 2\n');
});

it('says of answers and findings that they rest on what is assumed, and how many answers that turns', () => {
  const report = terminalReport([assumedRun, assumedRun, run('fabrikam.com', { 'verifiable-now': 'no' })], {
    look: { verbose: true },
  });
  expect(report.split('\n').slice(0, 10)).toEqual([
    'contoso.com  (dkim, 2026-11-24T09:30:00.000Z)',
    '  ✓ YES            verifiable-now',
    '                   Would be yes with what is assumed; is no without.',
    '  ✗ NO             verifiable-after-rotation',
    '  ✗ FAIL     dkim/active-key-published [selector1]  critical, Microsoft',
    '             No key there. (Rests on what is assumed: key record.)',
    '             → Open a support case with Microsoft.',
    '  assumed    dkim/active-cname-correct passes',
    '  1 of 2 checks pass, 1 of them with what is assumed',
    '',
  ]);
  expect(report).toContain('\n  verifiable-now  yes: 2, no: 1 (what is assumed turns 2 from no to yes)\n');
});

it('begins with what stands in the way from cause to effect, then with what kept from looking, each once', () => {
  const silent = (rule: string) =>
    finding({
      rule,
      target: undefined,
      verdict: 'unknown',
      severity: undefined,
      owner: undefined,
      remedy: undefined,
      message: 'Could not look: key: not supplied (no export was supplied: run this line).',
      evidence: [{ fact: 'key', observed: 'unobtainable, not_supplied: no export was supplied: run this line' }],
      reason: 'not_supplied',
    });
  const report = terminalReport(
    [
      run(
        'contoso.com',
        { ready: 'no' },
        finding({ rule: 'dkim/effect', target: undefined, message: 'The effect.' }),
        silent('dkim/one'),
        finding({ rule: 'dkim/advice', severity: 'low', message: 'Some day.' }),
        finding({ rule: 'dkim/cause', target: undefined, message: 'The cause.' }),
        silent('dkim/other'),
      ),
    ],
    {
      evaluations: {
        dkim: {
          title: 'DKIM',
          mending: [
            { title: 'names', rules: ['cause'] },
            { title: 'keys', rules: ['effect'] },
          ],
        },
      },
    },
  );
  expect(report.split('\n').slice(2, -2)).toEqual([
    '',
    '  What stands in the way, from cause to effect',
    '  ✗ FAIL     dkim/cause  critical, Microsoft  (names)',
    '             The cause.',
    '             → Open a support case with Microsoft.',
    '             page: fieldcheck evaluate dkim --explain cause',
    '  ✗ FAIL     dkim/effect  critical, Microsoft  (keys)',
    '             The effect.',
    '             → Open a support case with Microsoft.',
    '             page: fieldcheck evaluate dkim --explain effect',
    '',
    '  What could not be looked at, and what to do',
    '  ? unknown  no export was supplied: run this line',
    '             for one and other',
    '',
    '  Advice',
    '  advice     dkim/advice [selector1]  low, Microsoft',
    '             Some day.',
    '             → Open a support case with Microsoft.',
    '',
    '  0 of 5 checks pass',
  ]);
});

it('tells of several subjects what is to be mended by cause, each once, and what could not be looked at', () => {
  const broken = (subject: string, selector: string) =>
    run(
      subject,
      { 'verifiable-now': 'no' },
      finding({
        target: selector,
        message: `The key of ${selector} of ${subject} is missing (${selector}.${subject}).`,
      }),
    );
  const silent = (subject: string) =>
    run(
      subject,
      { 'verifiable-now': 'undetermined' },
      {
        rule: 'dkim/active-key-published',
        verdict: 'unknown',
        message: `Could not look: key record of ${subject}: time-out.`,
        evidence: [{ fact: 'selector-key', observed: 'unobtainable, timeout: nobody answered within 5 s' }],
      },
    );
  const runs = [
    broken('contoso.com', 'selector1'),
    broken('fabrikam.com', 'selector1'),
    silent('a.contoso.com'),
    silent('b.contoso.com'),
  ];
  expect(terminalReport(runs, {}).split('\n')).toEqual([
    '4 subjects, looked at 2026-11-24 09:30 UTC',
    '',
    '  ✗ FAIL     dkim/active-key-published  critical, to mend: Microsoft',
    '             2 subjects: The key of selector1 of … is missing.',
    '             → Open a support case with Microsoft.',
    '             contoso.com, fabrikam.com',
    '',
    '  ? unknown  2 subjects: nobody answered within 5 s',
    '             for active-key-published',
    '             a.contoso.com, b.contoso.com',
    '',
    '4 looked at',
    '  verifiable-now  no: 2, undetermined: 2',
    '',
  ]);
});

it('is as wide as the terminal, and colours what the words say', () => {
  const report = terminalReport([run('contoso.com', { now: 'no' }, finding({ message: 'word '.repeat(30).trim() }))], {
    look: { width: 60, colour: (tone, text) => `<${tone}>${text}</${tone}>` },
  });
  expect(report).toContain('  <no>✗ FAIL    </no> dkim/active-key-published');
  const sentences = report.split('\n').filter((line) => line.startsWith('             word'));
  expect(sentences.length).toBeGreaterThan(2);
  expect(Math.max(...sentences.map((line) => line.length))).toBeLessThanOrEqual(60);
});

it('tells of several evaluations one after the other', () => {
  const interop = { ...run('contoso', { calendar: 'no' }), evaluation: 'teams-exchange-interop' };
  const report = terminalReport([...mixedRuns, interop], {});
  expect(report).toContain('3 subjects, looked at');
  expect(report).toContain('\n\ncontoso  (teams-exchange-interop, ');
});
