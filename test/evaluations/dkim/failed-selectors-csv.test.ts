import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { SubjectState } from '../../../src/domain/compare.ts';
import { type Finding, findingKey, type Run } from '../../../src/domain/finding.ts';
import { failedSelectorsCsv } from '../../../src/evaluations/dkim/failed-selectors-csv.ts';
import { finding, mixedRuns, run } from '../../reports/runs.ts';

const header =
  'Domain,Selector,Rule,Severity,Owner,Status,Observed,Message,Remedy,Checked,Since,Evidence,Support case,Incident\r\n';
const earlier = '2026-11-18T06:00:00.000Z';

/** As it is kept: every finding has been what it is since 18 November. */
function stateOf(found: Run): SubjectState {
  const memory = ({ verdict }: Finding) => ({ verdict, since: earlier, unknownRuns: 0 });
  return {
    runId: 'contoso.dkim.1',
    run: found,
    since: earlier,
    runs: 7,
    findings: Object.fromEntries(found.findings.map((one) => [findingKey(one), memory(one)])),
    answers: {},
  };
}
const csvOf = (runs: readonly Run[]) => failedSelectorsCsv(runs.map(stateOf));

describe('failed selectors as CSV', () => {
  it('has one line for each failing active selector, and none for advice, passes and what could not be looked at', () => {
    expect(csvOf(mixedRuns)).toBe(
      `${header}contoso.com,selector1,dkim/active-key-published,critical,microsoft,fail,selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN,Microsoft publishes no key for selector1.,Open a support case with Microsoft.,2026-11-24T09:30:00.000Z,2026-11-18T06:00:00.000Z,"selector: selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN (192.0.2.53, 2026-11-24T09:30:00.000Z)",Domain: contoso.com | Asked: 192.0.2.53,open\r\n`,
    );
  });

  it.each([
    [{ hushedBy: 'silence-20261124-1' }, 'silenced'],
    [{ hushedBy: 'acceptance-20261124-1' }, 'accepted'],
    [{ flapping: true as const }, 'flapping'],
    [{ soft: 1 }, 'not confirmed'],
  ])('shows what is not told, and says why: %o', (memory, words) => {
    const state = stateOf(run('contoso.com', {}, finding()));
    const key = findingKey(finding());
    const findings = { [key]: { verdict: 'fail' as const, since: earlier, unknownRuns: 0, ...memory } };
    const [row] = parse(failedSelectorsCsv([{ ...state, findings }]), { columns: true }) as Record<string, string>[];
    expect(row?.Incident).toBe(words);
  });

  it('is the header alone when nothing fails', () => {
    expect(csvOf([])).toBe(header);
  });

  it('leaves out failing rules that are not about the active selector', () => {
    const passive = finding({ rule: 'dkim/passive-cname-correct', severity: 'medium' });
    expect(csvOf([run('contoso.com', {}, passive)])).toBe(header);
  });

  it('stands in order of domain, selector and rule, whatever the order of the runs', () => {
    const runs = [
      run('b.contoso.com', {}, finding({ target: 'selector2' }), finding({ target: 'selector1' })),
      run('a.contoso.com', {}, finding({ rule: 'dkim/active-key-single' }), finding()),
    ];
    const csv = csvOf(runs);
    expect(csv).toBe(csvOf([...runs].reverse()));
    expect(parse(csv, { from: 2 }).map((row: string[]) => row.slice(0, 3).join(' '))).toEqual([
      'a.contoso.com selector1 dkim/active-key-published',
      'a.contoso.com selector1 dkim/active-key-single',
      'b.contoso.com selector1 dkim/active-key-published',
      'b.contoso.com selector2 dkim/active-key-published',
    ]);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)'])('does not let %s become a formula', (observed) => {
    const evil = finding({ target: observed, evidence: [{ fact: 'selector', observed }], supportCase: observed });
    const [row] = parse(csvOf([run('contoso.com', {}, evil)]), { from: 2 }) as string[][];
    expect(row?.[1]).toBe(`'${observed}`);
    expect(row?.[6]).toBe(`'${observed}`);
    expect(row?.[12]).toBe(`'${observed}`);
  });

  it('counts from the first run in a row that found it; nothing remembered is this run', () => {
    const [row] = parse(failedSelectorsCsv([{ ...stateOf(run('contoso.com', {}, finding())), findings: {} }]), {
      columns: true,
    }) as Record<string, string>[];
    expect(row).toMatchObject({ Since: '2026-11-24T09:30:00.000Z', 'Support case': '' });
  });

  it('keeps commas, quotes and line breaks inside their cell', () => {
    const odd = finding({ message: 'a "quoted", text\r\nof two lines', supportCase: 'Asked:\n\n  "a", b\r\n=1' });
    const [row, ...others] = parse(csvOf([run('contoso.com', {}, odd)]), { from: 2 }) as string[][];
    expect(row?.[7]).toBe('a "quoted", text of two lines');
    expect(row?.[12]).toBe('Asked: | "a", b | =1');
    expect(others).toEqual([]);
  });
});
