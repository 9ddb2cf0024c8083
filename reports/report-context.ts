import type { ReportModel, TestId } from '../model/control.ts';
import type { Framework } from '../query/frameworks/framework.ts';
import { drawTable, cell } from './pdf/table.ts';
import type { Cell } from './pdf/table.ts';
import { toneColor } from './pdf/blocks.ts';
import type { Sheet } from './pdf/page.ts';
import type { Rich, Span } from './pdf/plain-layout.ts';
import { COLORS, SIZES } from './pdf/style.ts';
import type { SaidOf } from './pack/exceptions.ts';
import type { TestExtras } from './pack/pack-model.ts';
import type { Plan } from './plan.ts';
import type { PdfSigner } from './sign/signer.ts';
import type { Mark } from './wording.ts';

/** A file inside the PDF, as the pages name it. */
export interface AttachedFile {
  readonly name: string;
  readonly description: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What every section is given. */
export interface ReportContext {
  readonly sheet: Sheet;
  readonly model: ReportModel;
  readonly framework: Framework;
  readonly plan: Plan;
  /** SHA-256 of the canonical JSON of the model: two reports with the same digest say the same. */
  readonly digest: string;
  readonly attached: readonly AttachedFile[];
  /** The id of an exception, and what was said of it. */
  readonly said: SaidOf;
  /** Source, period and sample of each population; empty where the report stands alone. */
  readonly extras: ReadonlyMap<TestId, TestExtras>;
  /** Who signs this file, if anybody does. */
  readonly signer: PdfSigner | undefined;
}

/** Sign and word of a mark, bold and in its colour. */
export function markSpans(mark: Mark): readonly Span[] {
  return [{ text: `${mark.sign} ${mark.word}`, face: 'bold', color: toneColor(mark.tone) }];
}

/** A key or hash, in the face where every character has the same width and none looks like another. */
export function code(text: string): readonly Span[] {
  return [{ text, face: 'mono' }];
}

/** A remark beside the main text. */
export function quiet(text: string): readonly Span[] {
  return [{ text, color: COLORS.muted }];
}

/** A cell that leads to another place of the report. */
export function linkCell(text: string, destination: string, describe: string): Cell {
  return { text: [[{ text, color: COLORS.accent, face: 'bold' }]], link: { destination, describe } };
}

export type Fact = readonly [name: string, ...value: (Rich | Cell)[]];

/** A table of names and values without a header: what is known of one thing. */
export async function drawFacts(sheet: Sheet, facts: readonly Fact[], size: number = SIZES.table + 0.6): Promise<void> {
  await drawTable(sheet, {
    columns: [
      { title: '', min: 96, max: 118 },
      { title: '', min: 200 },
    ],
    rows: facts,
    cells: ([name, ...values]) => [cell(name), joinCells(values)],
    expected: facts.length,
    facts: true,
    size,
  });
}

function joinCells(values: readonly (Rich | Cell)[]): Cell {
  const only = values.length === 1 ? values[0] : undefined;
  if (only !== undefined && isCell(only)) return only;
  return cell(...values.flatMap((value) => (isCell(value) ? value.text : [value])));
}

function isCell(value: Rich | Cell): value is Cell {
  return typeof value === 'object' && 'text' in value;
}
