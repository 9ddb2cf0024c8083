import { Problem } from '../../model/problem.ts';
import { drawHeading, headingHeight } from './blocks.ts';
import { CELL_PADDING, measureColumns } from './columns.ts';
import type { Column } from './columns.ts';
import { fillOps, ruleOps, textOps } from './draw.ts';
import { breathe, newPage } from './page.ts';
import type { Sheet } from './page.ts';
import { layText } from './plain-layout.ts';
import type { Line, Rich, TextStyle } from './plain-layout.ts';
import { closeTag, drawArtifact, drawIn, drawLink, openTag } from './struct.ts';
import type { Element } from './struct.ts';
import { COLORS, CONTENT_BOTTOM, CONTENT_WIDTH, PAGE, SIZES, leading } from './style.ts';

/** A cell: paragraphs, each on lines of its own. The whole cell may be a link to a place of the document. */
export interface Cell {
  readonly text: readonly Rich[];
  readonly link?: { readonly destination: string; readonly describe: string };
}

export interface TableOptions<Row> {
  /** Stands above the table and stays on its page. */
  readonly heading?: { readonly level: 2 | 3; readonly text: string };
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly cells: (row: Row, index: number) => readonly Cell[];
  /** How many rows the model says there are; a table that shows another number is an error, not a report. */
  readonly expected: number;
  /** The first cell of each row is its header (facts); such a table has no header row. */
  readonly facts?: boolean;
  readonly size?: number;
}

interface Grid {
  readonly sheet: Sheet;
  readonly columns: readonly Column[];
  readonly widths: readonly number[];
  readonly style: TextStyle;
  readonly facts: boolean;
  table: Element;
}

const ROW_PADDING = 3.5;
/** Rows that are measured for the widths of columns: enough to be fair, few enough for a table of any length. */
const MEASURED_ROWS = 300;

/** A cell of plain paragraphs. */
export function cell(...text: readonly Rich[]): Cell {
  return { text };
}

/**
 * Draws a table that may go on over pages: widths are measured, text is wrapped, a row that does not fit is split and
 * loses nothing, and the header stands on every page (there as an artifact). Memory does not grow with the rows. A
 * table without rows draws nothing, not even its heading.
 */
export async function drawTable<Row>(sheet: Sheet, options: TableOptions<Row>): Promise<void> {
  const size = options.size ?? SIZES.table;
  const style: TextStyle = { face: 'regular', size, color: COLORS.ink };
  const measured = options.rows
    .slice(0, MEASURED_ROWS)
    .map((row, i) => options.cells(row, i).map((entry) => entry.text));
  const widths = measureColumns(sheet.fonts, options.columns, measured, style, CONTENT_WIDTH);
  const grid: Grid = {
    sheet,
    columns: options.columns,
    widths,
    style,
    facts: options.facts ?? false,
    table: sheet.section,
  };
  let drawn = 0;
  let page = sheet.page;
  for (const [index, row] of options.rows.entries()) {
    const lines = layRow(grid, options.cells(row, index));
    if (index === 0) startTable(grid, lines, options.heading);
    drawRow(grid, lines, options.cells(row, index), index);
    drawn += 1;
    if (sheet.page !== page) await breathe(sheet);
    page = sheet.page;
  }
  if (drawn !== options.expected)
    throw new Problem('internal', `a table of the report shows ${drawn} rows where the model has ${options.expected}`);
  if (drawn === 0) return;
  drawArtifact(sheet, ruleOps(PAGE.left, sheet.y, CONTENT_WIDTH, COLORS.faint, 0.6));
  closeTag(grid.table);
  sheet.y += 12;
}

type CellLines = readonly (readonly Line[])[];

function layRow(grid: Grid, cells: readonly Cell[]): CellLines {
  if (cells.length !== grid.columns.length)
    throw new Problem('internal', `a row has ${cells.length} cells for ${grid.columns.length} columns`);
  return cells.map((entry, i) => {
    const face = grid.facts && i === 0 ? 'bold' : (grid.columns[i]?.face ?? grid.style.face);
    const width = (grid.widths[i] ?? 0) - CELL_PADDING * 2;
    return entry.text.flatMap((text) => layText(grid.sheet.fonts, text, { ...grid.style, face }, width));
  });
}

