import type { ReportFormat } from '../../domain/report-format.ts';
import { htmlReport, type Reported } from '../../pages/index.ts';
import { csvReport, junitReport, markdownReport, type ReportOptions, type TerminalLook } from '../../reports/index.ts';

type Options = ReportOptions & { readonly look?: TerminalLook };

const reports: Readonly<
  Record<ReportFormat, (runs: readonly Reported[], options: Options) => string | Promise<string | Uint8Array>>
> = {
  // Measuring the width of texts takes a table of all emoji.
  text: async (runs, options) => (await import('../../reports/terminal.ts')).terminalReport(runs, options),
  md: markdownReport,
  csv: csvReport,
  json: (runs) =>
    `${JSON.stringify(
      runs.map(({ memory: _, ...run }) => run),
      null,
      2,
    )}\n`,
  junit: junitReport,
  html: htmlReport,
  // Loaded when asked for: most instances never are.
  xlsx: async (runs, options) => (await import('../../reports/workbook.ts')).workbook(runs, options),
};

/** The media type of each, as HTTP names it. */
export const mediaTypes: Readonly<Record<ReportFormat, string>> = {
  text: 'text/plain; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  json: 'application/json',
  junit: 'application/xml',
  html: 'text/html; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

/** Runs in one of the formats; what is no text is bytes. */
export async function reportAs(
  format: ReportFormat,
  runs: readonly Reported[],
  options: Options,
): Promise<string | Uint8Array> {
  return reports[format](runs, options);
}
