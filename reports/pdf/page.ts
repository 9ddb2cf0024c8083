import { setImmediate, setTimeout } from 'node:timers/promises';
import { Problem } from '../../model/problem.ts';
import { fillOps, ruleOps, textOps } from './draw.ts';
import type { Fonts } from './fonts.ts';
import type { Outline } from './outline.ts';
import { layText } from './plain-layout.ts';
import type { TextStyle } from './plain-layout.ts';
import { drawArtifact } from './struct.ts';
import type { Element } from './struct.ts';
import { COLORS, CONTENT_BOTTOM, CONTENT_WIDTH, PAGE, SIZES, leading } from './style.ts';

/** What stands at the top and foot of every page. */
export interface Frame {
  readonly header: string;
  readonly headerRight: string;
  readonly footer: string;
}

/** The document while it is written: where the next thing goes, and what is known of the pages so far. */
export interface Sheet {
  readonly doc: PDFKit.PDFDocument;
  readonly fonts: Fonts;
  readonly frame: Frame;
  readonly outline: Outline;
  /** The element that new content goes into. */
  section: Element;
  /** Number of the current page; the pages of the contents are counted in before they are drawn. */
  page: number;
  /** The top of free space on the current page, in points from its top edge. */
  y: number;
  readonly total: PDFKit.PDFKitReference;
  /** The field of the signature, once it was drawn. */
  signature?: PDFKit.PDFKitReference;
}

const FRAME_STYLE: TextStyle = { face: 'regular', size: SIZES.frame, color: COLORS.muted };
/** Bytes that may wait for the reader of the stream before drawing pauses. */
const WAITING_BYTES = 1_048_576;

/** The form that shows the number of pages: referred to by every page, filled when the last one is drawn. */
export function reserveTotal(doc: PDFKit.PDFDocument): PDFKit.PDFKitReference {
  return doc.ref({ Type: 'XObject', Subtype: 'Form', BBox: [0, -3, 60, 10], Resources: {} });
}

/** Fills the form with the number of pages. */
export function fillTotal(sheet: Sheet, pages: number): void {
  const [line] = layText(sheet.fonts, String(pages), FRAME_STYLE, Infinity);
  const fonts: Record<string, PDFKit.PDFKitReference> = {};
  const shown = (line?.runs ?? []).map((run) => {
    fonts[run.font.id] = run.font.ref();
    return `/${run.font.id} ${SIZES.frame * run.factor} Tf <${run.hex}> Tj`;
  });
  (sheet.total.data as { Resources?: object }).Resources = { Font: fonts };
  sheet.total.write(`BT ${COLORS.muted.map((part) => part.toFixed(3)).join(' ')} rg ${shown.join(' ')} ET`);
  sheet.total.end();
}

/** Ends the page and begins the next one, with its header and footer. `framed: false` leaves the header out (cover). */
export function newPage(sheet: Sheet, options: { framed?: boolean; number?: number } = {}): void {
  sheet.doc.addPage({ size: [PAGE.width, PAGE.height], margin: 0 });
  if (options.number === undefined) sheet.page += 1;
  sheet.y = PAGE.top;
  if (options.framed !== false) drawHeader(sheet);
  drawFooter(sheet, options.number ?? sheet.page);
}

/** Begins a new page unless `height` points are free on this one. */
export function makeRoom(sheet: Sheet, height: number): void {
  if (sheet.y + height > CONTENT_BOTTOM) newPage(sheet);
}

/** Gives the event loop a turn, and waits while the reader of the stream is behind: pdfkit does not wait by itself. */
export async function breathe(sheet: Sheet): Promise<void> {
  await setImmediate();
  while (sheet.doc.readableLength > WAITING_BYTES && !sheet.doc.destroyed) await setTimeout(2);
  if (sheet.doc.destroyed) throw new Problem('unavailable', 'the report could not be written: its output was closed');
}

function drawHeader(sheet: Sheet): void {
  const y = 40;
  const ops = [
    frameText(sheet, sheet.frame.header, y, 'left'),
    frameText(sheet, sheet.frame.headerRight, y, 'right'),
    ruleOps(PAGE.left, y + 14, CONTENT_WIDTH, COLORS.faint),
  ];
  drawArtifact(sheet, ops.join('\n'), 'Pagination', 'Top');
}

function drawFooter(sheet: Sheet, number: number): void {
  const y = PAGE.height - 44;
  const label = `Page ${number} of `;
  const style = FRAME_STYLE;
  const reserved = 15;
  const [line] = layText(sheet.fonts, label, style, Infinity);
  const space = (sheet.fonts.glyphs.regular.get(0x20)?.[0]?.width ?? 0) * (style.size / 1_000);
  const right = PAGE.width - PAGE.right - reserved;
  const step = leading(style.size);
  const ops = [ruleOps(PAGE.left, y - 5, CONTENT_WIDTH, COLORS.faint), frameText(sheet, sheet.frame.footer, y, 'left')];
  ops.push(textOps(sheet.doc, line ? [line] : [], { x: 0, y, step, size: style.size, right }));
  const baseline = y + (step + style.size * 0.68) / 2;
  (sheet.doc.page.xobjects as Record<string, PDFKit.PDFKitReference>)['Total'] = sheet.total;
  ops.push(`q 1 0 0 -1 ${(right + space).toFixed(2)} ${baseline.toFixed(2)} cm /Total Do Q`);
  drawArtifact(sheet, ops.join('\n'), 'Pagination', 'Bottom');
}

function frameText(sheet: Sheet, text: string, y: number, side: 'left' | 'right'): string {
  const [line] = layText(sheet.fonts, text, FRAME_STYLE, CONTENT_WIDTH * 0.72);
  const at = { x: PAGE.left, y, step: leading(SIZES.frame), size: SIZES.frame };
  return textOps(sheet.doc, line ? [line] : [], side === 'right' ? { ...at, right: PAGE.width - PAGE.right } : at);
}

/** A thin bar beside a block, from `top` to `bottom` of the current page. */
export function barOps(top: number, bottom: number, color: readonly [number, number, number]): string {
  return fillOps(PAGE.left, top, 3, bottom - top, color);
}
