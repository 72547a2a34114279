import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Notice } from '../../../src/domain/notice.ts';
import { renderCard } from '../../../src/notifiers/teams-workflow/card.ts';
import { type Payload, payloadSchema } from '../../../src/notifiers/teams-workflow/payload.ts';
import { anyText } from '../../any-text.ts';
import { mixedPool } from '../../evaluations/smtp-source-ip/linux-scenes.ts';
import { runOf } from '../../evaluations/smtp-source-ip/service.ts';
import {
  answer,
  byNode,
  failingDomains,
  finding,
  notice,
  ofNode,
  ofSubject,
  smtpNotice,
  transition,
} from '../notices.ts';

// Its package entry fails in Node; this file does not.
const { AdaptiveCard, SerializationContext } = createRequire(import.meta.url)(
  'adaptivecards/dist/adaptivecards.js',
) as typeof import('adaptivecards');

const maxBytes = 22_000;

function bytesOf(payload: Payload): number {
  return Buffer.byteLength(JSON.stringify(payload));
}

/** Each answer in the same words. */
const words = (text: string) => ({ yes: text, no: text, undetermined: text, not_applicable: text });

/** What a person reads, one line for each paragraph; columns stand side by side. */
function textOf(payload: Payload): string {
  const line = (block: { inlines: { text: string }[] }) => block.inlines.map(({ text }) => text).join('');
  const card = payload.attachments[0].content;
  return [
    ...card.body.map((element) => {
      if (element.type === 'RichTextBlock') return line(element);
      if (element.type === 'Container') return element.items.map(line).join('\n');
      return element.columns.map(({ items }) => items.map(line).join(' ')).join(' | ');
    }),
    ...(card.actions ?? []).map(({ title, url }) => `[${title}] ${url}`),
  ].join('\n');
}

/** Renders, and asserts what holds for every card. */
function render(given: Notice): string {
  const payload = renderCard(given);
  expect(payloadSchema.parse(payload)).toEqual(payload);
  expect(bytesOf(payload)).toBeLessThanOrEqual(maxBytes);
  const context = new SerializationContext();
  const card = new AdaptiveCard();
  card.parse(payload.attachments[0].content, context);
  expect([...Array(context.eventCount).keys()].map((index) => context.getEventAt(index).message)).toEqual([]);
  expect(card.validateProperties().validationEvents).toEqual([]);
  return textOf(payload);
}

const resolvedKey = finding({
  verdict: 'pass',
  message: 'The key of selector1 is published again.',
  observed: 'RSA, 2048 bits',
});

