import { execFileSync } from 'node:child_process';
import type { Sheet } from '../../reports/pdf/page.ts';
import { newPage } from '../../reports/pdf/page.ts';
import { closeDocument, openDocument, writeDocument } from '../../reports/pdf/document.ts';
import { closeTag, openTag } from '../../reports/pdf/struct.ts';
import { runs } from './verapdf.ts';

/** Why poppler's tools cannot be used here; undefined if they can. */
export function missingPoppler(): string | undefined {
  return runs('pdftotext', ['-v']) ? undefined : 'poppler-utils is not installed';
}

/** The text of a PDF in the order in which it was drawn; pages are separated by form feeds. */
export function pdfText(path: string): string {
  return execFileSync('pdftotext', ['-raw', '-enc', 'UTF-8', path, '-'], { encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** A text without any white space: keys wrap in narrow columns. */
export function squeeze(text: string): string {
  return text.replaceAll(/\s/g, '');
}

/** The output of one of poppler's tools. */
export function poppler(tool: 'pdfinfo' | 'pdffonts' | 'pdfdetach' | 'pdfsig', ...args: string[]): string {
  return execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** A document of one section, drawn by a test; gives the number of its pages. */
export async function drawPdf(path: string, draw: (sheet: Sheet) => Promise<void> | void): Promise<number> {
  const { sheet, root } = openDocument({
    title: 'Test',
    author: 'Test',
    subject: 'Test',
    keywords: 'test',
    created: new Date(Date.UTC(2026, 0, 2)),
    frame: { header: 'Header', headerRight: 'Right', footer: 'Footer' },
  });
  await writeDocument(sheet, path, async () => {
    const section = openTag(sheet, root, 'Sect');
    sheet.section = section;
    newPage(sheet);
    await draw(sheet);
    closeTag(section);
    closeDocument(sheet, root, sheet.page);
  });
  return sheet.page;
}
