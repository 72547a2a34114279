import readWorkbook from 'read-excel-file/node';
import { expect, it } from 'vitest';
import { workbook } from '../../src/reports/workbook.ts';
import { finding, mixedRuns, run } from './runs.ts';

const options = {
  title: 'Contoso',
  author: 'Northwind',
  evaluations: {
    dkim: { title: 'DKIM', questions: [{ id: 'verifiable-now', title: 'Can receivers verify?', short: 'Now' }] },
  },
};

it('has the counts, a sheet for each question and every finding, as another library reads it', async () => {
  const sheets = await readWorkbook(Buffer.from(await workbook(mixedRuns, options)));
  expect(sheets.map(({ sheet }) => sheet)).toEqual(['Summary', 'Now', 'Findings']);
  const [summary, now, findings] = sheets.map(({ data }) => data);
  expect(summary?.[1]).toEqual(['DKIM', 'Can receivers verify?', 1, 1, 1, 0, 'Contoso, by Northwind', 0, 0]);
  expect(now?.slice(0, 3)).toEqual([
    ['Subject', 'Answer', 'Owners', 'Stands in the way', 'Looked', 'Accepted or silenced'],
    ['adatum.com', 'yes', null, null, '2026-11-24 09:30 UTC', null],
    ['contoso.com', 'no', 'Microsoft', 'Microsoft publishes no key for selector1.', '2026-11-24 09:30 UTC', null],
  ]);
  expect(findings).toHaveLength(1 + mixedRuns.flatMap((one) => one.findings).length);
});

it('takes no text for a formula, and cuts none that Excel can hold', async () => {
  const message = '=HYPERLINK("http://evil","x")';
  const sheets = await readWorkbook(
    Buffer.from(await workbook([run('contoso.com', { q: 'no' }, finding({ message }))], {})),
  );
  expect(sheets[2]?.data[1]?.[7]).toBe(message);
});

it('names each sheet once, however alike questions are called', async () => {
  const sheets = await readWorkbook(
    Buffer.from(await workbook([run('contoso.com', { 'a/b': 'yes', 'a?b': 'no', ['x'.repeat(60)]: 'no' })], {})),
  );
  expect(sheets.map(({ sheet }) => sheet)).toEqual(['Summary', 'a b', 'a b 2', 'x'.repeat(28), 'Findings']);
});
