import type { Sheet } from './page.ts';

/** The tag tree of the document (PDF/UA): what is content is drawn inside an element, everything else as an artifact. */

export type Tag =
  | 'Document'
  | 'Sect'
  | 'H1'
  | 'H2'
  | 'H3'
  | 'P'
  | 'L'
  | 'LI'
  | 'LBody'
  | 'Table'
  | 'TR'
  | 'TH'
  | 'TD'
  | 'TOC'
  | 'TOCI'
  | 'Reference'
  | 'Link'
  | 'Form'
  | 'Figure';
export type Element = PDFKit.PDFStructureElement;

/** A new element at the end of its parent. It must be closed with `closeTag`, or the document would never end. */
export function openTag(
  sheet: Sheet,
  parent: Element,
  tag: Tag,
  options: PDFKit.Mixins.StructureElementOptions = {},
): Element {
  const element = sheet.doc.struct(tag, options);
  parent.add(element);
  return element;
}

/** Draws operators as content of an element. One element may be drawn into several times, also on several pages. */
export function drawIn(sheet: Sheet, element: Element, ops: string): void {
  element.add(() => sheet.doc.addContent(ops));
}

/** Draws operators that are no content: rules, fills, page frames. Never inside another drawing. */
export function drawArtifact(
  sheet: Sheet,
  ops: string,
  type: 'Layout' | 'Pagination' = 'Layout',
  attached?: 'Top' | 'Bottom',
): void {
  sheet.doc.markContent('Artifact', attached ? { type, attached: [attached] } : { type });
  sheet.doc.addContent(ops);
  sheet.doc.endMarkedContent();
}

/**
 * Ends an element. Once written it is needed only by number (the parent tree of a page points to it), so its content
 * is let go: without this a table of ten thousand rows keeps every cell in memory until the end.
 */
export function closeTag(element: Element): void {
  element.end();
  const { _flushed: written } = element;
  if (written) element.dictionary.data = WRITTEN;
}

/** pdfkit asks a closed child whether it has a parent before it closes the parent. */
const WRITTEN = Object.freeze({ P: true });

/**
 * Draws operators as a link to a place of this document, with its clickable area. Targets are names that the report
 * made itself: nothing that came from data ever becomes a target, and there are no links to the outside.
 */
export function drawLink(
  sheet: Sheet,
  parent: Element,
  ops: string,
  link: { destination: string; describe: string },
  area: { x: number; y: number; width: number; height: number },
): void {
  const element = openTag(sheet, parent, 'Link', { alt: link.describe });
  drawIn(sheet, element, ops);
  sheet.doc.goTo(area.x, area.y, area.width, area.height, link.destination, {
    structParent: element,
    Contents: pdfText(link.describe),
  });
  closeTag(element);
}

/** pdfkit writes a plain string as a name and a String object as text. */
function pdfText(text: string): string {
  return Object(text) as string;
}
