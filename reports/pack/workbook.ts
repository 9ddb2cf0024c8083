import { rm } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import exceljs from 'exceljs';
import type { TestResult } from '../../model/control.ts';
import { visibleText } from '../pdf/visible.ts';
import { RESULT_MARKS, bareTime, closed } from '../wording.ts';
import type { CellValue } from './csv.ts';
import type { SampledItem } from './draw.ts';
import { EXCEPTION_LAYOUT, HISTORY_COLUMNS, historyRows, saidOf } from './exceptions.ts';
import type { PackModel, PopulationRow, TestExtras } from './pack-model.ts';
import { POPULATION_LAYOUT, SAMPLE_LAYOUT, WORKSHEET_LAYOUT } from './rows.ts';
import { rewriteZip } from './zip.ts';
import type { Zipped } from './zip.ts';

/** The most rows of a sheet, and the most characters of a cell, that the format allows. */
const MAX_ROWS = 1_048_576;
const MAX_CELL = 32_767;
const CUT = ' [cut: see the NDJSON]';
const ROWS_A_STEP = 500;

type Sheet = exceljs.Worksheet;

/** The spreadsheet of a pack while it is written. Every cell is text or a number; none is ever a formula. */
export interface Workbook {
  /** Opens the sheets of a test; rows then go to its population as they pass by. */
  openTest(test: TestResult): { see(row: PopulationRow): Promise<void>; close(extras: TestExtras): Promise<void> };
  close(): Promise<Zipped>;
}

/**
 * Opens the workbook: a summary, and for each test a sheet of its own, its population, its sample with worksheet, and
 * its exceptions. Rows flow to a file beside it; at the end that is written anew without the times of the library, so
 * that the same model gives the same bytes.
 */
export function openWorkbook(model: PackModel, path: string): Workbook {
  const draft = `${path}.draft`;
  const when = new Date(Date.parse(model.report.as_of));
  const book = new exceljs.stream.xlsx.WorkbookWriter({ filename: draft, useSharedStrings: false, useStyles: true });
  book.creator = 'Custody';
  book.created = when;
  book.modified = when;
  const said = saidOf(model.report);
  const summary = addSheet(book, 'Summary', [...SUMMARY], [10, 60, 24, 12, 12, 12, 12, 12]);
  for (const test of model.report.tests) addRow(summary, summaryOf(test));
  return {
    openTest(test) {
      writeFacts(book, test, model);
      const populationSheet = addSheet(book, `${test.test} population`, POPULATION_LAYOUT.columns);
      const exceptions: PopulationRow[] = [];
      let count = 0;
      return {
        async see(row) {
          count += 1;
          if (row.verdict === 'exception') exceptions.push(row);
          if (count < MAX_ROWS - 1) addRow(populationSheet, POPULATION_LAYOUT.cells(row));
          else if (count === MAX_ROWS - 1)
            addRow(populationSheet, ['More rows than a sheet holds: see population.ndjson']);
          if (count % ROWS_A_STEP === 0) await setImmediate();
        },
        async close(extras) {
          populationSheet.commit();
          writeSample(book, test, extras.sample.items);
          const rows = exceptions.map((row) => ({ ...row, ...said(test.test, row) }));
          writeSheet(book, `${test.test} exceptions`, EXCEPTION_LAYOUT, rows);
          await setImmediate();
        },
      };
    },
    async close() {
      summary.commit();
      if (model.report.dispositions)
        writeSheet(
          book,
          'Dispositions',
          { columns: HISTORY_COLUMNS, cells: (row: readonly CellValue[]) => row },
          historyRows(model.report),
        );
      await book.commit();
      const written = await rewriteZip(draft, path);
      await rm(draft, { force: true });
      return written;
    },
  };
}

const SUMMARY = [
  'Test',
  'Control',
  'Result',
  'Population',
  'Passed',
  'Exceptions',
  'Undetermined',
  'Excluded',
] as const;

function summaryOf(test: TestResult): readonly CellValue[] {
  const excluded = Object.values(test.excluded).reduce((sum, count) => sum + count, 0);
  const { count } = test.population;
  const word = RESULT_MARKS[test.result].word;
  return [test.test, test.title, word, count, test.passed, test.exceptions, test.undetermined, excluded];
}

function writeFacts(book: exceljs.stream.xlsx.WorkbookWriter, test: TestResult, { report }: PackModel): void {
  const rows: (readonly CellValue[])[] = [
    ['Control', closed(test.control)],
    ['Result', RESULT_MARKS[test.result].word],
    ['Why', test.reason],
    ['Period (UTC)', `${bareTime(report.from)} to ${bareTime(report.to)}, end excluded`],
    ['As of (UTC)', bareTime(report.as_of)],
    ['Population', test.population.definition],
    ['Items', test.population.count],
    ['SHA-256 of the sorted keys', test.population.sha256],
    ['Passed', test.passed],
    ['Exceptions', test.exceptions],
    ['Undetermined', test.undetermined],
    ...Object.entries(test.excluded).map(([code, count]) => [`Excluded: ${code}`, count] as const),
    ...Object.entries(test.parameters).map(([name, value]) => [`Parameter: ${name}`, value] as const),
    ...test.attributes.map(({ code, text }) => [`Attribute: ${code}`, text] as const),
    ...test.mappings.map(({ framework, requirement, role }) => [
      `Requirement: ${framework}`,
      `${requirement} (${role === 'P' ? 'bears on' : 'supports'})`,
    ]),
    ['Shows', test.proves],
    ['Does not show', test.does_not_prove],
  ];
  const sheet = addSheet(book, test.test, [test.test, test.title], [30, 110]);
  for (const row of rows) addRow(sheet, row);
  sheet.commit();
}

function writeSample(book: exceljs.stream.xlsx.WorkbookWriter, test: TestResult, items: readonly SampledItem[]): void {
  const inspected = WORKSHEET_LAYOUT.columns.slice(WORKSHEET_LAYOUT.columns.indexOf('tick_a'));
  writeSheet(
    book,
    `${test.test} sample`,
    { columns: [...SAMPLE_LAYOUT.columns, ...inspected], cells: (item: SampledItem) => SAMPLE_LAYOUT.cells(item) },
    items,
  );
}

function writeSheet<Row>(
  book: exceljs.stream.xlsx.WorkbookWriter,
  name: string,
  layout: { readonly columns: readonly string[]; cells(row: Row): readonly CellValue[] },
  rows: readonly Row[],
): void {
  const sheet = addSheet(book, name, layout.columns);
  for (const row of rows.slice(0, MAX_ROWS - 2)) addRow(sheet, layout.cells(row));
  sheet.commit();
}

function addSheet(
  book: exceljs.stream.xlsx.WorkbookWriter,
  name: string,
  columns: readonly string[],
  widths: readonly number[] = columns.map(() => 26),
): Sheet {
  const sheet = book.addWorksheet(name, { views: [{ state: 'frozen', ySplit: 1 }] });
  sheet.columns = widths.map((width) => ({ width }));
  const head = sheet.addRow(columns.map(safeCell));
  head.font = { bold: true };
  head.commit();
  return sheet;
}

function addRow(sheet: Sheet, values: readonly CellValue[]): void {
  sheet.addRow(values.map(safeCell)).commit();
}

/** A value as a cell: text as text, never a formula, without characters that XML or a reader's eye cannot hold. */
function safeCell(value: CellValue): CellValue {
  if (typeof value === 'number') return value;
  const shown = visibleText(value);
  return shown.length > MAX_CELL ? `${shown.slice(0, MAX_CELL - CUT.length)}${CUT}` : shown;
}
