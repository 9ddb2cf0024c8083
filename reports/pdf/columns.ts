import type { Face, Fonts } from './fonts.ts';
import { widestWord, widthOf } from './plain-layout.ts';
import type { Rich, TextStyle } from './plain-layout.ts';

export interface Column {
  readonly title: string;
  /** Never narrower than this, in points. */
  readonly min: number;
  /** Never wider than this unless there is room to spare. */
  readonly max?: number;
  readonly face?: Face;
  readonly align?: 'left' | 'right';
}

/** Space at each side of a cell's text, in points. */
export const CELL_PADDING = 4;

/**
 * The widths of a table's columns, measured from its header and the cells given: all get what their longest text wants if that fits;
 * otherwise each gets its minimum (and never less than the longest word of its title) and the rest in proportion to what
 * it wants. The widths always sum up to `total` points.
 */
export function measureColumns(
  fonts: Fonts,
  columns: readonly Column[],
  rows: readonly (readonly (readonly Rich[])[])[],
  style: TextStyle,
  total: number,
): number[] {
  const padding = CELL_PADDING * 2 + 1;
  const title = { ...style, face: 'bold' as const };
  const cellsOf = (i: number): readonly Rich[] => rows.flatMap((row) => row[i] ?? []);
  const least = columns.map((column, i) => {
    // A number must never be broken: a column of numbers is as wide as its widest.
    const words = column.align === 'right' ? cellsOf(i).map((text) => widestWord(fonts, text, style)) : [];
    return words.reduce(
      (most, width) => Math.max(most, width + padding),
      Math.max(column.min, widestWord(fonts, column.title, title) + padding),
    );
  });
  const wanted = columns.map((column, i) => {
    const cells = cellsOf(i).map((text) => widthOf(fonts, text, { ...style, face: column.face ?? style.face }));
    const widest = cells.reduce((most, width) => Math.max(most, width), widthOf(fonts, column.title, title)) + padding;
    return Math.max(least[i] ?? 0, Math.min(widest, column.max ?? total));
  });
  const sumWanted = sum(wanted);
  if (sumWanted <= total) return spread(wanted, wanted, total - sumWanted);
  const sumLeast = sum(least);
  if (sumLeast >= total) return least.map((width) => (width * total) / sumLeast);
  return spread(
    least,
    wanted.map((width, i) => width - (least[i] ?? 0)),
    total - sumLeast,
  );
}

function spread(base: readonly number[], weights: readonly number[], rest: number): number[] {
  const all = sum(weights);
  return base.map((width, i) => width + (all === 0 ? rest / base.length : (rest * (weights[i] ?? 0)) / all));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
