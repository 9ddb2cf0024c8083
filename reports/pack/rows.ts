import type { CellValue } from './csv.ts';
import type { SampledItem } from './draw.ts';
import type { PopulationRow } from './pack-model.ts';

/**
 * How a row of each kind is laid out in columns. CSV, spreadsheet and page take their columns from here, so they hold
 * the same values in the same order.
 */
export interface Layout<Row> {
  readonly columns: readonly string[];
  cells(row: Row): readonly CellValue[];
}

export const POPULATION_LAYOUT: Layout<PopulationRow> = {
  columns: ['key', 'item', 'at_utc', 'verdict', 'attribute', 'stratum', 'finding', 'evidence', 'aliases'],
  cells: (row) => [
    row.key,
    row.item,
    row.at,
    row.verdict,
    row.attribute ?? '',
    row.stratum ?? '',
    row.finding ?? '',
    row.evidence.join(' '),
    row.aliases.join(' '),
  ],
};

export const SAMPLE_LAYOUT: Layout<SampledItem> = {
  columns: ['number', 'selection', 'rank', ...POPULATION_LAYOUT.columns],
  cells: (item) => [item.number, item.selection, item.rank, ...POPULATION_LAYOUT.cells(item.row)],
};

/**
 * A worksheet (controls.md 3.4): what was drawn, then empty columns for the person who inspects it: a tick for each
 * attribute a to f, references, tester, date, reviewer, conclusion. Custody fills none of them.
 */
export const WORKSHEET_LAYOUT: Layout<SampledItem> = {
  columns: [
    'number',
    'selection',
    'item',
    'at_utc',
    'stratum',
    'custody_verdict',
    'raw_events',
    'tick_a',
    'tick_b',
    'tick_c',
    'tick_d',
    'tick_e',
    'tick_f',
    'source_document',
    'tester',
    'date',
    'reviewer',
    'conclusion',
  ],
  cells: ({ number, selection, row }) => [
    number,
    selection,
    row.item,
    row.at,
    row.stratum ?? '',
    row.verdict,
    row.evidence.join(' '),
    ...Array.from({ length: 11 }, () => ''),
  ],
};

/** One sampled item as JSON: flat, the row under its own names. */
export function sampleRecord({ number, selection, rank, row }: SampledItem): object {
  return { number, selection, rank, ...row };
}
