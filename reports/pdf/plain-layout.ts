import { glyphsOf } from './fonts.ts';
import type { Face, Fonts, Glyph } from './fonts.ts';
import type { Color } from './style.ts';

/** A piece of text in one face and colour. */
export interface Span {
  readonly text: string;
  readonly face?: Face;
  readonly color?: Color;
}
export type Rich = string | readonly Span[];

/** Glyphs of one font and colour beside each other; `x` is the distance from the start of the line in points. */
export interface Run {
  readonly font: PDFKit.EmbeddedFont;
  /** Size as a part of the size of the text. */
  readonly factor: number;
  readonly color: Color;
  readonly x: number;
  readonly hex: string;
}
export interface Line {
  readonly runs: readonly Run[];
  /** Without the space at its end, in points. */
  readonly width: number;
}

export interface TextStyle {
  readonly face: Face;
  readonly size: number;
  readonly color: Color;
}

/** The most characters of one text that are set; the rest is named by its length (it stands whole in the attached file). */
export const MAX_CHARACTERS = 20_000;

interface Placed {
  readonly glyph: Glyph;
  readonly color: Color;
}

/**
 * Breaks a text into lines no wider than `width` points: at spaces, else after a mark such as `/` or `:`, else between
 * any two characters. Nothing is shaped, joined or reordered: one character, one glyph (controls.md 5.4). A space that
 * ends a line is kept, so that the lines joined give back the text. There is always at least one line.
 */
export function layText(fonts: Fonts, text: Rich, style: TextStyle, width: number): Line[] {
  const placed = placeGlyphs(fonts, text, style);
  const scale = style.size / 1_000;
  const lines: Line[] = [];
  let start = 0;
  while (start < placed.length) {
    const end = findLineEnd(placed, start, width / scale);
    lines.push(makeLine(placed.slice(start, end), scale));
    start = end;
  }
  return lines.length > 0 ? lines : [{ runs: [], width: 0 }];
}

/** The width of a text on one line, in points. */
export function widthOf(fonts: Fonts, text: Rich, style: TextStyle): number {
  let total = 0;
  for (const { glyph } of placeGlyphs(fonts, text, style)) total += glyph.width;
  return (total * style.size) / 1_000;
}

/** The widest piece of a text that has no space in it, in points: what a column needs so that no word is broken. */
export function widestWord(fonts: Fonts, text: Rich, style: TextStyle): number {
  let widest = 0;
  let word = 0;
  for (const { glyph } of placeGlyphs(fonts, text, style)) {
    word = glyph.space ? 0 : word + glyph.width;
    if (word > widest) widest = word;
  }
  return (widest * style.size) / 1_000;
}

function placeGlyphs(fonts: Fonts, text: Rich, style: TextStyle): Placed[] {
  const placed: Placed[] = [];
  for (const span of typeof text === 'string' ? [{ text }] : text) {
    const { face = style.face, color = style.color }: Omit<Span, 'text'> = span;
    for (const character of clip(span.text)) {
      for (const glyph of glyphsOf(fonts, face, character.codePointAt(0) ?? 0)) placed.push({ glyph, color });
    }
  }
  return placed;
}

function clip(text: string): string {
  if (text.length <= MAX_CHARACTERS) return text;
  return `${text.slice(0, MAX_CHARACTERS)} [${text.length - MAX_CHARACTERS} more characters: see the attached file]`;
}

function findLineEnd(placed: readonly Placed[], start: number, limit: number): number {
  let width = 0;
  let afterSpace = 0;
  let afterSoft = 0;
  let softWidth = 0;
  for (let i = start; i < placed.length; i += 1) {
    const { glyph } = placed[i] as Placed;
    if (!glyph.space && i > start && width + glyph.width > limit) {
      if (afterSpace > start) return afterSpace;
      return afterSoft > start && softWidth > limit * 0.4 ? afterSoft : i;
    }
    width += glyph.width;
    if (glyph.space) afterSpace = i + 1;
    if (glyph.soft) {
      afterSoft = i + 1;
      softWidth = width;
    }
  }
  return placed.length;
}

function makeLine(placed: readonly Placed[], scale: number): Line {
  const runs: Run[] = [];
  let x = 0;
  let start = 0;
  let hex = '';
  let width = 0;
  for (const [i, { glyph, color }] of placed.entries()) {
    hex += glyph.hex;
    x += glyph.width;
    if (!glyph.space) width = x;
    const next = placed[i + 1];
    if (next?.glyph.font === glyph.font && next.color === color) continue;
    runs.push({ font: glyph.font, factor: glyph.factor, color, x: start * scale, hex });
    start = x;
    hex = '';
  }
  return { runs, width: width * scale };
}
