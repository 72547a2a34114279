import { expect, it } from 'vitest';
import { renderText } from '../../src/notifiers/console.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import { byNode, failingDomains, finding, notice, ofNode, ofSubject, smtpNotice, transition } from './notices.ts';

it('prints what the card says', async () => {
  const printed: string[] = [];
  const notifier = createNotifier({ kind: 'console' }, { write: (text) => printed.push(text) });
  const given = notice({ subjects: failingDomains(1) });
  expect(await notifier.send(given, AbortSignal.timeout(10_000))).toEqual({ outcome: 'delivered', detail: 'Printed.' });
  expect(printed.join('').split('\n')).toEqual([
    'Contoso: 1 new problem in DKIM for d00001.contoso.com',
    'run of 2026-11-24 09:30 UTC · 74 watched',
    '  Can receivers verify what we sign now? 54 yes, 20 no of 74 · 1 turned from yes to no',
    '  And still after the next rotation? 50 yes, 21 no, 3 undetermined of 74',
    '',
    'New, critical: d00001.contoso.com dkim/active-key-published selector1',
    '  The CNAME of selector1 is right, but Microsoft publishes no key at its target, so receivers cannot verify what is signed today.',
    '  Found: selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN (192.0.2.53, 198.51.100.53)',
    '  What to do: Open a support case with Microsoft and paste the evidence of this finding.',
    '  since 2026-11-24 · to mend: Microsoft',
    '',
    'https://fieldcheck.contoso.com/api/organizations/contoso/evaluations/dkim/subjects',
    expect.stringMatching(/^run contoso\.dkim\.2026-11-24T06-00 · notice [0-9a-f]{12}$/),
    '',
  ]);
});

it('names all that one cause concerns, and counts advice', () => {
  const advice = ofSubject('contoso.com', transition('opened', 'contoso.com', finding({ severity: 'info' })));
  const text = renderText(notice({ subjects: [...failingDomains(25), advice] }));
  expect(text).toContain('\nNew, critical: 20 of them dkim/active-key-published\n');
  expect(text).toContain('\n  All of them: d00001.contoso.com, d00002.contoso.com, d00003.contoso.com, ');
  expect(text).toContain(', d00023.contoso.com and d00024.contoso.com\n');
  expect(text).toContain('\nAdvice that changed: 1.\n');
});

it('prints what is not fine on every node of a service', () => {
  const nodes = byNode(
    ofNode('vip-on-loopback', 'EX1', 'pass'),
    ofNode('vip-on-loopback', 'EX2', 'pass'),
    ofNode('lan-weak-host-receive', 'EX1', 'pass'),
    ofNode('lan-weak-host-receive', 'EX2', 'fail', 'critical'),
  );
  expect(renderText(smtpNotice({ 'smtp-in': nodes }))).toContain(
    [
      '',
      'smtp-in node by node, looked at 2026-11-24 09:30 UTC:',
      '  lan-weak-host-receive',
      '    EX1: ✓ pass',
      '    EX2: ✗ fail (critical)',
      '  The other rule passes or does not apply on every node.',
      '',
    ].join('\n'),
  );
});

it('lets no control character through to the terminal', () => {
  const text = renderText(notice({ subjects: failingDomains(1, { observed: '\u001b[2J\u0007evil\u202e' }) }));
  expect(text).toContain('  Found: [2Jevil\n');
});
