import { describe, expect, test } from 'vitest';
import { csvField, printable } from '../../query/escape.ts';

describe('printable', () => {
  test.each([
    ['plain ä 漢 😀', 'plain ä 漢 😀'],
    ['a\u0000b\nc\td', 'a\\u{0}b\\u{a}c\\u{9}d'],
    ['\u202eabc\u2066', '\\u{202e}abc\\u{2066}'],
    ['\ud800 alone', '\\u{d800} alone'],
    ['\u009b31m', '\\u{9b}31m'],
  ])('%j', (text, shown) => expect(printable(text)).toBe(shown));

  test('cuts what is too long', () => expect(printable('x'.repeat(50), 10)).toBe('xxxxxxxxx…'));
});

describe('csvField', () => {
  test.each([
    ['=HYPERLINK("http://x.example")', `"'=HYPERLINK(""http://x.example"")"`],
    ['  +1', `"'  +1"`],
    ['-2', `"'-2"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['a,b', '"a,b"'],
    ['line\nbreak', 'line\\u{a}break'],
    ['\t=1', '\\u{9}=1'],
    ['plain', 'plain'],
    [undefined, ''],
  ])('%j', (value, field) => expect(csvField(value)).toBe(field));
});
