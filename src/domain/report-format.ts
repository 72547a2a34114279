/** How a report can be written. */
export const reportFormats = ['text', 'md', 'csv', 'json', 'junit', 'html', 'xlsx'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** The format in which a file of that name is written, by how it ends: `.xml` is JUnit. */
export function formatOfFile(name: string): ReportFormat {
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  if (ending === 'xml') return 'junit';
  return reportFormats.find((format) => format === ending) ?? 'text';
}

/** How a file in that format ends. */
export function endingOf(format: ReportFormat): string {
  if (format === 'junit') return 'xml';
  return format === 'text' ? 'txt' : format;
}
