// Holds every import against the map in rooms.ts, and src/README.md against its table: `npm run check:imports`. With
// `--write` it prints the table into src/README.md instead of comparing.
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, posix, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';
import { type RoomPath, rooms } from './rooms.ts';

/** A program: its path from the root, with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** As it is written; undefined when only the running program knows. */
  readonly specifier: string | undefined;
  readonly line: number;
}

/** A room, or one of those that a `*` stands for. */
interface Place {
  readonly room: RoomPath;
  /** The path with the folder in place of `*`. */
  readonly path: string;
  /** The folder that stands for `*`; undefined in a room without. */
  readonly name: string | undefined;
}

const paths = (Object.keys(rooms) as RoomPath[]).sort((a, b) => b.length - a.length);

/** The room of a file, or of a folder that ends in `/`. */
function placeOf(file: string): Place | undefined {
  const parts = file.split('/');
  for (const room of paths) {
    const isFolder = room.endsWith('/');
    const pattern = room.split('/').slice(0, isFolder ? -1 : undefined);
    const fits =
      (isFolder ? parts.length > pattern.length : parts.length === pattern.length) &&
      pattern.every((part, at) => part === '*' || part === parts[at]);
    if (!fits) continue;
    const path = `${parts.slice(0, pattern.length).join('/')}${isFolder ? '/' : ''}`;
    return { room, path, name: pattern.includes('*') ? parts[pattern.indexOf('*')] : undefined };
  }
  return undefined;
}

/**
 * What no row of the map allows, as `file:line: room may not import what: reason`, file by file; a file in no room is
 * refused as a whole. Imports of types count, and what `require`, `import()` and `resolve` name.
 *
 * @throws SyntaxError for a file that cannot be parsed
 */
export function refusalsOf(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) => {
    const place = placeOf(file.path);
    if (place === undefined) return [`${file.path}: stands in no room; give its room a row in tools/rooms.ts`];
    return importsOf(file).flatMap(({ specifier, line }) => {
      const refused = refusedBy(place, file.path, specifier);
      return refused === undefined
        ? []
        : [`${file.path}:${line}: ${place.path} may not import ${refused}: ${rooms[place.room].because}`];
    });
  });
}

/** What is imported, in words, when the room may not import it. */
function refusedBy({ room, path, name: own }: Place, from: string, specifier: string | undefined): string | undefined {
  const { rooms: neighbours, packages, node, computed = false } = rooms[room];
  if (specifier === undefined) return computed ? undefined : 'what only the running program can name';
  if (specifier.startsWith('.')) {
    const file = posix.join(posix.dirname(from), specifier);
    const to = placeOf(file);
    if (to === undefined) return `${file}, which stands in no room`;
    const isLike = own !== undefined && to.name !== undefined && to.name !== own;
    return to.path === path || (neighbours.includes(to.room) && !isLike) ? undefined : to.path;
  }
  if (isBuiltin(specifier)) return node ? undefined : specifier;
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return packages.includes(name) ? undefined : `the package ${name}`;
}

function importsOf({ path, text }: SourceFile): readonly Import[] {
  const { program, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new SyntaxError(`${path}: ${errors[0].message}`);
  const found: Import[] = [];
  const add = (from: { readonly type: string; readonly start: number; readonly value?: unknown }) => {
    const specifier = from.type === 'Literal' && typeof from.value === 'string' ? from.value : undefined;
    found.push({ specifier, line: text.slice(0, from.start).split('\n').length });
  };
  new Visitor({
    ImportDeclaration: ({ source }) => add(source),
    ExportAllDeclaration: ({ source }) => add(source),
    ExportNamedDeclaration: ({ source }) => source !== null && add(source),
    ImportExpression: ({ source }) => add(source),
    TSImportType: ({ source }) => add(source),
    TSExternalModuleReference: ({ expression }) => add(expression),
    CallExpression({ callee, arguments: [argument] }) {
      const called = text.slice(callee.start, callee.end);
      if (argument !== undefined && ['require', 'require.resolve', 'import.meta.resolve'].includes(called))
        add(argument);
    },
  }).visit(program);
  return found;
}

/** Every program in the rooms below a root. */
export function programsOf(root: string): readonly SourceFile[] {
  return globSync('{src,functions,tools,infra}/**/*.{ts,mts,cts,js,mjs,cjs}', { cwd: root })
    .map((file) => file.replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** Rows of the map whose room is gone. */
export function leftoversOf(exists: (path: string) => boolean): readonly string[] {
  return (Object.keys(rooms) as RoomPath[])
    .filter((room) => !exists(room.split('*')[0] ?? room))
    .map((room) => `tools/rooms.ts: there is no ${room}; take its row out`);
}

/** src/README.md with the table of rooms as the map has it. @throws Error when it holds no such table */
export function withTableOfRooms(page: string): string {
  const before = /^\| room .*\n(?:\|.*\n)+/m;
  if (!before.test(page)) throw new Error('src/README.md has no table of rooms (a line that starts with "| room")');
  return page.replace(before, () => tableOfRooms());
}

function tableOfRooms(): string {
  const shown = (path: string) => {
    const name = path.startsWith('src/') ? path.slice('src/'.length) : posix.join('..', path);
    return `\`${name.replace('*', '<name>')}\``;
  };
  const list = (items: readonly string[]) => (items.length === 0 ? '–' : items.join(', '));
  const rows = Object.entries(rooms).map(([path, { holds, rooms: neighbours, packages, node }]) => [
    shown(path),
    holds,
    list(neighbours.map(shown)),
    list([...(node ? ['Node'] : []), ...packages]),
  ]);
  const head = ['room', 'what is in it', 'may import', 'packages'];
  const widths = head.map((title, at) => Math.max(...[head, ...rows].map((row) => (row[at] ?? title).length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |\n`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('');
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const map = join(root, 'src/README.md');
  const page = readFileSync(map, 'utf8');
  const printed = withTableOfRooms(page);
  if (process.argv.includes('--write')) {
    if (printed !== page) writeFileSync(map, printed);
  } else {
    const files = programsOf(root);
    const wrong = [...leftoversOf((path) => existsSync(join(root, path))), ...refusalsOf(files)];
    if (printed !== page)
      wrong.push('src/README.md: its table of rooms is not that of tools/rooms.ts; run "npm run format"');
    for (const one of wrong) console.error(one);
    if (wrong.length === 0) console.log(`The imports of ${files.length} files keep to the map.`);
    else process.exitCode = 1;
  }
}
