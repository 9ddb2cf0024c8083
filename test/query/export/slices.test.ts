import { describe, expect, test } from 'vitest';
import { slicesOf } from '../../../query/export/slices.ts';

const bins = (...counts: readonly (readonly [number, number])[]): { bin: number; events: number }[] =>
  counts.map(([bin, events]) => ({ bin, events }));

describe('slicesOf', () => {
  test('puts neighbours together while they fit into one piece of work', () => {
    expect(slicesOf(bins([0, 4], [1, 5], [2, 2]), 10, { from: 0, to: 30 }, 10)).toEqual([
      { from: 0, to: 20, events: 9 },
      { from: 20, to: 30, events: 2 },
    ]);
  });

  test('leaves a bin alone that holds more than fits', () => {
    expect(slicesOf(bins([0, 1], [1, 99], [2, 1]), 10, { from: 0, to: 30 }, 10).map((one) => one.events)).toEqual([
      1, 99, 1,
    ]);
  });

  test('skips over time in which nothing happened, and keeps within the period', () => {
    expect(slicesOf(bins([0, 1], [7, 1]), 10, { from: 3, to: 75 }, 1)).toEqual([
      { from: 3, to: 10, events: 1 },
      { from: 70, to: 75, events: 1 },
    ]);
  });

  test('gives nothing for nothing', () => expect(slicesOf([], 10, { from: 0, to: 30 }, 10)).toEqual([]));
});
