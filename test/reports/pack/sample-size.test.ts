import { describe, expect, test } from 'vitest';
import { attributeSize, defaultSize, upperLimit } from '../../../reports/pack/sample-size.ts';

describe('sample sizes', () => {
  // The tables of controls.md 3.3, computed there by other means.
  const BINOMIAL: readonly (readonly [tolerable: number, at90: readonly number[], at95: readonly number[]])[] = [
    [0.05, [45, 77, 105, 132], [59, 93, 124, 153]],
    [0.06, [38, 64, 88, 110], [49, 78, 103, 127]],
    [0.07, [32, 55, 75, 94], [42, 66, 88, 109]],
    [0.09, [25, 42, 58, 73], [32, 51, 68, 84]],
    [0.1, [22, 38, 52, 65], [29, 46, 61, 76]],
  ];

  test.each(BINOMIAL)('the exact binomial sizes for a tolerable rate of %d', (tolerable, at90, at95) => {
    for (const [confidence, sizes] of [
      [0.9, at90],
      [0.95, at95],
    ] as const)
      expect([0, 1, 2, 3].map((deviations) => attributeSize({ confidence, tolerable, deviations }))).toEqual(sizes);
  });

  test.each([
    [20, 14, 18, 19], [50, 18, 27, 31], [100, 20, 37, 45], [250, 21, 40, 51], [500, 22, 43, 56], [1000, 22, 44, 57], [5000, 22, 45, 59],
  ])('the exact hypergeometric sizes for a population of %d', (population, ...sizes) => {
    const plans = [[0.9, 0.1], [0.9, 0.05], [0.95, 0.05]] as const;
    expect(
      plans.map(([confidence, tolerable]) => attributeSize({ confidence, tolerable, deviations: 0, population })),
    ).toEqual(sizes);
  }); // prettier-ignore

  test.each([
    [25, 0, 8.8],
    [25, 1, 14.7],
    [40, 0, 5.6],
    [40, 1, 9.4],
    [60, 0, 3.8],
    [60, 2, 8.6],
  ])('the upper limit after a sample of %d with %d deviations', (size, found, percent) => {
    expect(Math.round(upperLimit(size, found, 0.9) * 1_000) / 10).toBe(percent);
  });

  test('the default table, at the ends of each class', () => {
    const sizes = [0, 1, 2, 4, 5, 12, 13, 52, 53, 100, 101, 240, 250, 251, 1_000_000].map(
      (count) => defaultSize(count, 'low').size,
    );
    expect(sizes).toEqual([0, 1, 2, 2, 3, 3, 5, 5, 10, 10, 11, 24, 25, 25, 25]);
    expect([defaultSize(251, 'mid').size, defaultSize(251, 'high').size]).toEqual([40, 60]);
  });

  test('shares outside 0 and 1 are refused', () => {
    expect(() => attributeSize({ confidence: 1, tolerable: 0.1, deviations: 0 })).toThrow(/between 0 and 1/);
    expect(() => attributeSize({ confidence: 0.9, tolerable: 0, deviations: 0 })).toThrow(/between 0 and 1/);
  });
});
