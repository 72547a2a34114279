import type { Run } from '../domain/finding.ts';
import type { ReportOptions } from './arrange.ts';
import { csvReport } from './csv.ts';
import { htmlReport } from './html-report.ts';
import { junitReport } from './junit-report.ts';
import { markdownReport } from './markdown-report.ts';
import { terminalReport } from './terminal.ts';

const reports: Readonly<Record<ReportFormat, (runs: readonly Run[], options: ReportOptions) => string>> = {
  text: (runs, { evaluations = {}, ...options }) => {
    const answerWords = evaluations[runs[0]?.evaluation ?? '']?.answerWords;
    return terminalReport(runs, answerWords === undefined ? options : { ...options, answerWords });
  },
  md: markdownReport,
  csv: csvReport,
  json: (runs) => `${JSON.stringify(runs, null, 2)}\n`,
  junit: junitReport,
  html: htmlReport,
};

export const reportFormats = ['text', 'md', 'csv', 'json', 'junit', 'html'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** The format in which a file of that name is written, by how it ends: `.xml` is JUnit. */
export function formatOfFile(name: string): ReportFormat {
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  if (ending === 'xml') return 'junit';
  return reportFormats.find((format) => format === ending) ?? 'text';
}

/** Runs of one evaluation in one of the formats. */
export function reportAs(format: ReportFormat, runs: readonly Run[], options: ReportOptions): string {
  return reports[format](runs, options);
}
