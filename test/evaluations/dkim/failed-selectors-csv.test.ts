import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { failedSelectorsCsv } from '../../../src/evaluations/dkim/failed-selectors-csv.ts';
import { finding, mixedRuns, run } from '../../reports/runs.ts';

const header = 'Domain,Selector,Rule,Severity,Owner,Status,Observed,Message,Remedy,Checked\r\n';

describe('failed selectors as CSV', () => {
  it('has one line for each failing active selector, and none for advice, passes and what could not be looked at', () => {
    expect(failedSelectorsCsv(mixedRuns)).toBe(
      `${header}contoso.com,selector1,dkim/active-key-published,critical,microsoft,fail,selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN,Microsoft publishes no key for selector1.,Open a support case with Microsoft.,2026-11-24T09:30:00.000Z\r\n`,
    );
  });

  it('is the header alone when nothing fails', () => {
    expect(failedSelectorsCsv([])).toBe(header);
  });

  it('leaves out failing rules that are not about the active selector', () => {
    const passive = finding({ rule: 'dkim/passive-cname-correct', severity: 'medium' });
    expect(failedSelectorsCsv([run('contoso.com', {}, passive)])).toBe(header);
  });

  it('stands in order of domain, selector and rule, whatever the order of the runs', () => {
    const runs = [
      run('b.contoso.com', {}, finding({ target: 'selector2' }), finding({ target: 'selector1' })),
      run('a.contoso.com', {}, finding({ rule: 'dkim/active-key-single' }), finding()),
    ];
    const csv = failedSelectorsCsv(runs);
    expect(csv).toBe(failedSelectorsCsv([...runs].reverse()));
    expect(parse(csv, { from: 2 }).map((row: string[]) => row.slice(0, 3).join(' '))).toEqual([
      'a.contoso.com selector1 dkim/active-key-published',
      'a.contoso.com selector1 dkim/active-key-single',
      'b.contoso.com selector1 dkim/active-key-published',
      'b.contoso.com selector2 dkim/active-key-published',
    ]);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)'])('does not let %s become a formula', (observed) => {
    const evil = finding({ target: observed, evidence: [{ fact: 'selector', observed }] });
    const [row] = parse(failedSelectorsCsv([run('contoso.com', {}, evil)]), { from: 2 }) as string[][];
    expect(row?.[1]).toBe(`'${observed}`);
    expect(row?.[6]).toBe(`'${observed}`);
  });

  it('keeps commas, quotes and line breaks inside their cell', () => {
    const odd = finding({ message: 'a "quoted", text\r\nof two lines' });
    const [row, ...others] = parse(failedSelectorsCsv([run('contoso.com', {}, odd)]), { from: 2 }) as string[][];
    expect(row?.[7]).toBe('a "quoted", text of two lines');
    expect(others).toEqual([]);
  });
});
