import { describe, expect, it } from 'vitest';
import { isOwnedName, parseJson } from '../../src/domain/json.ts';
import { isTime } from '../../src/domain/time.ts';

describe('parseJson', () => {
  it.each(['1', 'null', '"constructor"', '[]', '{"a":[{"b":null}]}', '["__proto__"]'])(
    'reads %s as it stands there',
    (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text));
    },
  );

  it('takes 128 levels and no more', () => {
    const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}${']}'.repeat(levels / 2)}`;
    expect(parseJson(nested(128))).toEqual(JSON.parse(nested(128)));
    for (const levels of [130, 20_000, 200_000])
      expect(() => parseJson(nested(levels))).toThrow('is nested more than 128 levels deep');
  });

  it.each([
    ['__proto__', '{"__proto__":1}'],
    ['__proto__', '[{"a":[{"\\u005f_proto__":{}}]}]'],
    ['constructor', '{"a":{"constructor":{"prototype":1}}}'],
    ['toString', '{"toString":null}'],
  ])('refuses the property %s wherever it stands, however it is written: %s', (name, text) => {
    expect(() => parseJson(text)).toThrow(
      `has a property "${name}", which is a name that programs keep for themselves; choose another`,
    );
  });

  it('says nothing of its own about what is no JSON', () => {
    expect(() => parseJson('{')).toThrow(SyntaxError);
  });
});

it('names that are like those, and are not, stay free', () => {
  for (const name of ['Constructor', 'proto', 'to-string', '', 'length', 'name'])
    expect(isOwnedName(name), name).toBe(false);
});

it.each([
  ['2026-11-24', true],
  ['2028-02-29', true],
  ['2026-11-24T09:30:00Z', true],
  ['2026-11-24T09:30:00.123+01:00', true],
  ['0001-01-01T00:00:00Z', true],
  ['2026-02-29', false],
  ['2026-04-31T09:30:00Z', false],
  ['2026-13-01', false],
  ['2026-11-24T24:61:00Z', false],
  ['+275760-09-13T00:00:00Z', false],
  ['tomorrow', false],
  ['', false],
])('is "%s" a time: %s', (text, is) => {
  expect(isTime(text)).toBe(is);
});
