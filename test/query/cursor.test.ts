import { describe, expect, test } from 'vitest';
import { readCursor, writeCursor } from '../../query/cursor.ts';

const key = Buffer.alloc(32, 7);

describe('a cursor', () => {
  const cursor = writeCursor(key, 'question', { us: 1_700_000_000_000_001, ref: '18446744073709551615' });

  test('gives the place back', () => {
    expect(readCursor(key, 'question', cursor)).toEqual({ us: 1_700_000_000_000_001, ref: '18446744073709551615' });
  });

  test.each([
    ['another question', key, 'other', cursor],
    ['another key', Buffer.alloc(32, 8), 'question', cursor],
    ['one changed character', key, 'question', `${cursor.slice(0, -2)}${cursor.endsWith('A') ? 'B' : 'A'}A`],
    ['nothing', key, 'question', ''],
    ['something else', key, 'question', 'eyJhIjoxfQ'],
    ['too much', key, 'question', 'A'.repeat(5_000)],
  ])('is refused with %s', (_, mac, question, text) => {
    expect(() => readCursor(mac, question, text)).toThrow(/cursor does not belong/);
  });
});
