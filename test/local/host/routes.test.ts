import { describe, expect, it } from 'vitest';
import { createRouter } from '../../../src/local/host/routes.ts';

const functionOn = (route: string, methods = ['GET']) => ({
  name: `on ${route}`,
  bindings: { request: { type: 'httpTrigger', route, methods } },
  callback: () => undefined,
});

function routerOver(...routes: string[]) {
  const match = createRouter(
    routes.map((route) => functionOn(route)),
    'api',
  );
  return (path: string) => {
    const found = match('GET', path);
    return found.kind === 'found' ? [found.fn.name.slice(3), found.params] : found.kind;
  };
}

describe('the route templates of Functions', () => {
  it.each([
    ['things/{id}', '/api/things/7', { id: '7' }],
    ['things/{id}', '/API/Things/Ab/', { id: 'Ab' }],
    ['things/{id}', '/api/things/caf%C3%A9', { id: 'café' }],
    ['things/{id}', '/api/things/a%2Fb', { id: 'a%2Fb' }],
    ['things/{id}', '/api/things/100%', { id: '100%' }],
    ['optional/{a}/{b?}', '/api/optional/1', { a: '1' }],
    ['optional/{a}/{b?}', '/api/optional/1/2', { a: '1', b: '2' }],
    ['files/{*path}', '/api/files/a/b.txt', { path: 'a/b.txt' }],
    ['files/{*path}', '/api/files', {}],
    ['{id:int}', '/api/-12', { id: '-12' }],
    ['{name}.{format}', '/api/report.final.csv', { name: 'report', format: 'final.csv' }],
    ['a+b/{x}', '/api/a+b/1', { x: '1' }],
  ])('%s matches %s', (route, path, params) => {
    expect(routerOver(route)(path)).toEqual([route, params]);
  });

  it.each([
    ['things/{id}', '/api/things'],
    ['things/{id}', '/api/things/7/8'],
    ['things/{id}', '/things/7'],
    ['{id:int}', '/api/seven'],
    ['{id:guid}', '/api/7'],
  ])('%s does not match %s', (route, path) => {
    expect(routerOver(route)(path)).toBe('not-found');
  });

  it('prefers the more specific route, whatever the order of registration', () => {
    const routes = routerOver('{*rest}', 'a/{b}', 'a/{b:int}', 'a/special', 'a/v{b}');
    expect(routes('/api/a/special')).toEqual(['a/special', {}]);
    expect(routes('/api/a/v2')).toEqual(['a/v{b}', { b: '2' }]);
    expect(routes('/api/a/7')).toEqual(['a/{b:int}', { b: '7' }]);
    expect(routes('/api/a/other')).toEqual(['a/{b}', { b: 'other' }]);
    expect(routes('/api/b')).toEqual(['{*rest}', { rest: 'b' }]);
  });

  it('names the methods that a path answers when it is asked with another', () => {
    const match = createRouter([functionOn('a', ['PUT']), functionOn('{b}', ['GET', 'PUT'])], '');
    expect(match('POST', '/a')).toEqual({ kind: 'wrong-method', allow: ['GET', 'PUT'] });
  });

  it('says which function has a template that cannot be read', () => {
    expect(() => routerOver('a/{b:date}')).toThrow('Function "on a/{b:date}": route constraint "date" is none of int,');
    expect(() => routerOver('a/{b c}')).toThrow('Function "on a/{b c}": route parameter "{b c}" cannot be read.');
  });
});
