import { methodsOf, type RegisteredFunction, routeOf } from './core.ts';

/** What a request's method and path lead to. `allow` lists the methods that the path does answer. */
type RouteMatch =
  | { kind: 'found'; fn: RegisteredFunction; params: Record<string, string> }
  | { kind: 'wrong-method'; allow: string[] }
  | { kind: 'not-found' };

/** @param pathname the path as it stands in the request line, still percent-encoded */
export type Router = (method: string, pathname: string) => RouteMatch;

interface Route {
  fn: RegisteredFunction;
  methods: string[];
  params: string[];
  pattern: RegExp;
  /** One digit per segment, lower = more specific; compared as text, as ASP.NET orders its routes. */
  precedence: string;
}

// The constraints that make sense without a culture; https://learn.microsoft.com/aspnet/core/fundamentals/routing
const constraints: Readonly<Record<string, string>> = {
  int: '-?\\d{1,10}',
  long: '-?\\d{1,19}',
  bool: 'true|false',
  guid: '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}',
  alpha: '[a-z]+',
};

/**
 * Makes the router over the HTTP functions of an app. Own code and not a routing package, because the template
 * language is ASP.NET's: named catch-alls, type constraints, several parameters in one segment, case-insensitive
 * literals, the more specific route first whatever the order of registration.
 *
 * Azure answers 404 to a known path with an unknown method (azure-functions-host issue 10098, open); here it is a 405
 * that names the methods, because here it is a person who made the mistake.
 *
 * @param routePrefix `extensions.http.routePrefix` of host.json
 * @throws Error for a template that cannot be read, with the function's name
 */
export function createRouter(functions: readonly RegisteredFunction[], routePrefix: string): Router {
  const routes = functions
    .map((fn) => parseRoute(fn, routePrefix))
    .sort((a, b) => (a.precedence < b.precedence ? -1 : a.precedence > b.precedence ? 1 : 0));

  return (method, pathname) => {
    const path = pathname.split('/').map(decodeSegment).join('/');
    const allow = new Set<string>();
    for (const route of routes) {
      const found = route.pattern.exec(path);
      if (!found) continue;
      if (route.methods.includes(method)) {
        const values = route.params.map((name, index) => [name, found[index + 1]] as const);
        const given = values.filter((entry): entry is [string, string] => entry[1] !== undefined);
        return { kind: 'found', fn: route.fn, params: Object.fromEntries(given) };
      }
      for (const other of route.methods) allow.add(other);
    }
    return allow.size > 0 ? { kind: 'wrong-method', allow: [...allow].sort() } : { kind: 'not-found' };
  };
}

function parseRoute(fn: RegisteredFunction, routePrefix: string): Route {
  const params: string[] = [];
  let source = '';
  let precedence = '';
  for (const segment of [routePrefix, routeOf(fn)].join('/').split('/').filter(Boolean)) {
    // Capturing split: literals at even places, what stood between braces at odd ones.
    const parts = segment.split(/\{([^{}]*)\}/);
    const [before = '', expression, after = ''] = parts;
    if (expression === undefined) {
      source += `/${escapeRegExp(segment)}`;
      precedence += '1';
    } else if (parts.length === 3 && before === '' && after === '') {
      const parameter = parseParameter(fn, expression);
      params.push(parameter.name);
      const group = `/(${parameter.pattern})`;
      source += parameter.optional ? `(?:${group})?` : group;
      precedence += parameter.catchAll ? '5' : parameter.constrained ? '3' : '4';
    } else {
      const inner = parts.map((part, index) => {
        if (index % 2 === 0) return escapeRegExp(part);
        const parameter = parseParameter(fn, part);
        params.push(parameter.name);
        return `(${parameter.pattern})`;
      });
      source += `/${inner.join('')}`;
      precedence += '2';
    }
  }
  // An app may own the root itself ("" with an empty prefix); a trailing slash means nothing.
  return { fn, methods: methodsOf(fn), params, pattern: new RegExp(`^${source}/?$`, 'i'), precedence };
}

function parseParameter(fn: RegisteredFunction, expression: string) {
  const [, stars = '', name, constraint, question = ''] = /^(\*{0,2})(\w+)(?::(\w+))?(\?)?$/.exec(expression) ?? [];
  if (name === undefined) throw new Error(`Function "${fn.name}": route parameter "{${expression}}" cannot be read.`);
  const pattern = constraint === undefined ? undefined : constraints[constraint];
  if (constraint !== undefined && pattern === undefined) {
    const known = Object.keys(constraints).join(', ');
    throw new Error(`Function "${fn.name}": route constraint "${constraint}" is none of ${known}.`);
  }
  const catchAll = stars !== '';
  return {
    name,
    catchAll,
    constrained: pattern !== undefined,
    optional: catchAll || question === '?',
    pattern: pattern ?? (catchAll ? '.*' : '[^/]+?'),
  };
}

/** Decodes a path segment, but keeps an encoded slash encoded, so that it stays one segment; nonsense stays as it is. */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment).replaceAll('/', '%2F');
  } catch {
    return segment;
  }
}

function escapeRegExp(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
