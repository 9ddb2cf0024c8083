import { Problem } from '../../model/problem.ts';
import { drawHeading } from './blocks.ts';
import { ruleOps, textOps } from './draw.ts';
import { newPage } from './page.ts';
import type { Sheet } from './page.ts';
import { layText, widthOf } from './plain-layout.ts';
import type { Line, TextStyle } from './plain-layout.ts';
import { closeTag, drawArtifact, drawLink, openTag } from './struct.ts';
import type { Element } from './struct.ts';
import { COLORS, CONTENT_BOTTOM, CONTENT_WIDTH, PAGE, leading } from './style.ts';

/** A line of the table of contents. */
export interface Entry {
  readonly level: 1 | 2;
  readonly title: string;
  readonly destination: string;
}

interface LaidEntry {
  readonly entry: Entry;
  readonly lines: readonly Line[];
  readonly style: TextStyle;
  readonly before: number;
}

/** A list of contents whose pages are counted before anything is drawn, and drawn when the page numbers are known. */
export interface ContentsPlan {
  readonly pages: readonly (readonly LaidEntry[])[];
}

const FIRST_TOP = PAGE.top + 46;
const NUMBER_WIDTH = 34;

/** Lays out the contents: how many pages they take depends on the titles alone. */
export function planContents(sheet: Sheet, entries: readonly Entry[]): ContentsPlan {
  const pages: LaidEntry[][] = [[]];
  let y = FIRST_TOP;
  for (const entry of entries) {
    const style: TextStyle =
      entry.level === 1
        ? { face: 'bold', size: 9.5, color: COLORS.ink }
        : { face: 'regular', size: 8.5, color: COLORS.ink };
    const lines = layText(sheet.fonts, entry.title, style, CONTENT_WIDTH - NUMBER_WIDTH - indentOf(entry) - 20);
    const before = entry.level === 1 ? 8 : 2;
    const height = before + lines.length * leading(style.size);
    if (y + height > CONTENT_BOTTOM) {
      pages.push([]);
      y = PAGE.top;
    }
    pages.at(-1)?.push({ entry, lines, style, before });
    y += height;
  }
  return { pages };
}

/**
 * Draws the contents at the end of writing and moves their pages to their place behind page `after`. An entry whose
 * destination was never drawn is an error: the contents would promise what is not there.
 */
export function drawContents(sheet: Sheet, section: Element, plan: ContentsPlan, after: number): void {
  const { _root: root } = sheet.doc;
  const kids = root.data.Pages.data.Kids;
  const drawnBefore = kids.length;
  sheet.section = section;
  for (const [i, page] of plan.pages.entries()) {
    newPage(sheet, { number: after + i + 1 });
    if (i === 0) drawHeading(sheet, 1, 'Contents');
    if (i === 0) sheet.y = FIRST_TOP;
    const list = openTag(sheet, section, 'TOC');
    for (const laid of page) drawEntry(sheet, list, laid);
    closeTag(list);
  }
  kids.splice(after, 0, ...kids.splice(drawnBefore));
}

function drawEntry(sheet: Sheet, list: Element, { entry, lines, style, before }: LaidEntry): void {
  const number = sheet.outline.pages.get(entry.destination);
  if (number === undefined)
    throw new Problem('internal', `the contents name ${entry.destination}, which was not drawn`);
  sheet.y += before;
  const step = leading(style.size);
  const x = PAGE.left + indentOf(entry);
  const height = lines.length * step;
  const bottom = sheet.y + height - step;
  const shown = layText(sheet.fonts, String(number), style, NUMBER_WIDTH);
  const right = PAGE.left + CONTENT_WIDTH;
  const from = x + (lines.at(-1)?.width ?? 0) + 6;
  const to = right - widthOf(sheet.fonts, String(number), style) - 6;
  const rule = bottom + step * 0.74;
  drawArtifact(sheet, `[0.6 2.4] 0 d ${ruleOps(from, rule, Math.max(0, to - from), COLORS.faint, 0.6)} [] 0 d`);
  const item = openTag(sheet, list, 'TOCI');
  const reference = openTag(sheet, item, 'Reference');
  const ops = [
    textOps(sheet.doc, lines, { x, y: sheet.y, step, size: style.size }),
    textOps(sheet.doc, shown, { x, y: bottom, step, size: style.size, right }),
  ];
  drawLink(
    sheet,
    reference,
    ops.join('\n'),
    { destination: entry.destination, describe: `Page ${number}` },
    { x, y: sheet.y, width: right - x, height },
  );
  closeTag(reference);
  closeTag(item);
  sheet.y += height;
}

function indentOf(entry: Entry): number {
  return entry.level === 1 ? 0 : 16;
}
