import { fillOps, textOps } from './draw.ts';
import { addBookmark, markPlace } from './outline.ts';
import { barOps, makeRoom, newPage } from './page.ts';
import type { Sheet } from './page.ts';
import { layText } from './plain-layout.ts';
import type { Line, Rich, TextStyle } from './plain-layout.ts';
import { closeTag, drawArtifact, drawIn, openTag } from './struct.ts';
import type { Element, Tag } from './struct.ts';
import { COLORS, CONTENT_BOTTOM, CONTENT_WIDTH, PAGE, SIZES, leading } from './style.ts';
import type { Color, Tone } from './style.ts';

export interface TextOptions {
  readonly size?: number;
  readonly face?: TextStyle['face'];
  readonly color?: Color;
  /** Space below, in points. */
  readonly after?: number;
  readonly indent?: number;
  readonly tag?: Tag;
}

const HEADING = {
  1: { tag: 'H1', size: SIZES.h1, before: 0, after: 14, keep: 120 },
  2: { tag: 'H2', size: SIZES.h2, before: 12, after: 7, keep: 100 },
  3: { tag: 'H3', size: SIZES.h3, before: 10, after: 5, keep: 80 },
} as const;

/** How much free space a heading needs besides what follows it, in points. */
export function headingHeight(level: 1 | 2 | 3): number {
  const { size, before, after } = HEADING[level];
  return before + leading(size) + after;
}

/** A heading, kept together with what follows; with a destination it can be linked to, with a bookmark it is found in the outline. */
export function drawHeading(
  sheet: Sheet,
  level: 1 | 2 | 3,
  text: Rich,
  options: { destination?: string; bookmark?: string } = {},
): void {
  const { tag, size, before, after, keep } = HEADING[level];
  makeRoom(sheet, keep);
  if (sheet.y > PAGE.top) sheet.y += before;
  if (options.destination) markPlace(sheet, options.destination, sheet.y - 8);
  if (options.bookmark !== undefined) addBookmark(sheet, level, options.bookmark, sheet.y - 8);
  const color = level === 3 ? COLORS.ink : COLORS.accent;
  drawText(sheet, text, { size, face: 'bold', color, after: level === 1 ? 5 : after, tag });
  if (level > 1) return;
  drawArtifact(sheet, fillOps(PAGE.left, sheet.y, 42, 2, COLORS.accent));
  sheet.y += after;
}

/** A paragraph; it may go on over pages. */
export function drawText(sheet: Sheet, text: Rich, options: TextOptions = {}): void {
  const element = openTag(sheet, sheet.section, options.tag ?? 'P');
  drawLines(sheet, element, text, options);
  closeTag(element);
}

/** A list with a bullet before each item. */
export function drawBullets(sheet: Sheet, items: readonly Rich[], options: TextOptions = {}): void {
  if (items.length === 0) return;
  const list = openTag(sheet, sheet.section, 'L');
  for (const item of items) {
    const entry = openTag(sheet, list, 'LI');
    const body = openTag(sheet, entry, 'LBody');
    const spans = typeof item === 'string' ? [{ text: item }] : item;
    const size = options.size ?? SIZES.body;
    makeRoom(sheet, leading(size));
    drawArtifact(sheet, fillOps(PAGE.left + 4, sheet.y + leading(size) / 2 - 1, 3, 3, COLORS.accent));
    drawLines(sheet, body, spans, { ...options, indent: 14, after: 3 });
    closeTag(body);
    closeTag(entry);
  }
  closeTag(list);
  sheet.y += options.after ?? 5;
}

const TONES: Record<Tone, Color> = { good: COLORS.good, bad: COLORS.bad, doubt: COLORS.doubt, neutral: COLORS.neutral };

/** The colour of a tone. It never stands alone: the words and the sign say the same (greyscale print). */
export function toneColor(tone: Tone): Color {
  return TONES[tone];
}

/** A boxed statement: a bold first line and sentences. Kept on one page if it can be. */
export function drawCallout(sheet: Sheet, tone: Tone, title: string, sentences: readonly Rich[]): void {
  const color = TONES[tone];
  const size = SIZES.body;
  const width = CONTENT_WIDTH - 26;
  const step = leading(size);
  const head = layText(sheet.fonts, title, { face: 'bold', size: size + 1.5, color }, width);
  const body = sentences.map((text) => layText(sheet.fonts, text, { face: 'regular', size, color: COLORS.ink }, width));
  const height = 18 + head.length * leading(size + 1.5) + body.reduce((sum, lines) => sum + lines.length * step + 2, 0);
  const fits = height <= CONTENT_BOTTOM - PAGE.top;
  if (fits) {
    makeRoom(sheet, height);
    drawArtifact(
      sheet,
      `${fillOps(PAGE.left, sheet.y, CONTENT_WIDTH, height, COLORS.zebra)}\n${barOps(sheet.y, sheet.y + height, color)}`,
    );
  }
  sheet.y += 9;
  drawText(sheet, title, { face: 'bold', size: size + 1.5, color, indent: 14, after: 0 });
  for (const text of sentences) drawText(sheet, text, { indent: 14, after: 2 });
  sheet.y += 9 + 8;
}

function drawLines(sheet: Sheet, element: Element, text: Rich, options: TextOptions): void {
  const { size = SIZES.body, face = 'regular', color = COLORS.ink, indent = 0 } = options;
  const step = leading(size);
  let lines: readonly Line[] = layText(
    sheet.fonts,
    text,
    { face, size, color },
    CONTENT_WIDTH - indent - (indent > 0 ? 12 : 0),
  );
  while (lines.length > 0) {
    // Short paragraphs stay whole, and no page begins or ends with a single line of a long one.
    makeRoom(sheet, step * (lines.length <= 4 ? lines.length : 2));
    const space = Math.max(1, Math.floor((CONTENT_BOTTOM - sheet.y) / step));
    const fit = space === lines.length - 1 && space > 2 ? space - 1 : space;
    const now = lines.slice(0, fit);
    drawIn(sheet, element, textOps(sheet.doc, now, { x: PAGE.left + indent, y: sheet.y, step, size }));
    sheet.y += now.length * step;
    lines = lines.slice(fit);
    if (lines.length > 0) newPage(sheet);
  }
  sheet.y += options.after ?? 6;
}