describe('what a card says', () => {
  it('about new problems: heading, counts, answers, and one paragraph for each cause with all names', () => {
    const names = (indexes: readonly number[]) =>
      indexes.map((n) => `d${String(n).padStart(5, '0')}.contoso.com`).join(', ');
    const text = render(notice({ subjects: failingDomains(20) }));
    expect(text.split('\n')).toEqual([
      'Contoso: 20 new problems in DKIM',
      'Contoso (contoso) · run of 2026-11-24 09:30 UTC · 74 watched',
      '20 New',
      'Can receivers verify what we sign now? 54 yes, 20 no of 74 · 20 turned from yes to no',
      'And still after the next rotation? 50 yes, 21 no, 3 undetermined of 74',
      '16 of one cause  New · critical',
      'The CNAME of selector1 is right, but Microsoft publishes no key at its target, so receivers cannot verify what is signed today.',
      `All of them: ${names([1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19])}`,
      'Found: selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN (192.0.2.53, 198.51.100.53)',
      'What to do: Open a support case with Microsoft and paste the evidence of this finding.',
      'To mend: Microsoft · dkim/active-key-published · since 2026-11-24',
      '4 of one cause  New · critical',
      'selector1._domainkey.d00005.contoso.com points nowhere, so receivers find no key.',
      `All of them: ${names([5, 10, 15, 20])}`,
      'Found: selector1._domainkey.d00005.contoso.com: NODATA',
      'What to do: Publish the CNAME that the signing configuration names.',
      'To mend: customer DNS · dkim/active-cname-correct · since 2026-11-24',
      expect.stringMatching(/^run contoso\.dkim\.2026-11-24T06-00 · notice [0-9a-f]{12}$/),
      '[Open report] https://fieldcheck.contoso.com/api/organizations/contoso/evaluations/dkim/subjects',
    ]);
  });

  it('about one that is resolved, and names its domain in the heading', () => {
    const subject = ofSubject(
      'fabrikam.com',
      transition('resolved', 'fabrikam.com', resolvedKey, '2026-11-20T06:00:00.000Z'),
      transition('resolved', 'fabrikam.com', answer('verifiable-now', 'no', 'yes')),
    );
    const text = render(notice({ subjects: [subject] }));
    expect(text).toContain('Contoso: 1 resolved in DKIM for fabrikam.com\n');
    expect(text).toContain('54 yes, 20 no of 74 · 1 turned from no to yes\n');
    expect(text).toContain(
      'fabrikam.com  Resolved\nThe key of selector1 is published again.\nFound: RSA, 2048 bits\ndkim/active-key-published · selector1 · failed since 2026-11-20\n',
    );
    expect(text).not.toContain('What to do');
  });

  it('about one that got worse', () => {
    const worse = finding({
      rule: 'dkim/next-selector-ready',
      severity: 'high',
      message: 'The next key is missing, 40 hours ahead.',
    });
    const text = render(notice({ subjects: [ofSubject('contoso.com', transition('worsened', 'contoso.com', worse))] }));
    expect(text).toContain('Contoso: 1 worsened in DKIM for contoso.com\n');
    expect(text).toContain('contoso.com  Worsened · high\nThe next key is missing, 40 hours ahead.\n');
  });

  it('about what could not be looked at, without calling it a failure', () => {
    const {
      severity: _severity,
      owner: _owner,
      remedy: _remedy,
      ...unknown
    } = finding({
      verdict: 'unknown',
      message: 'The name servers of slow.contoso.com did not answer in 3 runs in a row.',
      observed: 'time-out after 5 s',
    });
    const text = render(
      notice({ subjects: [ofSubject('slow.contoso.com', transition('went_unknown', 'slow.contoso.com', unknown))] }),
    );
    expect(text).toContain('Contoso: 1 could not be looked at in DKIM for slow.contoso.com\n');
    expect(text).toContain('1 Could not look\n');
    expect(text).toContain(
      'slow.contoso.com  Could not look\nThe name servers of slow.contoso.com did not answer in 3 runs in a row.\n',
    );
    expect(text).not.toContain('To mend');
  });

  it('as a reminder, with since when it fails', () => {
    const subject = ofSubject(
      'old.contoso.com',
      transition('reminder', 'old.contoso.com', finding(), '2026-11-01T06:00:00.000Z'),
    );
    const text = render(notice({ subjects: [subject] }));
    expect(text).toContain('Contoso: 1 still failing in DKIM for old.contoso.com\n');
    expect(text).toContain('old.contoso.com  Still failing · critical\n');
    expect(text).toContain('To mend: Microsoft · dkim/active-key-published · selector1 · since 2026-11-01\n');
  });

  it('about all of it at once: the worst first, what is good or old news behind it', () => {
    const name = (kind: string) => `${kind}.contoso.com`;
    const text = render(
      notice({
        subjects: [
          ofSubject(name('good'), transition('resolved', name('good'), resolvedKey)),
          ofSubject(name('old'), transition('reminder', name('old'), finding(), '2026-11-01T06:00:00.000Z')),
          ofSubject(name('slow'), transition('went_unknown', name('slow'), finding({ verdict: 'unknown' }))),
          ...failingDomains(5, { severity: 'medium' }),
          ofSubject(name('worst'), transition('worsened', name('worst'), finding({ message: 'The worst.' }))),
        ],
      }),
    );
    expect(text).toContain(
      'Contoso: 5 new problems, 1 worsened, 1 could not be looked at, 1 still failing, 1 resolved in DKIM\n',
    );
    expect(text).toContain('5 New | 1 Worsened | 1 Could not look | 1 Still failing | 1 Resolved\n');
    expect(text).toContain('4 of one cause  New · medium\n');
    expect(text).toContain('worst.contoso.com  Worsened · critical\nThe worst.\n');
    expect(text.indexOf('worst.contoso.com  Worsened')).toBeLessThan(text.indexOf('4 of one cause'));
    expect(text.indexOf('4 of one cause')).toBeLessThan(text.indexOf('slow.contoso.com  Could not look'));
    expect(text.indexOf('slow.contoso.com')).toBeLessThan(text.indexOf('old.contoso.com  Still failing'));
    expect(text.indexOf('old.contoso.com  Still failing')).toBeLessThan(text.indexOf('good.contoso.com  Resolved'));
  });

  it('about readiness as GO and NO-GO', () => {
    const subject = ofSubject(
      'contoso',
      transition(
        'opened',
        'contoso',
        finding({
          rule: 'teams-exchange-interop/tls-trusted',
          target: 'mail.contoso.com',
          owner: 'on-premises',
          message: 'The certificate of mail.contoso.com is expired.',
        }),
      ),
      transition('opened', 'contoso', answer('calendar', 'yes', 'no')),
    );
    const text = render(
      notice({
        evaluation: {
          id: 'teams-exchange-interop',
          title: 'Teams with Exchange',
          questions: { calendar: 'Calendar app in Teams?' },
          answerWords: { yes: 'GO', no: 'NO-GO', undetermined: 'INDETERMINATE', not_applicable: 'not asked' },
        },
        subjects: [subject],
        totals: { subjects: 1, answers: { calendar: { no: 1 } } },
      }),
    );
    expect(text).toContain('Contoso: 1 new problem in Teams with Exchange\n');
    expect(text).toContain('Calendar app in Teams? NO-GO · turned from GO to NO-GO\n');
    expect(text).toContain('To mend: on-premises servers');
  });

  it('about domains that came into the watch or left it', () => {
    const text = render(
      notice({
        subjects: [
          ofSubject(
            'new.contoso.com',
            transition('added', 'new.contoso.com', { type: 'subject', message: 'Watched from now on.' }),
          ),
          ofSubject(
            'gone.contoso.com',
            transition('removed', 'gone.contoso.com', { type: 'subject', message: 'Not watched any more.' }),
          ),
        ],
      }),
    );
    expect(text).toContain('Contoso: 1 added to the watch, 1 removed from the watch in DKIM\n');
    expect(text).toContain('gone.contoso.com  Removed\nNot watched any more.\n');
  });

  it('counts advice, and never lists it', () => {
    const advice = transition(
      'opened',
      'contoso.com',
      finding({ severity: 'low', message: 'The key is 400 days old.' }),
    );
    const text = render(notice({ subjects: [ofSubject('contoso.com', advice)] }));
    expect(text).toContain('Contoso: 1 new remark in DKIM for contoso.com\n');
    expect(text).toContain('1 Advice\n');
    expect(text).not.toContain('400 days');
  });

  it('tells an answer that changed without a finding as an item of its own', () => {
    const changed = transition('opened', 'contoso.com', answer('verifiable-now', 'yes', 'no'));
    const text = render(notice({ subjects: [ofSubject('contoso.com', changed)] }));
    expect(text).toContain('Contoso: 1 new problem in DKIM for contoso.com\n');
    expect(text).toContain('contoso.com  New\nCan receivers verify what we sign now? no, before it was yes.\n');
  });

  it('leaves out answers that nobody counted', () => {
    const text = render(notice({ subjects: failingDomains(1), totals: { subjects: 1, answers: {} } }));
    expect(text).toContain('Can receivers verify what we sign now? turned from yes to no\n');
    expect(text).not.toContain('next rotation');
  });
});

