// What the sources import dynamically, and by which names they take it: the compiler knows the package, not its bundle.
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Node, parseSync, Visitor } from 'oxc-parser';

export interface DynamicImport {
  /** `FILE:LINE` of the one who imports. */
  readonly where: string;
  /** A path from the root for our own modules, the specifier for a package. */
  readonly module: string;
  readonly names: readonly string[];
}

/** @throws Error at a form whose names cannot be read from it */
export function dynamicImportsIn(root: string): readonly DynamicImport[] {
  return (
    globSync('{src,functions}/**/*.ts', { cwd: root })
      .map((path) => path.replaceAll('\\', '/'))
      .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
      // Few have any, and parsing all takes most of a second.
      .filter(({ text }) => /\bimport\s*\(/.test(text))
      .flatMap(({ path, text }) => dynamicImportsOf(path, text))
  );
}

export function dynamicImportsOf(path: string, text: string): readonly DynamicImport[] {
  const found: DynamicImport[] = [];
  const seen = new Set<Node>();
  const all = new Set<Node>();
  const whereOf = ({ start }: Node) => `${path}:${text.slice(0, start).split('\n').length}`;
  const take = (node: Node | null, names: readonly string[]): void => {
    const asked = node?.type === 'AwaitExpression' ? node.argument : node;
    if (asked?.type !== 'ImportExpression' || asked.source.type !== 'Literal') return;
    seen.add(asked);
    const specifier = String(asked.source.value);
    const module = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier;
    found.push({ where: whereOf(asked), module, names });
  };
  const { program } = parseSync(path, text, { preserveParens: false });
  new Visitor({
    ImportExpression: (node) => void (node.source.type === 'Literal' && all.add(node)),
    MemberExpression: ({ object, property }) => take(object, property.type === 'Identifier' ? [property.name] : []),
    ExpressionStatement: ({ expression }) => take(expression, []),
    VariableDeclarator({ id, init }) {
      if (id.type === 'ObjectPattern') take(init, namesOf(id));
      if (id.type !== 'ArrayPattern' || init?.type !== 'AwaitExpression') return;
      const call = init.argument;
      const list = call.type === 'CallExpression' ? call.arguments[0] : undefined;
      if (list?.type !== 'ArrayExpression') return;
      for (const [at, element] of list.elements.entries()) take(element as Node, namesOf(id.elements[at] ?? undefined));
    },
  }).visit(program);
  const unread = [...all].filter((node) => !seen.has(node)).map(whereOf);
  if (unread.length > 0)
    throw new Error(`${unread.join(', ')}: take the names where it is imported: const { name } = await import('…')`);
  return found;
}

function namesOf(pattern: Node | undefined): readonly string[] {
  if (pattern?.type !== 'ObjectPattern') return [];
  return pattern.properties.flatMap((one) =>
    one.type === 'Property' && one.key.type === 'Identifier' ? [one.key.name] : [],
  );
}
