import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import PdfKit from 'pdfkit';
import { createTally } from '../tally.ts';
import { fontFile, openFonts } from './fonts.ts';
import { closeOutline, createOutline } from './outline.ts';
import { fillTotal, reserveTotal } from './page.ts';
import type { Frame, Sheet } from './page.ts';
import type { SigningStream } from './signature-field.ts';
import { closeTag } from './struct.ts';
import type { Element } from './struct.ts';
import { visibleText } from './visible.ts';
import { claimPdfUa, escapeMetadata } from './xmp.ts';

export interface DocumentMeta {
  readonly title: string;
  readonly author: string;
  readonly subject: string;
  readonly keywords: string;
  /** Stands as the date of creation: a report is made from evidence as of a moment, not by a clock. */
  readonly created: Date;
  readonly frame: Frame;
}

export interface Attachment {
  readonly name: string;
  readonly description: string;
  readonly content: Buffer;
}

/** What was written: counted and hashed on its way out. */
export interface Written {
  readonly bytes: number;
  readonly sha256: string;
}

/** Opens a document that is PDF/A-3a and PDF/UA-1 at once (controls.md 5.4): tagged, fonts embedded, sRGB. */
export function openDocument(meta: DocumentMeta): { sheet: Sheet; root: Element } {
  const doc = new PdfKit({
    pdfVersion: '1.7',
    subset: 'PDF/A-3a',
    tagged: true,
    lang: 'en',
    displayTitle: true,
    autoFirstPage: false,
    margin: 0,
    font: fontFile('regular'),
    info: {
      Title: visibleText(meta.title),
      Author: visibleText(meta.author),
      Subject: visibleText(meta.subject),
      Keywords: meta.keywords,
      Creator: 'Custody',
      Producer: 'Custody (pdfkit 0.20.2)',
      CreationDate: meta.created,
    },
  });
  escapeMetadata(doc);
  const root = doc.struct('Document');
  doc.addStructure(root);
  const fonts = openFonts(doc);
  return {
    sheet: {
      doc,
      fonts,
      frame: meta.frame,
      outline: createOutline(),
      section: root,
      page: 0,
      y: 0,
      total: reserveTotal(doc),
    },
    root,
  };
}

/** Attaches a file to the document, as data that the pages were made from. Its hash stands in its description. */
export function attachFile(sheet: Sheet, attachment: Attachment, date: Date): void {
  sheet.doc.file(attachment.content, {
    name: attachment.name,
    type: 'application/json',
    relationship: 'Data',
    description: `${attachment.description} SHA-256 ${sha256(attachment.content)}`,
    creationDate: date,
    modifiedDate: date,
  });
}

/** Ends the document; nothing can be drawn after it. */
export function closeDocument(sheet: Sheet, root: Element, pages: number): void {
  closeTag(root);
  fillTotal(sheet, pages);
  closeOutline(sheet);
  claimPdfUa(sheet.doc);
  sheet.doc.end();
}

/**
 * Draws while the document flows to its output, which is ended with it. A path is written beside itself and renamed
 * when whole, so that a report under its name is always complete. Throws what the drawing threw, else the output's error.
 * `signing` appends a signature; what is counted and hashed is the signed file.
 */
export async function writeDocument(
  sheet: Sheet,
  out: Writable | string,
  draw: () => Promise<void>,
  signing?: SigningStream,
): Promise<Written> {
  const part = typeof out === 'string' ? `${out}.part` : '';
  const tally = createTally();
  const end = typeof out === 'string' ? createWriteStream(part) : out;
  const flowed = signing
    ? pipeline(sheet.doc, signing.through, tally.through, end)
    : pipeline(sheet.doc, tally.through, end);
  const drawn = draw().catch((error: unknown) => {
    sheet.doc.destroy(error instanceof Error ? error : new Error('drawing failed', { cause: error }));
    throw error;
  });
  const [output, drawing] = await Promise.allSettled([flowed, drawn]);
  const failed = output.status === 'rejected' ? output : drawing;
  if (failed.status === 'rejected') {
    if (part) await rm(part, { force: true });
    throw failed.reason;
  }
  if (typeof out === 'string') await rename(part, out);
  return tally.total();
}

/** The SHA-256 of bytes, in hexadecimal. */
export function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