describe('the nodes of a service, side by side', () => {
  const nodeNames = (count: number) =>
    Array.from({ length: count }, (_, index) => `EX${String(index + 1).padStart(2, '0')}`);
  /** Every rule about every node, all of them critical. */
  const allFailing = (nodes: number, rules: number) =>
    byNode(
      ...Array.from({ length: rules }, (_, index) => `rule-with-a-long-name-${index + 1}`).flatMap((rule) =>
        nodeNames(nodes).map((node) => ofNode(rule, node, 'fail', 'critical')),
      ),
    );
  /** The lines about the nodes. */
  const nodesOf = (text: string) => {
    const lines = text.split('\n');
    return lines.slice(
      lines.findIndex((line) => line.includes('node by node')),
      lines.findIndex((line) => line.includes('New · critical')),
    );
  };

  const halfConfigured = byNode(
    ...['loopback-adapter-present', 'vip-on-loopback', 'connector-bound-to-vip'].flatMap((rule) => [
      ofNode(rule, 'EX1', 'pass'),
      ofNode(rule, 'EX2', 'pass'),
    ]),
    ofNode('loopback-metric-high', 'EX1', 'pass'),
    ofNode('loopback-metric-high', 'EX2', 'fail', 'low'),
    ofNode('lan-weak-host-receive', 'EX1', 'pass'),
    ofNode('lan-weak-host-receive', 'EX2', 'fail', 'critical'),
    ofNode('relay-scope-narrow', 'EX1/Relay', 'fail', 'high'),
    ofNode('relay-scope-narrow', 'EX1/Scanner', 'pass'),
    ofNode('relay-scope-narrow', 'EX2', 'not_applicable'),
    ofNode('settings-persistent', 'EX1', 'manual'),
    ofNode('settings-persistent', 'EX2', 'unknown'),
    ofNode('per-source-limits-fit', 'EX1', 'not_applicable'),
    ofNode('per-source-limits-fit', 'EX2', 'not_applicable'),
    ofNode('every-node-answered', 'EX2', 'unknown'),
  );

  it('show in words what is not fine on every node, worst first, and count the rest, before the items', () => {
    const text = render(smtpNotice({ 'smtp-in': halfConfigured }));
    expect(nodesOf(text)).toEqual([
      'smtp-in node by node · looked at 2026-11-24 09:30 UTC',
      'Rule | EX1 | EX2',
      'lan-weak-host-receive | ✓ pass | ✗ fail (critical)',
      'relay-scope-narrow | ✗ fail (high), 1 of 2 | – not applicable',
      'loopback-metric-high | ✓ pass | ✗ fail (low)',
      'settings-persistent | ! a person has to look | ? unknown',
      'every-node-answered | not judged | ? unknown',
      'The other 4 rules pass or do not apply on every node.',
    ]);
    expect(text).not.toContain('vip-on-loopback');
  });

  it('are Windows and Linux nodes of one pool in one table', async () => {
    const { run } = await runOf(mixedPool());
    const text = render(smtpNotice({ 'smtp-in': byNode(...run.findings) }));
    expect(nodesOf(text)).toEqual([
      'smtp-in node by node · looked at 2026-11-24 09:30 UTC',
      'Rule | EX1 | EX2 | MX1 | MX2',
      'lan-weak-host-receive | ✓ pass | ✗ fail (critical) | – not applicable | – not applicable',
      'vip-silent-on-lan | ✓ pass | ✓ pass | ✓ pass | ✗ fail (critical)',
      `nodes-alike${' | ✗ fail (high)'.repeat(4)}`,
      `log-shows-client-addresses${' | ? unknown'.repeat(4)}`,
      `probe-shows-client-address${' | ? unknown'.repeat(4)}`,
      `control-shows-client-address${' | ? unknown'.repeat(4)}`,
      'The other 25 rules pass or do not apply on every node.',
    ]);
  });

  it('take one line when all of them are fine', () => {
    const fine = byNode(
      ...['loopback-adapter-present', 'vip-on-loopback'].flatMap((rule) =>
        ['EX1', 'EX2'].map((node) => ofNode(rule, node, 'pass')),
      ),
    );
    expect(nodesOf(render(smtpNotice({ 'smtp-in': fine })))).toEqual([
      'smtp-in node by node · looked at 2026-11-24 09:30 UTC',
      'All 2 rules pass or do not apply on every node.',
    ]);
  });

  it('stand four across, so that a phone has room for them, and go on below', () => {
    const [first, second, third, fourth, fifth] = nodeNames(5);
    const lines = nodesOf(render(smtpNotice({ 'smtp-in': allFailing(5, 2) })));
    expect(lines.slice(1)).toEqual([
      `Rule | ${first} | ${second} | ${third} | ${fourth}`,
      `rule-with-a-long-name-1${' | ✗ fail (critical)'.repeat(4)}`,
      `rule-with-a-long-name-2${' | ✗ fail (critical)'.repeat(4)}`,
      `Rule | ${fifth}`,
      'rule-with-a-long-name-1 | ✗ fail (critical)',
      'rule-with-a-long-name-2 | ✗ fail (critical)',
    ]);
  });

  it('are the eight where most fails when there are more, and the card says how many are left to the report', () => {
    const failing = new Set(['EX03', 'EX16']);
    const most = byNode(
      ...nodeNames(16).map((node) => ofNode('nodes-alike', node, 'fail', 'high')),
      ...nodeNames(16).map((node) =>
        failing.has(node)
          ? ofNode('vip-on-loopback', node, 'fail', 'critical')
          : ofNode('vip-on-loopback', node, 'pass'),
      ),
    );
    const lines = nodesOf(render(smtpNotice({ 'smtp-in': most })));
    expect(lines.slice(1)).toEqual([
      'Rule | EX01 | EX02 | EX03 | EX04',
      'vip-on-loopback | ✓ pass | ✓ pass | ✗ fail (critical) | ✓ pass',
      `nodes-alike${' | ✗ fail (high)'.repeat(4)}`,
      'Rule | EX05 | EX06 | EX07 | EX16',
      'vip-on-loopback | ✓ pass | ✓ pass | ✓ pass | ✗ fail (critical)',
      `nodes-alike${' | ✗ fail (high)'.repeat(4)}`,
      '… and 8 more nodes in the report.',
    ]);
  });

  it('keep the card within 22 KB with 16 nodes and 25 rules that all fail, and lose nothing silently', () => {
    const text = render(smtpNotice({ 'smtp-in': allFailing(16, 25) }));
    expect(nodesOf(text)).toEqual([
      'smtp-in node by node · looked at 2026-11-24 09:30 UTC',
      'Rule | EX01 | EX02 | EX03 | EX04',
      ...Array.from(
        { length: 8 },
        (_, index) => `rule-with-a-long-name-${index + 1}${' | ✗ fail (critical)'.repeat(4)}`,
      ),
      '… and 12 more nodes and 17 more rules in the report.',
    ]);
    expect(text).toContain('smtp-in  New · critical\nEX2: weak host receive is off for LAN (IPv4).\n');
  });

  it('of several services stand one after the other, the worst first', () => {
    const advice = byNode(
      ...['loopback-metric-high', 'vip-mask-fits'].flatMap((rule) =>
        ['EX3', 'EX4'].map((node) => ofNode(rule, node, 'fail', 'low')),
      ),
    );
    const lines = nodesOf(render(smtpNotice({ 'smtp-a': advice, 'smtp-b': halfConfigured, 'smtp-c': advice })));
    expect(lines.filter((line) => line.includes('node by node'))).toEqual([
      'smtp-b node by node · looked at 2026-11-24 09:30 UTC',
      'smtp-a node by node · looked at 2026-11-24 09:30 UTC',
      'smtp-c node by node · looked at 2026-11-24 09:30 UTC',
    ]);
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`smtp-${index}`, allFailing(16, 25)]));
    expect(nodesOf(render(smtpNotice(many))).at(-1)).toBe('… and 9 more, node by node, in the report.');
  });

  it('give way last of all to a line that says where they are', () => {
    const giant = '\u{1f4e7}'.repeat(100_000);
    const table = byNode(
      ...Array.from({ length: 25 }, (_, index) => `${giant}${index}`).flatMap((rule) =>
        nodeNames(4).map((node) => ofNode(rule, `${giant}${node}`, 'fail', 'critical')),
      ),
    );
    const questions = Object.fromEntries([...Array(8).keys()].map((n) => [`q${n}`, giant]));
    const answers = Object.fromEntries(Object.keys(questions).map((id) => [id, { yes: 1 }]));
    const of = finding({ rule: giant, target: giant, message: giant });
    const text = render({
      ...smtpNotice({}),
      evaluation: { id: 'smtp-source-ip', title: giant, questions, answerWords: words(giant) },
      subjects: [{ ...ofSubject(giant, transition('opened', giant, of)), byNode: table }],
      totals: { subjects: 1, answers },
    });
    expect(text).toContain('\nNode by node: see the report.\n');
  });
});