function startTable(grid: Grid, first: CellLines, heading: TableOptions<unknown>['heading']): void {
  const { sheet } = grid;
  const header = headerLines(grid);
  const need =
    (heading ? headingHeight(heading.level) : 0) +
    (grid.facts ? 0 : heightOf(grid, header)) +
    Math.min(heightOf(grid, first), 100);
  if (sheet.y + need > CONTENT_BOTTOM) newPage(sheet);
  if (heading) drawHeading(sheet, heading.level, heading.text);
  grid.table = openTag(sheet, sheet.section, 'Table');
  if (grid.facts) {
    drawArtifact(sheet, ruleOps(PAGE.left, sheet.y, CONTENT_WIDTH, COLORS.faint, 0.6));
    return;
  }
  const row = openTag(sheet, grid.table, 'TR');
  drawHeaderFill(grid, header);
  for (const [i, lines] of header.entries()) {
    const element = openTag(sheet, row, 'TH', { scope: 'Column' });
    drawIn(sheet, element, cellOps(grid, i, lines));
    closeTag(element);
  }
  closeTag(row);
  sheet.y += heightOf(grid, header);
}

function continueTable(grid: Grid): void {
  newPage(grid.sheet);
  if (grid.facts) return;
  const header = headerLines(grid);
  drawHeaderFill(grid, header);
  drawArtifact(grid.sheet, header.map((lines, i) => cellOps(grid, i, lines)).join('\n'), 'Pagination');
  grid.sheet.y += heightOf(grid, header);
}

function headerLines(grid: Grid): CellLines {
  return grid.columns.map((column, i) =>
    layText(
      grid.sheet.fonts,
      column.title,
      { ...grid.style, face: 'bold', color: COLORS.accent },
      (grid.widths[i] ?? 0) - CELL_PADDING * 2,
    ),
  );
}

function drawHeaderFill(grid: Grid, header: CellLines): void {
  const { sheet } = grid;
  const height = heightOf(grid, header);
  drawArtifact(
    sheet,
    `${fillOps(PAGE.left, sheet.y, CONTENT_WIDTH, height, COLORS.head)}\n${ruleOps(PAGE.left, sheet.y + height, CONTENT_WIDTH, COLORS.accent, 0.8)}`,
  );
}

function drawRow(grid: Grid, lines: CellLines, cells: readonly Cell[], index: number): void {
  const { sheet, table } = grid;
  const row = openTag(sheet, table, 'TR');
  const elements = cells.map((_, i) =>
    grid.facts && i === 0 ? openTag(sheet, row, 'TH', { scope: 'Row' }) : openTag(sheet, row, 'TD'),
  );
  const step = leading(grid.style.size);
  let rest = lines;
  while (rest.some((entry) => entry.length > 0)) {
    const fit = Math.floor((CONTENT_BOTTOM - sheet.y - ROW_PADDING * 2) / step);
    const longest = rest.reduce((most, entry) => Math.max(most, entry.length), 0);
    if (longest > fit && (fit < 3 || heightOf(grid, rest) < (CONTENT_BOTTOM - PAGE.top) / 3)) {
      continueTable(grid);
      continue;
    }
    drawPart(
      grid,
      elements,
      rest.map((entry) => entry.slice(0, fit)),
      cells,
      index,
    );
    rest = rest.map((entry) => entry.slice(fit));
    if (rest.some((entry) => entry.length > 0)) continueTable(grid);
  }
  for (const element of elements) closeTag(element);
  closeTag(row);
}

function drawPart(
  grid: Grid,
  elements: readonly Element[],
  part: CellLines,
  cells: readonly Cell[],
  index: number,
): void {
  const { sheet } = grid;
  const height = heightOf(grid, part);
  if (!grid.facts && index % 2 === 1)
    drawArtifact(sheet, fillOps(PAGE.left, sheet.y, CONTENT_WIDTH, height, COLORS.zebra));
  for (const [i, lines] of part.entries()) {
    const element = elements[i];
    if (!element || lines.length === 0) continue;
    const link = cells[i]?.link;
    const ops = cellOps(grid, i, lines);
    if (link)
      drawLink(sheet, element, ops, link, { x: leftOf(grid, i), y: sheet.y, width: grid.widths[i] ?? 0, height });
    else drawIn(sheet, element, ops);
  }
  sheet.y += height;
  if (grid.facts) drawArtifact(sheet, ruleOps(PAGE.left, sheet.y, CONTENT_WIDTH, COLORS.faint, 0.4));
}

function cellOps(grid: Grid, column: number, lines: readonly Line[]): string {
  const x = leftOf(grid, column) + CELL_PADDING;
  const at = { x, y: grid.sheet.y + ROW_PADDING, step: leading(grid.style.size), size: grid.style.size };
  if (grid.columns[column]?.align !== 'right') return textOps(grid.sheet.doc, lines, at);
  return textOps(grid.sheet.doc, lines, { ...at, right: x + (grid.widths[column] ?? 0) - CELL_PADDING * 2 });
}

function leftOf(grid: Grid, column: number): number {
  return PAGE.left + grid.widths.slice(0, column).reduce((total, width) => total + width, 0);
}

function heightOf(grid: Grid, lines: CellLines): number {
  return ROW_PADDING * 2 + Math.max(1, ...lines.map((entry) => entry.length)) * leading(grid.style.size);
}
