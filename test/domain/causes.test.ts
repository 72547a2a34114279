import { describe, expect, it } from 'vitest';
import { causesOf, commonSentence, subjectCount, withoutNames } from '../../src/domain/causes.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { finding, run } from '../reports/runs.ts';

const broken = (subject: string, changes: Partial<Finding> = {}) => ({
  run: run(
    subject,
    { 'verifiable-now': 'no' },
    finding({
      message: `The active selector selector1 of ${subject} has no key (selector1-${subject.replaceAll('.', '-')}.example).`,
      remedy: `Compare selector1-${subject.replaceAll('.', '-')}.example with what ${subject} has.`,
      ...changes,
    }),
  ),
});

describe('a cause', () => {
  it('is the same thing to do for the same owner, however many it breaks', () => {
    const [cause, ...others] = causesOf([broken('contoso.com'), broken('fabrikam.com')]);
    expect(others).toEqual([]);
    expect(cause).toMatchObject({
      rule: 'dkim/active-key-published',
      owner: 'microsoft',
      severity: 'critical',
      isAdvice: false,
      what: 'The active selector selector1 of … has no key.',
    });
    expect(cause?.subjects.map(({ subject }) => subject)).toEqual(['contoso.com', 'fabrikam.com']);
  });

  it('is another one where somebody else has to mend it, or something else is to be done', () => {
    const causes = causesOf([
      broken('contoso.com'),
      broken('fabrikam.com', { owner: 'customer-dns' }),
      broken('adatum.com', { remedy: 'Switch signing on.' }),
    ]);
    expect(causes.map(subjectCount)).toEqual([1, 1, 1]);
  });

  it('has the same key in every organization', () => {
    const [here] = causesOf([broken('contoso.com')]);
    const [there] = causesOf([broken('northwindtraders.com')]);
    expect(here?.key).toBe(there?.key);
  });

  it('comes before advice, the most serious first, and lists the newest subjects first', () => {
    const at = (since: string) => ({
      findings: { 'dkim/active-key-published#selector1': { verdict: 'fail' as const, since, unknownRuns: 0 } },
    });
    const causes = causesOf([
      { run: run('a.com', {}, finding({ rule: 'dkim/active-key-strong', severity: 'low' })) },
      { run: run('b.com', {}, finding({ rule: 'dkim/next-selector-ready', severity: 'high' })) },
      { ...broken('old.com'), ...at('2026-10-01T06:00:00.000Z') },
      { ...broken('new.com'), ...at('2026-11-24T06:00:00.000Z') },
    ]);
    expect(causes.map(({ rule, isAdvice }) => [rule, isAdvice])).toEqual([
      ['dkim/active-key-published', false],
      ['dkim/next-selector-ready', false],
      ['dkim/active-key-strong', true],
    ]);
    expect(causes[0]?.subjects.map(({ subject }) => subject)).toEqual(['new.com', 'old.com']);
    expect(causes[0]?.since).toBe('2026-10-01T06:00:00.000Z');
  });

  it('is nothing that passes, or that nobody could look at', () => {
    expect(
      causesOf([{ run: run('a.com', {}, finding({ verdict: 'unknown' }), finding({ verdict: 'pass' })) }]),
    ).toEqual([]);
  });
});

describe('the sentence that several have in common', () => {
  it('leaves out what differs, with parentheses around it', () => {
    expect(commonSentence(['a of x.com is gone (x-com.example).', 'a of y.com is gone (y-com.example).'])).toBe(
      'a of … is gone.',
    );
  });

  it('is that of most, where they are built in different ways', () => {
    expect(commonSentence(['x answers NXDOMAIN.', 'y answers NXDOMAIN.', 'z has no TXT record there.'])).toBe(
      '… answers NXDOMAIN.',
    );
  });

  it('is no more than the main clause where most of it differs', () => {
    expect(
      commonSentence([
        'EX1 is not like others: a is 1; b is 2; c is 3',
        'EX2 is not like others: a is 4; b is 5; c is 6',
      ]),
    ).toBe('… is not like others');
  });
});

it('names are left out whole, in every form, and nothing else is', () => {
  const text =
    'Publish selector1._domainkey.contoso.com and selector1-contoso-com._domainkey.example, then look again at contoso.com.';
  expect(withoutNames(text, 'contoso.com', { target: 'selector1' })).toBe('Publish … and …, then look again at ….');
});
