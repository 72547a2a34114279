// Reports that programs read: each is read back by a parser, with texts that would be markup or a formula.
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/domain/finding.ts';
import { badgeSvg, csvReport, junitReport } from '../../src/reports/index.ts';
import { anyText } from '../any-text.ts';
import { finding, mixedRuns, run } from './runs.ts';

const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseAttributeValue: false });
function read(xml: string) {
  expect(XMLValidator.validate(xml)).toBe(true);
  // Which characters XML 1.0 admits (section 2.2) the validator does not look at.
  expect(xml).not.toMatch(/[^\t\n\r -\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u);
  return parser.parse(xml);
}
const nasty = '=cmd|"<&>\'\u0000\u202e\ufffe]]> -- é 漢';

describe('JUnit', () => {
  const options = { title: 'Contoso', questions: { 'verifiable-now': 'Can receivers verify what is signed now?' } };
  const { testsuites } = read(junitReport(mixedRuns, options));
  const suites = testsuites.testsuite as {
    name: string;
    testcase: Record<string, unknown>[];
    [more: string]: unknown;
  }[];

  it('has a suite for each subject, and counts in all of them', () => {
    expect(
      suites.map(({ name, timestamp, tests, failures, errors, skipped }) => [
        ...[name, timestamp, tests, failures, errors, skipped],
      ]),
    ).toEqual([
      ['dkim: contoso.com', '2026-11-24T09:30:00', '5', '2', '0', '2'],
      ['dkim: fabrikam.com', '2026-11-24T09:30:00', '2', '0', '2', '0'],
      ['dkim: adatum.com', '2026-11-24T09:30:00', '3', '0', '0', '1'],
    ]);
    const { name, tests, failures, errors, skipped } = testsuites;
    expect([name, tests, failures, errors, skipped]).toEqual(['Contoso', '10', '2', '2', '3']);
  });

  it('says what failed, who mends it and how, and what nobody could look at', () => {
    const [question, , failed, blocked, advice] = suites[0]?.testcase ?? [];
    expect(question).toMatchObject({
      classname: 'dkim.contoso.com',
      name: 'Can receivers verify what is signed now?',
      failure: { message: 'no' },
    });
    expect(failed).toMatchObject({
      name: 'dkim/active-key-published selector1',
      failure: { message: 'Microsoft publishes no key for selector1.', type: 'critical' },
    });
    const { failure } = failed as { failure: Record<string, string> };
    expect(failure['#text']?.split('\n')).toEqual([
      'To mend: Microsoft',
      'What to do: Open a support case with Microsoft.',
      'Found: selector: selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN (192.0.2.53, 2026-11-24T09:30:00.000Z)',
      'For the support case:',
      'Domain: contoso.com',
      'Asked: 192.0.2.53',
    ]);
    expect(blocked?.skipped).toEqual({ message: 'Not judged: blocked by dkim/active-key-published.' });
    expect(advice?.skipped).toEqual({ message: 'advice (low). The key is 400 days old.' });
    expect(suites[1]?.testcase[1]?.error).toEqual({ message: 'The name servers answered SERVFAIL.', type: 'unknown' });
  });

  it('is well-formed whatever a text holds, and of no run', () => {
    expect(read(junitReport([])).testsuites).toMatchObject({ tests: '0', failures: '0' });
    fc.assert(
      fc.property(fc.oneof(anyText(), fc.constant(nasty)), (text) => {
        const evil = finding({ target: text, message: text, remedy: text, supportCase: `${text}\n${text}` });
        read(junitReport([run(text, { [text]: 'no' }, evil)], { title: text, questions: { [text]: text } }));
      }),
    );
    const { testsuite } = read(junitReport([run(nasty, {}, finding({ message: nasty }))])).testsuites;
    expect(testsuite.testcase.failure.message).toBe('=cmd|"<&>\']]> -- é 漢');
  });
});

describe('CSV', () => {
  it('has one line for each finding, and names what a person needs to sort by', () => {
    const rows = parse(csvReport(mixedRuns), { columns: true }) as Record<string, string>[];
    expect(rows.map(({ Subject, Rule, Target, Verdict }) => [Subject, Rule, Target, Verdict])).toEqual([
      ['adatum.com', 'dkim/signing-enabled', '', 'pass'],
      ['adatum.com', 'dkim/next-selector-ready', '', 'not_applicable'],
      ['contoso.com', 'dkim/signing-enabled', '', 'pass'],
      ['contoso.com', 'dkim/active-key-published', 'selector1', 'fail'],
      ['contoso.com', 'dkim/active-key-strong', 'selector1', 'unknown'],
      ['contoso.com', 'dkim/rotation-on-schedule', 'selector1', 'fail'],
      ['fabrikam.com', 'dkim/active-key-published', 'selector1', 'unknown'],
    ]);
    expect(rows[3]).toMatchObject({
      Evaluation: 'dkim',
      Severity: 'critical',
      Owner: 'microsoft',
      Message: 'Microsoft publishes no key for selector1.',
      Remedy: 'Open a support case with Microsoft.',
      Answers: 'verifiable-now: no',
      Checked: '2026-11-24T09:30:00.000Z',
      'Support case': 'Domain: contoso.com | Asked: 192.0.2.53',
    });
  });

  it('gives a spreadsheet no formula, and a reader no line break in a cell', () => {
    const evil = finding({ message: '=HYPERLINK("https://contoso.com")', remedy: '@SUM(1)\r\nx', target: '-1+1' });
    const text = csvReport([run('+contoso.com', { 'verifiable-now': 'no' }, evil)]);
    expect(text.split('\r\n')).toHaveLength(3);
    const [, row = []] = parse(text) as string[][];
    expect(row.filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
    expect(row).toContain('\'=HYPERLINK("https://contoso.com")');
    expect(row).toContain("'@SUM(1) x");
  });
});

describe('a badge', () => {
  it('says the answer in words, with a mark of its own for each', () => {
    const answers: readonly Answer[] = ['yes', 'no', 'undetermined', 'not_applicable'];
    const badges = answers.map((answer) => read(badgeSvg('DKIM', answer, `${answer}: 3 of 74`)).svg);
    expect(badges.map((svg) => [svg.title, svg['aria-label'], svg.role])).toEqual(
      answers.map((answer) => [`DKIM: ${answer}: 3 of 74`, `DKIM: ${answer}: 3 of 74`, 'img']),
    );
    expect(badges[1].g.text.map((one: Record<string, string>) => one['#text'])).toEqual(['DKIM', 'no: 3 of 74']);
    expect(new Set(badges.map((svg) => svg.path.d)).size).toBe(4);
    expect(badges[0].xmlns).toBe('http://www.w3.org/2000/svg');
  });

  it('stays one whatever a title holds', () => {
    fc.assert(fc.property(anyText(), (text) => void read(badgeSvg(text, 'no', text))));
    const svg = badgeSvg('<script>alert(1)</script>', 'no', '"&');
    expect(svg).not.toContain('<script');
    expect(read(svg).svg.title).toBe('<script>alert(1)</script>: "&');
  });
});
