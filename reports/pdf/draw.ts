import type { Line } from './plain-layout.ts';
import type { Color } from './style.ts';

/** Operators of page content. pdfkit's page has y pointing down, so text is flipped back by its own matrix. */

/** The operators that show lines of text; `y` is the top of the first line, `step` the distance between lines. */
export function textOps(
  doc: PDFKit.PDFDocument,
  lines: readonly Line[],
  at: { x: number; y: number; step: number; size: number; right?: number },
): string {
  const ops: string[] = ['BT'];
  for (const [i, line] of lines.entries()) {
    const left = at.right === undefined ? at.x : at.right - line.width;
    const baseline = at.y + i * at.step + (at.step + at.size * 0.68) / 2;
    for (const run of line.runs) {
      const fonts = doc.page.fonts as Record<string, PDFKit.PDFKitReference>;
      fonts[run.font.id] ??= run.font.ref();
      ops.push(
        `${colorOps(run.color)} rg /${run.font.id} ${number(at.size * run.factor)} Tf 1 0 0 -1 ${number(left + run.x)} ${number(baseline)} Tm <${run.hex}> Tj`,
      );
    }
  }
  ops.push('ET');
  return ops.join('\n');
}

/** The operators that fill a rectangle. */
export function fillOps(x: number, y: number, width: number, height: number, fill: Color): string {
  return `${colorOps(fill)} rg ${number(x)} ${number(y)} ${number(width)} ${number(height)} re f`;
}

/** The operators that draw a horizontal line. */
export function ruleOps(x: number, y: number, width: number, stroke: Color, weight = 0.5): string {
  return `${colorOps(stroke)} RG ${number(weight)} w ${number(x)} ${number(y)} m ${number(x + width)} ${number(y)} l S`;
}

/** The three numbers of a colour, as an operator takes them. */
export function colorOps(value: Color): string {
  return value.map((part) => number(part, 3)).join(' ');
}

/** A number as an operator takes it: never in scientific notation, the same on every machine. */
export function number(value: number, digits = 2): string {
  return String(Number(value.toFixed(digits)));
}
