export type { ReportOptions } from './arrange.ts';
export { badgeSvg } from './badge.ts';
export { csvReport } from './csv.ts';
export { dnsLine } from './dns-lines.ts';
export { junitReport } from './junit-report.ts';
export { markdownReport } from './markdown-report.ts';
export { inOrderOfMending, unseenIn } from './mending.ts';
export { remedyParts } from './remedy.ts';
export { type TerminalLook, terminalReport } from './terminal.ts';
