/**
 * What @types/pdfkit 0.17.6 does not say of pdfkit 0.20.2: the embedded font's subset, the page tree, options of
 * structure elements, annotations, outline items and attachments. The private parts named here are why the version is
 * pinned; test/reports/pdf holds them to their word.
 */
declare namespace PDFKit {
  interface FontkitGlyph {
    readonly id: number;
    readonly advanceWidth: number;
  }

  interface EmbeddedFont {
    readonly id: string;
    readonly name: string;
    /** Font units to thousandths of an em. */
    readonly scale: number;
    readonly ascender: number;
    readonly font: {
      hasGlyphForCodePoint(codePoint: number): boolean;
      glyphForCodePoint(codePoint: number): FontkitGlyph;
    };
    /** Glyph ids of the source font, in the order of the subset. */
    readonly subset: { readonly glyphs: number[]; readonly mapping: Record<number, number> };
    /** Advance widths by subset glyph, in thousandths of an em. */
    readonly widths: number[];
    /** Code points by subset glyph, for ToUnicode. */
    readonly unicode: (readonly number[])[];
    ref(): PDFKitReference;
  }

  interface PDFDocument {
    readonly _font: EmbeddedFont;
    readonly _root: {
      readonly id: number;
      readonly data: { readonly Pages: { readonly data: { readonly Kids: PDFKitReference[] } }; AcroForm?: object };
    };
    /** The info dictionary; there once the document was ended. */
    readonly _info: PDFKitReference;
    /** The first half of the file's identifier, made from the info. */
    readonly _id: Uint8Array;
    /** One entry an object, in the order of their numbers. */
    readonly _offsets: readonly unknown[];
    endAcroForm(): PDFDocument;
  }

  interface PDFPage {
    readonly annotations: PDFKitReference[];
  }

  interface PDFKitReference {
    end(): void;
  }

  interface PDFStructureElement {
    dictionary: { data: object };
    readonly _flushed: boolean;
  }

  interface OutlineOptions {
    expanded?: boolean;
    fit?: boolean;
    /** Subtracted from the page's width: the width itself therefore means x = 0. */
    left?: number;
    top?: number;
  }

  interface PDFOutline {
    readonly outlineData: { Count?: number };
    addItem(title: string, options?: OutlineOptions): PDFOutline;
  }
}

declare namespace PDFKit.Mixins {
  interface AnnotationOption {
    structParent?: PDFKit.PDFStructureElement;
  }

  interface PDFAttachmentOptions {
    relationship?: 'Source' | 'Data' | 'Alternative' | 'Supplement' | 'Unspecified';
  }

  interface StructureElementOptions {
    scope?: 'Row' | 'Column' | 'Both';
    /** Left, top, right and bottom, from the upper left corner of the page; the page must be there already. */
    bbox?: [number, number, number, number];
  }
}
