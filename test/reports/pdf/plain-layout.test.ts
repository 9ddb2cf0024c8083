import PdfKit from 'pdfkit';
import { describe, expect, test } from 'vitest';
import { fontFile, openFonts } from '../../../reports/pdf/fonts.ts';
import { MAX_CHARACTERS, layText, widthOf } from '../../../reports/pdf/plain-layout.ts';
import type { Line } from '../../../reports/pdf/plain-layout.ts';
import { COLORS } from '../../../reports/pdf/style.ts';
import { visibleText } from '../../../reports/pdf/visible.ts';

const doc = new PdfKit({ autoFirstPage: false, font: fontFile('regular'), info: { CreationDate: new Date(0) } });
const fonts = openFonts(doc);
const style = { face: 'regular', size: 8, color: COLORS.ink } as const;

/** What a reader would copy: every glyph back to the characters that its font's table of code points gives. */
function copied(lines: readonly Line[]): string {
  return lines
    .map((line) =>
      line.runs
        .map((run) =>
          (run.hex.match(/.{4}/g) ?? [])
            .map((hex) => String.fromCodePoint(...(run.font.unicode[Number.parseInt(hex, 16)] ?? [0])))
            .join(''),
        )
        .join(''),
    )
    .join('');
}

describe('wrapping', () => {
  test.each([
    ['words', 'one approval is on record for the request, but forty-two seconds after the issue'],
    ['a long key', `gitlab:job:gitlab.northwind.example/${'group/'.repeat(20)}88121`],
    ['an unbroken string', 'x'.repeat(10_000)],
    ['spaces only', '     '],
    ['double spaces', 'a  b   c'],
  ])('%s: no line is wider than asked, and the lines joined are the text', (_, text) => {
    const lines = layText(fonts, text, style, 90);
    expect(copied(lines)).toBe(text);
    for (const line of lines) expect(line.width).toBeLessThanOrEqual(90);
  });

  test('a line ends at a space before it ends in a word, and after a mark before it ends anywhere', () => {
    expect(layText(fonts, 'approval precedes issue', style, 60).map((line) => copied([line]))).toEqual([
      'approval ',
      'precedes issue',
    ]);
    expect(copied(layText(fonts, 'gitlab:job:northwind/123456', style, 80).slice(0, 1))).toBe('gitlab:job:northwind/');
  });

  test('no text is one empty line, and a column narrower than a letter still ends', () => {
    expect(layText(fonts, '', style, 90)).toEqual([{ runs: [], width: 0 }]);
    expect(layText(fonts, 'abc', style, 1)).toHaveLength(3);
  });

  test('text beyond the limit is named by its length', () => {
    expect(copied(layText(fonts, 'y'.repeat(MAX_CHARACTERS + 5), style, 400))).toContain(
      '[5 more characters: see the attached file]',
    );
  });

  test('spans keep their faces, and a width is that of its parts', () => {
    const [line] = layText(fonts, [{ text: 'key ' }, { text: 'abc', face: 'mono' }], style, 400);
    expect(line?.runs.map((run) => run.font.name)).toEqual(['DejaVuSansCondensed', 'DejaVuSansMono']);
    expect(widthOf(fonts, 'abc', style) + widthOf(fonts, 'def', style)).toBeCloseTo(widthOf(fonts, 'abcdef', style), 6);
  });
});

describe('characters', () => {
  test.each([
    ['a control', 'a\u0000b', 'a\\u{0}b'],
    ['a line feed', 'a\nb', 'a\\u{A}b'],
    ['an override', 'abc\u202Egpj', 'abc\\u{202E}gpj'],
    ['a zero width space', 'a\u200Bb', 'a\\u{200B}b'],
    ['a no-break space', 'a\u00A0b', 'a\\u{A0}b'],
    ['a combining mark', 'e\u0301', 'e\\u{301}'],
    ['a lone surrogate', 'a\uD800b', 'a\\u{D800}b'],
    ['a soft hyphen', 'a\u00ADb', 'a\\u{AD}b'],
    ['a braille blank', 'a\u2800b', 'a\\u{2800}b'],
    ['a replacement character', 'a\uFFFDb', 'a\\u{FFFD}b'],
    ['Hebrew', 'א', '\\u{5D0}'],
    ['a tag character', 'a\u{E0041}b', 'a\\u{E0041}b'],
  ])('%s is shown by its number', (_, text, shown) => {
    expect(visibleText(text)).toBe(shown);
    expect(copied(layText(fonts, text, style, 400))).toBe(shown);
  });

  test('what the fonts do not have is shown by its number, never as a box', () => {
    expect(copied(layText(fonts, '漢字 🚀', style, 400))).toBe('\\u{6F22}\\u{5B57} \\u{1F680}');
  });

  test('what they have is shown, and look-alikes are copied as what they are', () => {
    const text = 'Søren Müller Ωmega Ω ✓ ✗ → Ж ß';
    expect(copied(layText(fonts, text, style, 400))).toBe(text);
  });

  test('an escape is set in a face of its own, so that it differs from text that looks like one', () => {
    const faceOf = (text: string) => layText(fonts, text, style, 400)[0]?.runs[0]?.font.name;
    expect(faceOf('\u202E')).toBe('DejaVuSansMono-Bold');
    expect(faceOf('\\u{202E}')).toBe('DejaVuSansCondensed');
  });
});
