import type { Sheet } from './page.ts';
import { PAGE } from './style.ts';
import { visibleText } from './visible.ts';

/** Bookmarks and the places that links point to. */

interface Bookmark {
  readonly item: PDFKit.PDFOutline;
  children: number;
}

export interface Outline {
  readonly open: Bookmark[];
  top: number;
  readonly pages: Map<string, number>;
}

/** An outline without entries. */
export function createOutline(): Outline {
  return { open: [], top: 0, pages: new Map() };
}

/** Makes the place `y` of this page a target under a name; a name is given once. */
export function markPlace(sheet: Sheet, name: string, y: number): void {
  sheet.doc.addNamedDestination(name, 'XYZ', 0, y, null);
  sheet.outline.pages.set(name, sheet.page);
}

/** Adds a bookmark to the place `y` of this page. Level 1 is the top; a level may not be skipped downwards. */
export function addBookmark(sheet: Sheet, level: number, title: string, y: number): void {
  const { outline, doc } = sheet;
  outline.open.length = Math.min(outline.open.length, level - 1);
  const parent = outline.open.at(-1);
  // pdfkit subtracts `left` from the page's width, and takes its defaults only when no options are given.
  const item = (parent?.item ?? doc.outline).addItem(visibleText(title), {
    expanded: false,
    fit: false,
    left: PAGE.width,
    top: y,
  });
  if (parent) {
    parent.children += 1;
    parent.item.outlineData.Count = -parent.children;
  } else {
    outline.top += 1;
  }
  outline.open.push({ item, children: 0 });
}

/** Writes the count of visible entries, which pdfkit leaves out though viewers and PDF/A want it. */
export function closeOutline(sheet: Sheet): void {
  sheet.doc.outline.outlineData.Count = sheet.outline.top;
}