describe('the button', () => {
  it.each([
    undefined,
    'http://fieldcheck.contoso.com/api/report',
    '/api/report',
    'javascript:alert(1)',
    'https://',
    `https://contoso.com/${'a'.repeat(3000)}`,
  ])('is left out for %s', (link) => {
    const tenCauses = failingDomains(10).map(({ subject }, index) =>
      ofSubject(subject, transition('opened', subject, finding({ rule: `dkim/rule-${index}` }))),
    );
    const { link: _link, ...rest } = notice({ subjects: tenCauses });
    const text = render(link === undefined ? rest : { ...rest, link });
    expect(text).not.toContain('[Open report]');
    expect(text).toContain('and 2 more: 2 Microsoft. The whole of it is in the history of each subject.\n');
  });
});

describe('the size', () => {
  it('stays within 22 KB with 10,000 findings, which are counted', () => {
    const text = render(notice({ subjects: failingDomains(10_000) }));
    expect(text).toContain('Contoso: 10000 new problems in DKIM\n');
    expect(text).toContain('8000 of one cause  New · critical\n');
    expect(text).toMatch(/, d00374\.contoso\.com and 7700 more\n/);
    expect(text).toContain('2000 of one cause  New · critical\n');
  });

  it('gives way item by item, then evidence, and keeps counts and link', () => {
    const giant = '\u{1f4e7}'.repeat(100_000);
    const texts = { message: giant, observed: giant, remedy: giant, target: giant, rule: giant };
    const subjects = failingDomains(10).map(({ subject }, index) =>
      ofSubject(subject, transition('opened', subject, finding({ ...texts, rule: `${index}${giant}` }))),
    );
    const text = render(notice({ subjects }));
    expect(text).toContain('Contoso: 10 new problems in DKIM\n');
    expect(text).toMatch(/and \d more: /);
    expect(text).toContain('[Open report]');
  });

  it('cuts a value after 200 characters', () => {
    const text = render(notice({ subjects: failingDomains(1, { observed: 'v'.repeat(100_000) }) }));
    expect(text).toContain(`Found: ${'v'.repeat(199)}…\n`);
  });

  it('keeps to it whatever the texts, and every card is one that Teams parses', () => {
    const text = fc.oneof(
      anyText(),
      fc
        .constantFrom('\u{1f4e7}', '"', '\\', '\u202e', '<at>x</at>', '[x](http://evil)')
        .map((one) => one.repeat(50_000)),
    );
    fc.assert(
      fc.property(text, text, fc.integer({ min: 1, max: 8 }), (one, other, count) => {
        const subjects = failingDomains(count, {
          message: one,
          observed: other,
          remedy: one,
          rule: other,
          target: one,
        });
        const cell = { verdict: 'fail', severity: 'high', words: other } as const;
        const nodes = {
          at: other,
          targets: [one, other],
          rows: [one, other].map((rule) => ({ rule, cells: [cell, null] })),
        };
        render(
          notice({
            subjects: [
              ...subjects.map((subject) => ({ ...subject, byNode: nodes })),
              ofSubject(one, transition('resolved', one, finding({ message: other }), other)),
            ],
            organization: { id: one, name: other },
            runId: one,
            at: other,
            // A card shows none, and their keys are most of the work with such texts.
            events: [],
            evaluation: {
              id: 'dkim',
              title: one,
              questions: Object.fromEntries([...Array(40).keys()].map((n) => [`q${n}`, other])),
              answerWords: words(one),
            },
            totals: { subjects: 9, answers: { q0: { yes: 9 }, q1: { no: 9 } } },
          }),
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe('the fingerprint', () => {
  const footer = (given: Notice) => /notice ([0-9a-f]{12})/.exec(render(given))?.[1];

  it('is the same when the notice comes again, whatever the order of its subjects', () => {
    const subjects = failingDomains(3);
    expect(footer(notice({ subjects }))).toBe(footer(notice({ subjects: [...subjects].reverse() })));
  });

  it('is another one for another run or another change', () => {
    const subjects = failingDomains(3);
    expect(footer(notice({ subjects, runId: 'another' }))).not.toBe(footer(notice({ subjects })));
    expect(footer(notice({ subjects: failingDomains(4) }))).not.toBe(footer(notice({ subjects })));
  });
});
