export { badgeSvg } from './badge.ts';
export { csvReport } from './csv.ts';
export { formatOfFile, type ReportFormat, reportAs, reportFormats } from './formats.ts';
export { htmlReport } from './html-report.ts';
export { junitReport } from './junit-report.ts';
export { markdownReport } from './markdown-report.ts';
export { runbookMarkdown } from './runbook.ts';
export { terminalReport } from './terminal.ts';
