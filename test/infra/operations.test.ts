import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';
import { describe, expect, test } from 'vitest';
import { loadFunctions, triggerOf } from '../../src/local/host/core.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const queries = join(root, 'infra/operations/queries');

// biome-ignore lint/suspicious/noExplicitAny: nodes of a syntax tree are told apart by their `type`
type Node = any;

/** What is spread into fields and comes from elsewhere. */
const spread: Readonly<Record<string, readonly string[]>> = {
  watch: ['organization', 'evaluation'],
  announced: ['states', 'history', 'facts'],
};

/** Every line that the app logs: the level and the fields that it really has, from the syntax tree. */
const logged = new Map<string, { levels: Set<string>; fields: Set<string> }>();
for (const file of readdirSync(join(root, 'src/app'), { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.ts')) continue;
  const { program } = parseSync(file, readFileSync(join(root, 'src/app', file), 'utf8'));
  const objects = new Map<string, Node>();
  const fieldsOf = (node: Node): readonly string[] => {
    if (node === undefined) return [];
    if (node.type === 'Identifier') return spread[node.name] ?? fieldsOf(objects.get(node.name));
    expect(node.type).toBe('ObjectExpression');
    return node.properties.flatMap((one: Node) =>
      one.type === 'SpreadElement' ? fieldsOf(one.argument) : [one.key.name],
    );
  };
  const calls: Node[] = [];
  new Visitor({
    VariableDeclarator({ id, init }) {
      if (id.type === 'Identifier' && init?.type === 'ObjectExpression') objects.set(id.name, init);
    },
    CallExpression(call) {
      const [, level] = /\blog\.(info|warn|error)$/.exec(nameOf(call.callee)) ?? [];
      if (level !== undefined) calls.push({ level, args: call.arguments });
    },
  }).visit(program);
  for (const { level, args } of calls) {
    const line = logged.get(args[0].value) ?? { levels: new Set(), fields: new Set() };
    line.levels.add(level);
    for (const field of fieldsOf(args[1])) line.fields.add(field);
    logged.set(args[0].value, line);
  }
}

function nameOf(node: Node): string {
  return node.type === 'MemberExpression' ? `${nameOf(node.object)}.${node.property.name}` : (node.name ?? '');
}

describe.each(readdirSync(queries))('%s', (file) => {
  const query = readFileSync(join(queries, file), 'utf8');

  test('says first what it answers', () => {
    expect(query).toMatch(/^\/\/ [A-Z]/);
  });

  test('asks for messages that the app really logs', () => {
    const asked = [...query.matchAll(/Message contains '"([^"]+)"'/g)].map(([, message]) => message);
    expect(asked.filter((message) => !logged.has(message ?? ''))).toEqual([]);
  });

  test('asks for fields that these lines really carry', () => {
    // By their message, or whatever is logged as an error (3, as Application Insights counts levels).
    const errors = [...logged].flatMap(([message, { levels }]) => (levels.has('error') ? [message] : []));
    const messages = query.includes('SeverityLevel >= 3')
      ? errors
      : [...query.matchAll(/Message contains '"([^"]+)"'/g)].map(([, message = '']) => message);
    const carried = new Set(['message', ...messages.flatMap((message) => [...(logged.get(message)?.fields ?? [])])]);
    const asked = [...query.matchAll(/\bline\.(\w+)/g)].map(([, field = '']) => field);
    expect(asked.filter((field) => !carried.has(field))).toEqual([]);
  });
});

test('every line that the app logs stands on the page, with its level and its fields', () => {
  const page = readFileSync(join(root, 'infra/operations/README.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([^`]+)`\s+\| (\w+)\s+\| (.+?)\s*\|$/gm)].map(
    ([, message, level, fields = '']) => [
      message,
      level,
      [...fields.matchAll(/`(\w+)`/g)].map(([, field]) => field).sort(),
    ],
  );
  const lines = [...logged].map(([message, { levels, fields }]) => [
    message,
    ['error', 'warn', 'info'].find((level) => levels.has(level)),
    [...fields].sort(),
  ]);
  expect(rows.sort()).toEqual(lines.sort());
});

test('no-heartbeat.kql watches the timers that fire every minute', async () => {
  const { functions } = await loadFunctions(join(root, 'functions/index.ts'), root);
  const scheduled = functions.map((fn) => ({ name: fn.name, schedule: String(triggerOf(fn).schedule) }));
  const timers = scheduled.filter(({ schedule }) => / \* \* \* \* \*$/.test(schedule)).map(({ name }) => name);
  const watched = [
    ...(/dynamic\(\[(.+)\]\)/.exec(readFileSync(join(queries, 'no-heartbeat.kql'), 'utf8'))?.[1] ?? '').matchAll(
      /'([^']+)'/g,
    ),
  ];
  expect(watched.map(([, name]) => name).sort()).toEqual(timers.sort());
});
