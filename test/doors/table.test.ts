import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Door, door } from '../../src/doors/door.ts';
import { doorsOf } from '../../src/doors/index.ts';
import { evaluations } from '../../src/evaluations/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const doors = doorsOf(evaluations);

/** The doors as a table in Markdown, its columns as wide as they need to be. */
function markdownTable(): string {
  const rows = doors.map(({ method, path, title, needs }) => [
    `\`${method} ${path}\``,
    needs === 'open' ? `${title} (open)` : title,
  ]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], filler = ' ') =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, filler)).join(' | ')} |`;
  return [line(['door', '']), line(['', ''], '-'), ...rows.map((row) => line(row))].join('\n');
}

test('the README lists every door (UPDATE_GOLDEN=1 writes it)', async () => {
  const file = `${root}README.md`;
  const readme = await readFile(file, 'utf8');
  const table = /(?<=\n)\| door .*?(?=\n\n)/s;
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(file, readme.replace(table, markdownTable));
  expect((await readFile(file, 'utf8')).match(table)?.[0]).toBe(markdownTable());
});

test('every door has a name and an address of its own, and a title in one sentence', () => {
  const unique = (values: readonly string[]) => expect(new Set(values).size).toBe(values.length);
  unique(doors.map(({ id }) => id));
  unique(doors.map(({ method, path }) => `${method} ${path.replace(/\{\w+\}/g, '{}')}`));
  expect(doors.filter(({ title }) => !/^[A-Z].*[^.]$/.test(title) || /\. /.test(title))).toEqual([]);
});

test('a door says what right it needs, and reads only parameters that its path has', () => {
  const rest: Pick<Door, 'title' | 'answers'> = { title: 'Nothing', answers: {} };
  // @ts-expect-error what it needs is not said
  door('open', 'GET', 'open', { ...rest, handle: async () => ({}) });
  door('blind', 'GET', 'a/{b}', {
    ...rest,
    needs: 'read',
    // @ts-expect-error the path has no {subject}
    handle: async (_, { params }) => ({ body: params.subject }),
  });
});

test('doors and functions know of no evaluation: those come with their registration', async () => {
  const files = globSync(['src/doors/**/*.ts', 'functions/**/*.ts'], { cwd: root });
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const text = (await readFile(`${root}${file}`, 'utf8')).toLowerCase();
    expect(evaluations.ids.filter((id) => text.includes(id)).map((id) => [file, id])).toEqual([]);
  }
});
