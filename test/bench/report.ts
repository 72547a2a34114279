// How benches speak: a table, and one line for each goal.

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? upper) + upper) / 2 : upper;
}

/** Prints rows under their column names, figures to the right. The first row names the columns. */
export function printTable(rows: readonly Readonly<Record<string, string>>[]): void {
  const columns = Object.keys(rows[0] ?? {});
  const widths = columns.map((name) => Math.max(name.length, ...rows.map((row) => row[name]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    console.log(`| ${cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join(' | ')} |`);
  line(columns);
  line(widths.map((width) => `${'-'.repeat(width - 1)}:`));
  for (const row of rows) line(columns.map((name) => row[name] ?? ''));
}

/** `1.07 ≤ 1.25: met`; a figure that could not be measured says so. */
export function printGoal(what: string, value: number | undefined, relation: '≤' | '≥', limit: number): void {
  if (value === undefined || Number.isNaN(value)) {
    console.log(`- ${what}: not measured`);
    return;
  }
  const isMet = relation === '≤' ? value <= limit : value >= limit;
  console.log(`- ${what}: ${figure(value)} ${relation} ${figure(limit)}: ${isMet ? 'met' : 'MISSED'}`);
}

/** Three digits that count, thousands set apart. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}
