import { describe, expect, test } from 'vitest';
import { clockBefore, formatMicros, parseStamp, stampFromMillis } from '../../model/time.ts';
import type { Clocked, Precision } from '../../model/time.ts';

const two = (value: number): string => String(value).padStart(2, '0');

describe('stamps', () => {
  test.each([
    ['2026-08-20T09:14:02.318Z', 1_787_217_242_318_000, 'ms'],
    ['2026-08-20T09:14:02Z', 1_787_217_242_000_000, 's'],
    ['2026-08-20T11:14:02+02:00', 1_787_217_242_000_000, 's'],
    ['2026-08-20 09:14:02 UTC', 1_787_217_242_000_000, 's'],
    ['2026-08-20 09:14:02 +0000', 1_787_217_242_000_000, 's'],
    ['2026-08-20T09:14:02.104511Z', 1_787_217_242_104_511, 'us'],
    ['2026-08-20T09:14:02.502118733Z', 1_787_217_242_502_118, 'ns'],
    ['2026-08-20T09:14:02.1234567Z', 1_787_217_242_123_456, 'ns'],
    ['1970-01-01T00:00:00Z', 0, 's'],
  ])('%s is read with its precision', (text, at, precision) => {
    expect(parseStamp(text)).toEqual({ at, precision });
  });

  test('the short way of reading gives what the long way gives, on every day of a leap year and at every limit', () => {
    const days = Array.from(
      { length: 400 },
      (_, index) => `2024-${two(1 + Math.floor(index / 31))}-${two(index % 33)}`,
    );
    const texts = days.flatMap((day) =>
      ['00:00:00', '23:59:59.999', '24:00:00', '09:60:00', '09:14:60'].map((time) => `${day}T${time}`),
    );
    expect(texts.map((text) => parseStamp(`${text}Z`))).toEqual(texts.map((text) => parseStamp(`${text}+00:00`)));
    expect(parseStamp('2024-0a-20T09:14:02Z')).toBeUndefined();
    expect(parseStamp('2024-08-20T09:14:02Y')).toBeUndefined();
  });

  test.each([
    '',
    'yesterday',
    '2026-08-20',
    '2026-08-20T09:14:02',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-08-20T24:00:00Z',
    '2026-08-20T09:60:00Z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '2026-08-20T09:14:02Z'.repeat(9),
    1_787_217_242,
    null,
    undefined,
    {},
    ['2026-08-20T09:14:02Z'],
  ])('%s is no stamp', (text) => {
    expect(parseStamp(text)).toBeUndefined();
  });

  test('text in UTC with six digits goes there and back, and its order is the order of time', () => {
    const moments = [0, 1, 999_999, 1_787_217_242_502_118, 4_102_444_800_000_000];
    expect(moments.map((at) => parseStamp(formatMicros(at))?.at)).toEqual(moments);
    expect(moments.map(formatMicros).toSorted()).toEqual(moments.map(formatMicros));
  });

  test('epoch milliseconds only where they are whole and of this age of the world', () => {
    expect(stampFromMillis(1_787_217_242_318)).toEqual({ at: 1_787_217_242_318_000, precision: 'ms' });
    for (const bad of [-1, 1.5, Number.NaN, 1e300, '1787217242318', null]) expect(stampFromMillis(bad)).toBeUndefined();
  });
});

describe('the order of two moments by their clocks', () => {
  const at = (us: number, precision: Precision = 'us', skewUs = 1_000_000): Clocked => ({ at: us, precision, skewUs });

  test('is known only beyond both skews and both resolutions', () => {
    const eps = 2_000_000 + 2;
    expect(clockBefore(at(0), at(eps))).toBe('unknown');
    expect(clockBefore(at(0), at(eps + 1))).toBe(true);
    expect(clockBefore(at(eps + 1), at(0))).toBe(false);
    expect(clockBefore(at(0), at(0))).toBe('unknown');
  });

  test('whole seconds widen it', () => {
    expect(clockBefore(at(0, 's'), at(3_000_001))).toBe('unknown');
    expect(clockBefore(at(0, 's'), at(3_000_002))).toBe(true);
  });
});
