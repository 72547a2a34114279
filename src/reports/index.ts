export type { ReportOptions } from './arrange.ts';
export { failedSelectorsCsv } from './failed-selectors-csv.ts';
export { htmlReport } from './html-report.ts';
export { markdownReport } from './markdown-report.ts';
