import { createRequire } from 'node:module';
import { Problem } from '../../model/problem.ts';
import { escapeOf, isPlain } from './visible.ts';

/** `escape` sets characters that cannot be shown as themselves, so that an escape differs from text that looks like one. */
export const FACES = ['regular', 'bold', 'mono', 'escape'] as const;
export type Face = (typeof FACES)[number];

const FILES: Record<Face, string> = {
  regular: 'DejaVuSansCondensed.ttf',
  bold: 'DejaVuSansCondensed-Bold.ttf',
  mono: 'DejaVuSansMono.ttf',
  escape: 'DejaVuSansMono-Bold.ttf',
};
const FALLBACK: Record<Face, readonly Face[]> = {
  regular: ['regular'],
  bold: ['bold', 'regular'],
  mono: ['mono', 'regular'],
  escape: ['escape'],
};

/** The fixed-width faces look larger than the others; this makes them sit in one line. */
const FACTOR: Record<Face, number> = { regular: 1, bold: 1, mono: 0.92, escape: 0.92 };

/** One glyph of an embedded font, ready to be written. */
export interface Glyph {
  readonly font: PDFKit.EmbeddedFont;
  /** Four hexadecimal digits: its number in the embedded subset. */
  readonly hex: string;
  /** The size at which it is set, as a part of the size of the text. */
  readonly factor: number;
  /** Advance at that size, in thousandths of the size of the text. */
  readonly width: number;
  readonly space: boolean;
  /** Whether a line may end after it when there is no space to end at. */
  readonly soft: boolean;
}

export interface Fonts {
  readonly faces: Readonly<Record<Face, PDFKit.EmbeddedFont>>;
  readonly glyphs: Readonly<Record<Face, Map<number, readonly Glyph[]>>>;
}

const SOFT_BREAKS = new Set(Array.from('/:-_.,@?=&;|#+)', (character) => character.codePointAt(0)));

/** Opens the four faces of the report in a fresh document. Only the glyphs that are used will be embedded. */
export function openFonts(doc: PDFKit.PDFDocument): Fonts {
  const open = (face: Face): PDFKit.EmbeddedFont => {
    doc.font(fontFile(face));
    const { _font: font } = doc;
    return font;
  };
  return {
    faces: { regular: open('regular'), bold: open('bold'), mono: open('mono'), escape: open('escape') },
    glyphs: { regular: new Map(), bold: new Map(), mono: new Map(), escape: new Map() },
  };
}

/** Where the file of a face lies. */
export function fontFile(face: Face): string {
  return createRequire(import.meta.url).resolve(`dejavu-fonts-ttf/ttf/${FILES[face]}`);
}

/**
 * The glyphs that show a character: its own in this face or in the fallback, or those of its escape `\u{...}` where it
 * has none or may not be shown as itself. Never a missing glyph: that would lose evidence without a word.
 */
export function glyphsOf(fonts: Fonts, face: Face, codePoint: number): readonly Glyph[] {
  const known = fonts.glyphs[face].get(codePoint);
  if (known) return known;
  const made = makeGlyphs(fonts, face, codePoint);
  fonts.glyphs[face].set(codePoint, made);
  return made;
}

function makeGlyphs(fonts: Fonts, face: Face, codePoint: number): readonly Glyph[] {
  if (isPlain(codePoint)) {
    const shown = FALLBACK[face].find((name) => fonts.faces[name].font.hasGlyphForCodePoint(codePoint));
    if (shown === face) return [embedGlyph(fonts.faces[shown], codePoint, FACTOR[shown])];
    if (shown) return glyphsOf(fonts, shown, codePoint);
  }
  if (face === 'escape')
    throw new Problem('internal', `the face of escapes has no glyph for U+${codePoint.toString(16)}`);
  return Array.from(escapeOf(codePoint)).flatMap((character) =>
    glyphsOf(fonts, 'escape', character.codePointAt(0) ?? 0),
  );
}

/**
 * Takes a glyph into the subset of its font. Two characters that share a glyph get two places in the subset, so that
 * copied text gives back the character that the evidence has, not a look-alike (pdfkit alone would merge them).
 */
function embedGlyph(font: PDFKit.EmbeddedFont, codePoint: number, factor: number): Glyph {
  const glyph = font.font.glyphForCodePoint(codePoint);
  const place = font.subset.glyphs.push(glyph.id) - 1;
  const width = glyph.advanceWidth * font.scale;
  font.widths[place] = width;
  font.unicode[place] = [codePoint];
  return {
    font,
    hex: place.toString(16).padStart(4, '0'),
    factor,
    width: width * factor,
    space: codePoint === 0x20,
    soft: SOFT_BREAKS.has(codePoint),
  };
}
