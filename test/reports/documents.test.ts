import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding, Run } from '../../src/domain/finding.ts';
import { htmlReport } from '../../src/pages/index.ts';
import { markdownReport } from '../../src/reports/index.ts';
import { anyText } from '../any-text.ts';
import { mixedPool } from '../evaluations/smtp-source-ip/linux-scenes.ts';
import { runOf } from '../evaluations/smtp-source-ip/service.ts';
import { assumedRun, finding, mixedRuns, run, twoNodes } from './runs.ts';

const options = { title: 'Contoso', questions: { 'verifiable-now': 'Can receivers verify what is signed now?' } };

/** An evaluation with words of its own for its answers. */
const ready = {
  'teams-exchange-interop': {
    title: 'Teams with Exchange',
    answerWords: { yes: 'GO', no: 'NO-GO', undetermined: 'INDETERMINATE', not_applicable: 'not asked' },
  },
};
const interop: Run = { ...run('contoso', { calendar: 'no' }), evaluation: 'teams-exchange-interop' };

/** What a person reads of a page, without the style sheet. */
function textOf(html: string): string {
  const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"', '&#39;': "'" };
  return html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(?:lt|gt|amp|quot|#39);/g, (entity) => entities[entity] ?? entity)
    .replace(/ +/g, ' ')
    .replace(/ (?=[.,:;\n])/g, '');
}

/** Where each text begins; asserts that all are there. */
function positions(document: string, ...texts: string[]): number[] {
  return texts.map((text) => {
    expect(document).toContain(text);
    return document.indexOf(text);
  });
}

describe('the Markdown report', () => {
  const report = markdownReport(mixedRuns, options);

  it('tells answers first, then fails, then what could not be looked at, then advice and passes', () => {
    const order = positions(
      report,
      '# Contoso',
      '3 subjects, looked at 2026-11-24 09:30 UTC.',
      '- **Can receivers verify what is signed now?** 1 yes, 1 no, 1 undetermined',
      '| contoso.com | **no** |',
      '| fabrikam.com | **undetermined** |',
      '### Failing: 1',
      '#### contoso.com: dkim/active-key-published selector1 (critical)',
      '### Could not look: 1',
      'The name servers answered SERVFAIL.',
      '### Advice: 1',
      '<summary>Passing or not applicable: 3</summary>',
      'adatum.com: dkim/next-selector-ready: not applicable. No rotation is planned.',
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('shows evidence, owner, remedy and the text for the support case', () => {
    expect(report).toContain(
      '- Found: ` selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN ` (selector, 192.0.2.53, 2026-11-24 09:30 UTC)',
    );
    expect(report).toContain('- To mend: Microsoft\n- What to do: Open a support case with Microsoft.');
    expect(report).toContain('```text\nDomain: contoso.com\nAsked: 192.0.2.53\n```');
  });

  it('keeps what was not judged apart from what could not be looked at', () => {
    expect(report).toContain('<summary>Not judged because another rule fails: 1</summary>');
  });

  it('lets nothing from outside become markup', () => {
    const evil = markdownReport([
      run('contoso.com', {}, finding({ message: '<img src=x> [x](http://evil) **b** | `c`' })),
    ]);
    expect(evil).toContain('\\<img src=x\\> \\[x\\]\\(http\\://evil\\) \\*\\*b\\*\\* \\| \\`c\\`');
  });

  it('lets no message begin a list or an underline', () => {
    const begin = (message: string) => markdownReport([run('contoso.com', {}, finding({ message }))]);
    expect(begin('1. not a list')).toContain('\n1\\. not a list\n');
    expect(begin('- not a list')).toContain('\n\\- not a list\n');
    expect(begin('=== no heading above')).toContain('\n\\=== no heading above\n');
  });

  it('closes a code span only where it ends, whatever was observed', () => {
    const evil = markdownReport([
      run('contoso.com', {}, finding({ evidence: [{ fact: 'selector', observed: 'a ``b`` <script>' }] })),
    ]);
    expect(evil).toContain('- Found: ``` a ``b`` <script> ``` (selector)');
  });

  it('says answers in the words of their evaluation', () => {
    const told = markdownReport([interop, ...mixedRuns], { evaluations: ready });
    // One subject: its answers, neither counted nor in a table.
    expect(told).toMatch(/^- \*\*[^*]+\*\* NO-GO$/m);
    expect(told).not.toContain('| contoso |');
    expect(told).toContain('| contoso.com | **no** |');
  });

  it('says when nothing was evaluated and when nothing fails', () => {
    expect(markdownReport([])).toBe('# fieldcheck report\n\nNothing was evaluated.\n');
    expect(markdownReport([run('adatum.com', { 'verifiable-now': 'yes' })])).toContain('Nothing fails.');
  });
});

describe('the HTML report', () => {
  const report = htmlReport(mixedRuns, options);

  it('tells answers first, then what to do and who, then what could not be looked at, then evidence and the rest', () => {
    const order = positions(
      textOf(report),
      'Contoso',
      'looked at 2026-11-24 09:30 UTC',
      'dkim: 1 of 3 subjects has a no: Can receivers verify what is signed now?',
      '1 no\n Can receivers verify what is signed now?',
      'What to do, and who',
      'Microsoft contoso.com: Microsoft publishes no key for selector1. critical',
      'Causes',
      'Open a support case with Microsoft.',
      'Domain: contoso.com\nAsked: 192.0.2.53',
      'Advice',
      'The key is 400 days old.',
      'Could not look',
      'The name servers answered SERVFAIL.',
      'Evidence: 2 findings',
      'selector selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN 192.0.2.53, 2026-11-24 09:30 UTC',
      'Not judged because another rule fails: 1',
      'Passing: 2',
      'Not applicable: 1',
      'adatum.com: No rotation is planned.',
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('needs nothing else: no script, no address to load from', () => {
    expect(report).not.toMatch(/<script|src=|href="(?!#)|url\(|@import|style="| on[a-z]+="/i);
    expect(report).toContain('default-src &#39;none&#39;; style-src &#39;sha256-');
  });

  it('shows answers in the words of their evaluation, in plain ones where it has none of its own', () => {
    expect(textOf(htmlReport([interop], { evaluations: ready }))).toContain('NO-GO\n calendar');
    expect(textOf(htmlReport([interop, ...mixedRuns], { evaluations: ready }))).toContain('1 no\n verifiable-now');
    expect(textOf(htmlReport([interop]))).toContain('no\n calendar');
  });

  it('names who hands it on, and shows their logo', () => {
    const logo = 'data:image/png;base64,iVBORw0KGgo=';
    const handedOn = htmlReport(mixedRuns, { ...options, author: 'Northwind <Services>', logo });
    expect(textOf(handedOn)).toContain('by Northwind <Services>');
    expect(handedOn).toContain(`<img src="${logo}" alt="">`);
    expect(handedOn).toContain('img-src data:');
  });

  it('has the same tags whatever the texts hold', () => {
    const tags = (html: string) => html.match(/<[^>]*>/g);
    const make = (text: string) =>
      htmlReport([
        run(
          text,
          { 'verifiable-now': 'no' },
          finding({
            target: text,
            message: text,
            remedy: text,
            supportCase: text,
            evidence: [{ fact: text, observed: text, source: text }],
          }),
        ),
      ]);
    const expected = tags(make('plain'));
    const markup = fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", '/', 'script', '\u202e', '\n', 'a') });
    fc.assert(
      fc.property(fc.oneof(anyText(), markup), (text) => {
        expect(tags(make(`x${text}`))).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe('findings by target', () => {
  const evaluations = { 'smtp-source-ip': { title: 'SMTP source IP' } };

  it('stand side by side in words, each connector in the column of its node, before the details', () => {
    const report = markdownReport([twoNodes], { evaluations });
    expect(report).toContain(
      [
        '### smtp-in: findings by target',
        '',
        '| Rule | EX1 | EX2 |',
        '| --- | --- | --- |',
        '| lan-weak-host-receive | ✓ pass | ✗ fail (critical) |',
        '| netbios-disabled | ✓ pass | ? unknown |',
        '| relay-scope-narrow | ✗ fail (high), 1 of 2 | – not applicable |',
        '| per-source-limits-fit |  | ! a person has to look |',
        '',
        '### Failing: 2',
      ].join('\n'),
    );
  });

  it('are a table with headings in both directions in HTML, and no verdict is told by its colour alone', () => {
    const report = htmlReport([twoNodes], { evaluations });
    positions(textOf(report), 'Side by side', 'Could not look');
    expect(report).toContain('<th scope="col">Rule</th><th scope="col">EX1</th><th scope="col">EX2</th>');
    const text = textOf(report).replace(/\s+/g, ' ');
    expect(text).toContain('lan-weak-host-receive pass fail critical');
    expect(text).toContain('per-source-limits-fit not judged look yourself');
  });

  it('show Windows and Linux nodes of one pool in one table', async () => {
    const { run: ofPool } = await runOf(mixedPool());
    const table = markdownReport([ofPool], { evaluations });
    expect(table).toContain('| Rule | EX1 | EX2 | MX1 | MX2 |');
    for (const row of [
      '| vip-on-loopback | ✓ pass | ✓ pass | ✓ pass | ✓ pass |',
      '| lan-weak-host-receive | ✓ pass | ✗ fail (critical) | – not applicable | – not applicable |',
      '| vip-silent-on-lan | ✓ pass | ✓ pass | ✓ pass | ✗ fail (critical) |',
      '| connector-bound-to-vip | ✓ pass | ✓ pass | ✓ pass | ✓ pass |',
      '| relay-scope-narrow | ✓ pass | ✓ pass | ✓ pass | ✓ pass |',
      '| netbios-disabled | ✓ pass | ✓ pass | – not applicable | – not applicable |',
    ]) {
      expect(table).toContain(row);
    }
    const html = htmlReport([ofPool], { evaluations });
    expect([...html.matchAll(/<th scope="col">(EX1|EX2|MX1|MX2)/g)].map(([, name]) => name)).toEqual([
      'EX1',
      'EX2',
      'MX1',
      'MX2',
    ]);
    expect(html).toMatch(/vip-silent-on-lan/);
  });

  it('are left out where no two rules judged the same targets, and in a report of many subjects', () => {
    expect(markdownReport(mixedRuns)).not.toContain('findings by target');
    const one = { ...twoNodes, findings: twoNodes.findings.filter(({ rule }) => rule.endsWith('netbios-disabled')) };
    expect(markdownReport([one])).not.toContain('findings by target');
    const services = Array.from({ length: 11 }, (_, index) => ({ ...twoNodes, subject: `smtp-${index}` }));
    expect(htmlReport(services)).not.toContain('Side by side');
  });
});

describe('headings', () => {
  it('call an evaluation by its title, or by its id where nobody said one', () => {
    const evaluations = { 'smtp-source-ip': { title: 'SMTP source IP' } };
    expect(htmlReport([twoNodes], { evaluations })).toContain('<h2>SMTP source IP, 1 subject</h2>');
    expect(htmlReport([twoNodes])).toContain('<h2>smtp-source-ip, 1 subject</h2>');
    expect(markdownReport([twoNodes], { evaluations })).toContain('\n## SMTP source IP\n');
    expect(markdownReport([twoNodes])).toContain('\n## smtp-source-ip\n');
  });
});

describe('what has to change in DNS', () => {
  const dns: Finding['dns'] = [
    { action: 'remove', name: 'selector1._domainkey.contoso.com', type: 'TXT' },
    { action: 'publish', name: 'selector1._domainkey.contoso.com', type: 'CNAME', data: 'target.example' },
  ];
  // The same change, asked for by two rules, stands once.
  const missing = run('contoso.com', { 'verifiable-now': 'no' }, finding({ dns }), finding({ dns }));
  const lines =
    '; delete: selector1._domainkey.contoso.com. IN TXT\nselector1._domainkey.contoso.com. 3600 IN CNAME target.example.';

  it('stands in both reports, of all subjects together, as lines to paste', () => {
    expect(markdownReport([missing])).toContain(`### DNS records to change: 2\n\n\`\`\`text\n${lines}\n\`\`\`\n`);
    expect(htmlReport([missing])).toContain('<h2>DNS records to change: 2</h2>');
    expect(htmlReport([missing])).toContain(`>${lines}</pre>`);
  });

  it('is no heading where nothing has to change', () => {
    expect(markdownReport(mixedRuns) + htmlReport(mixedRuns)).not.toContain('DNS records');
  });
});

describe('what is assumed', () => {
  const heading = 'Answers that rest on what is assumed: 1';

  it('stands in both reports: in the answers that rest on it, and in every finding that does', () => {
    expect(markdownReport([assumedRun], options)).toContain(
      `### ${heading}\n\n- contoso.com: Can receivers verify what is signed now? **Would be yes with what is assumed; is no without.**\n`,
    );
    expect(textOf(htmlReport([assumedRun], options))).toContain(
      `${heading} contoso.com: Can receivers verify what is signed now? Would be yes with what is assumed; is no without.`,
    );
    for (const report of [markdownReport([assumedRun]), htmlReport([assumedRun])]) {
      expect(report.replaceAll('\\', '')).toContain('No key there. (Rests on what is assumed: key record.)');
      expect(report.replaceAll('\\', '')).toContain('It leads there. (Rests on what is assumed.)');
    }
  });

  it('is not spoken of where nothing is', () => {
    expect(markdownReport(mixedRuns, options) + htmlReport(mixedRuns, options)).not.toContain('assumed');
  });
});

describe('the way to a yes, of an evaluation with steps of mending', () => {
  const [cause, effect] = [
    finding({ rule: 'teams-exchange-interop/cause', target: undefined, message: 'The <cause>.' }),
    finding({ rule: 'teams-exchange-interop/effect', target: undefined, message: 'The effect.' }),
  ];
  const silent = finding({
    rule: 'teams-exchange-interop/unseen',
    target: undefined,
    verdict: 'unknown',
    severity: undefined,
    owner: undefined,
    remedy: undefined,
    evidence: [{ fact: 'key', observed: 'unobtainable, denied: ask for the permission X' }],
  });
  const look = finding({
    rule: 'teams-exchange-interop/firewall',
    target: undefined,
    verdict: 'manual',
    severity: undefined,
    owner: undefined,
    message: 'Nobody answered.',
    remedy: 'Ask the network team.',
    evidence: [],
  });
  const runs: Run[] = [{ ...interop, findings: [effect, silent, look, cause] }];
  const mending = [
    { title: 'names', rules: ['cause'] },
    { title: 'keys', rules: ['effect'] },
  ];
  const evaluations = { 'teams-exchange-interop': { title: 'Teams with Exchange', mending } };

  it.each([
    [
      'Markdown',
      markdownReport(runs, { evaluations }),
      [
        '### Answers',
        '### What stands in the way, from cause to effect',
        '1. names: **The \\<cause\\>.**',
        '   - What to do: Open a support case with Microsoft.',
        '   - To mend: Microsoft',
        '   - Page: ` fieldcheck evaluate teams-exchange-interop --explain cause `',
        '2. keys: **The effect.**',
        '### What kept from looking, and what to do',
        '- Nobody answered. Ask the network team. (for firewall)',
        '- ask for the permission X (for unseen)',
        '### Failing: 2',
      ],
    ],
    [
      'HTML',
      textOf(htmlReport(runs, { evaluations })).replace(/\s+/g, ' '),
      [
        'What to do, and who Owner To mend Severity Since Done Microsoft contoso: The <cause>. critical Microsoft contoso: The effect.',
        'The way to yes The <cause>. critical to mend Microsoft',
        'Step: names. ',
        'Open a support case with Microsoft.',
        'The effect. critical to mend',
        'Could not look',
        'Nobody answered. Ask the network team. firewall',
        'ask for the permission X unseen',
      ],
    ],
  ])('begins the %s report', (_, report, texts) => {
    const order = positions(report, ...texts);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });
});
