import { drawBullets, drawHeading, drawText } from '../pdf/blocks.ts';
import type { ReportContext } from '../report-context.ts';
import { SIGNATURE_WORDS } from '../wording.ts';

/**
 * What the signature inside the file means. The certificate itself is not named here: the pages are the same whoever
 * signs them, so that a report that was made again can be compared with this one up to its signature.
 */
export function drawSignature({ sheet, signer }: ReportContext): void {
  drawHeading(sheet, 2, 'Signature of this file');
  if (!signer) {
    drawText(sheet, SIGNATURE_WORDS.none);
    return;
  }
  drawText(sheet, SIGNATURE_WORDS.meaning);
  drawBullets(sheet, [
    [{ text: signer.certificate.self_signed ? SIGNATURE_WORDS.selfSigned : SIGNATURE_WORDS.issued }],
    [{ text: SIGNATURE_WORDS.time }],
    [{ text: SIGNATURE_WORDS.unsigned }],
  ]);
}
