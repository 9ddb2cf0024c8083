import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { Problem } from '../../model/problem.ts';
import { cmsLength, signCms } from '../sign/cms.ts';
import type { PdfSigner } from '../sign/signer.ts';
import { closeTag, openTag } from './struct.ts';
import type { Element } from './struct.ts';
import type { Sheet } from './page.ts';

/**
 * A signature inside a PDF (ISO 32000-1 12.8; controls.md 5.6). The document is written with an empty field for it; the
 * signature follows as an incremental update (7.5.6). So the file streams, is read once, and begins, byte for byte, with
 * what it is without a signature.
 */

const FIELD = 'Signature';
const TOOLTIP = 'Signature of the service that issued this report';
const REASON = 'Issued by this service and unchanged since; not the opinion of an auditor';
/** Print and Locked, not Hidden, as PDF/A asks (ISO 19005-3 6.3.2). The field has no area, so it needs no appearance. */
const FLAGS = 132;

/** The empty field of a document: an invisible widget on the page that is drawn last. */
export function addSignatureField(sheet: Sheet, parent: Element): PDFKit.PDFKitReference {
  const { doc } = sheet;
  const element = openTag(sheet, parent, 'Form', { alt: TOOLTIP });
  doc.annotate(0, 0, 0, 0, {
    Subtype: 'Widget',
    FT: 'Sig',
    F: FLAGS,
    T: pdfText(FIELD),
    TU: pdfText(TOOLTIP),
    structParent: element,
  } as PDFKit.Mixins.AnnotationOption);
  closeTag(element);
  const field = doc.page.annotations.at(-1);
  if (!field) throw new Problem('internal', 'the field of the signature was not drawn');
  // SignaturesExist and AppendOnly: whoever saves the file must append to it.
  const { _root: root } = doc;
  root.data.AcroForm = { Fields: [field], SigFlags: 3 };
  // pdfkit would end a form of its own here, and this is none.
  doc.endAcroForm = () => doc;
  return field;
}

/** What a document is without its signature: the first bytes of the file, and their hash. */
export interface UnsignedPart {
  readonly bytes: number;
  readonly sha256: string;
}

export interface SigningStream {
  readonly through: Transform;
  /** Asked once all has flowed. */
  unsigned(): UnsignedPart;
}

/**
 * A step of a stream that lets a document through and appends its signature, which covers every byte of the file but its
 * own. `stated` is the time that the signature states (PAdES wants one): the as-of of the report.
 */
export function createSigning(sheet: Sheet, signer: PdfSigner, stated: Date): SigningStream {
  const hash = createHash('sha256');
  let bytes = 0;
  let end = Buffer.alloc(0);
  let unsigned: UnsignedPart | undefined;
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      end = Buffer.concat([end, chunk]).subarray(-64);
      done(null, chunk);
    },
    flush(done) {
      try {
        const previous = /startxref\n(\d+)\n%%EOF\s*$/.exec(end.toString('latin1'))?.[1];
        const { doc, signature: field } = sheet;
        if (previous === undefined || !field)
          throw new Problem('internal', 'the document has no field for its signature, or ends in no table');
        unsigned = { bytes, sha256: hash.copy().digest('hex') };
        const gap = cmsLength(signer) * 2 + 2;
        const [before, after] = layUpdate({ doc, field, stated, previous, at: bytes, gap, sha256: unsigned.sha256 });
        const digest = hash.update(before).update(after).digest();
        done(null, Buffer.concat([before, Buffer.from(`<${signCms(digest, signer).toString('hex')}>`), after]));
      } catch (error) {
        done(error as Error);
      }
    },
  });
  return {
    through,
    unsigned() {
      if (!unsigned) throw new Problem('internal', 'the document has not flowed yet');
      return unsigned;
    },
  };
}

interface Update {
  readonly doc: PDFKit.PDFDocument;
  readonly field: PDFKit.PDFKitReference;
  readonly stated: Date;
  /** Where the cross-reference table of the document begins. */
  readonly previous: string;
  /** Where the update begins: the length of the document. */
  readonly at: number;
  /** Characters of the signature with its angle brackets. */
  readonly gap: number;
  readonly sha256: string;
}

/** The update in two parts, before and after the signature: the field again with its value, the value, and a trailer. */
function layUpdate({ doc, field, stated, previous, at, gap, sha256 }: Update): readonly [Buffer, Buffer] {
  const { _root: root, _info: info, _id: file, _offsets: objects } = doc;
  const value = objects.length + 1;
  const { Rect: rect, StructParent: parent } = field.data as unknown as { Rect: number[]; StructParent: number };
  const widget = `${field.id} 0 obj
<< /Type /Annot /Subtype /Widget /FT /Sig /F ${FLAGS} /Rect [${rect.join(' ')}] /Border [0 0 0] /T (${FIELD}) /TU (${TOOLTIP}) /StructParent ${parent} /V ${value} 0 R >>
endobj
`;
  const head = `${widget}${value} 0 obj
<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /M (D:${stated.toISOString().replaceAll(/\D/g, '').slice(0, 14)}Z) /Reason (${REASON}) /ByteRange [`;
  const [numbers, close] = [34, '] /Contents '];
  const start = at + head.length + numbers + close.length;
  const table = start + gap + ' >>\nendobj\n'.length;
  const entry = (offset: number): string => `${String(offset).padStart(10, '0')} 00000 n \n`;
  const id = Buffer.from(file).toString('hex');
  const tail = ` >>
endobj
xref
${field.id} 1
${entry(at)}${value} 1
${entry(at + widget.length)}trailer
<< /Size ${value + 1} /Root ${root.id} 0 R /Info ${info.id} 0 R /ID [<${id}> <${sha256.slice(0, 32)}>] /Prev ${previous} >>
startxref
${table}
%%EOF
`;
  const range = `0 ${start} ${start + gap} ${tail.length}`.padEnd(numbers);
  return [Buffer.from(head + range + close, 'latin1'), Buffer.from(tail, 'latin1')];
}

/** pdfkit writes a plain string as a name and a String object as text. */
function pdfText(text: string): string {
  return Object(text) as string;
}
