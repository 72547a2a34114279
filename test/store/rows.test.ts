import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { pack, RowTooLarge, UnreadableRow, unpack } from '../../src/store/rows.ts';
import type { Cells } from '../../src/store/tables.ts';
import { incompressible } from './samples.ts';

const schema = z.object({ text: z.string() });
const rowOf = (cells: Cells) => ({ partitionKey: 'contoso.dkim', rowKey: 's_contoso.com', etag: '"1"', cells });
const read = (cells: Cells) => unpack(schema, rowOf(cells));

describe('pack', () => {
  test.each([0, 1_900, 2_100, 65_536, 400_000])('%d characters come back as they were', (length) => {
    const document = { text: incompressible(length) };
    expect(read(pack('It', document))).toEqual(document);
  });

  test('keeps small documents readable, and every property of a large one below 64 KiB', () => {
    expect(pack('It', { text: 'small' })).toEqual({ v: 1, pieces: 0, json: '{"text":"small"}' });
    const cells = Object.entries(pack('It', { text: incompressible(900_000) }));
    expect(cells.length).toBeGreaterThan(10);
    for (const [, cell] of cells) if (cell instanceof Buffer) expect(cell.length).toBeLessThanOrEqual(65_536);
  });

  test('a document that became shorter counts, whatever a longer one left in the row', () => {
    const long = pack('It', { text: incompressible(200_000) });
    for (const length of [0, 10_000, 100_000]) {
      const document = { text: incompressible(length) };
      expect(read({ ...long, ...pack('It', document) })).toEqual(document);
      expect(read({ ...pack('It', document), ...long })).toEqual({ text: incompressible(200_000) });
    }
  });

  test('refuses what a row does not hold, by name', () => {
    expect(() => pack('The state of contoso.com', { text: incompressible(1_200_000) })).toThrow(RowTooLarge);
    expect(() => pack('The state of contoso.com', { text: 'x'.repeat(70_000_000) })).toThrow(
      'The state of contoso.com cannot be stored: it is over 67108864 bytes long',
    );
  });
});

describe('unpack names the row that it cannot read', () => {
  const where = 'The stored row "s_contoso.com" of "contoso.dkim" cannot be read: ';
  const packed = gzipSync('{"text":"x"}');
  const unreadable: readonly [string, Cells, string][] = [
    [
      'of a newer version',
      { v: 2, pieces: 0, json: '{"text":"x"}' },
      'it is of version 2, and this release reads up to version 1. A newer release wrote it; run that one, or a later one.',
    ],
    ['without a version', { pieces: 0, json: '{"text":"x"}' }, 'it has no version that fieldcheck writes'],
    [
      'with a version of another type',
      { v: '1', pieces: 0, json: '{"text":"x"}' },
      'it has no version that fieldcheck writes',
    ],
    ['with damaged JSON', { v: 1, pieces: 0, json: '{"text":' }, 'its document is damaged'],
    ['with damaged gzip', { v: 1, pieces: 1, gzip0: packed.subarray(0, 10) }, 'its document is damaged'],
    ['with a piece missing', { v: 1, pieces: 2, gzip0: packed }, 'its document is damaged'],
    ['without a document', { v: 1 }, 'its document is damaged'],
    [
      'with another document',
      { v: 1, pieces: 0, json: '{"text":1}' },
      '✖ Invalid input: expected string, received number   → at text',
    ],
  ];
  test.each(unreadable)('%s', (_, cells, problem) => {
    expect(() => read(cells)).toThrow(UnreadableRow);
    expect(() => read(cells)).toThrow(`${where}${problem}`);
  });
});
