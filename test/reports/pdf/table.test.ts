import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { cell, drawTable } from '../../../reports/pdf/table.ts';
import { drawPdf, missingPoppler, pdfText, squeeze } from '../../support/pdf-tools.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const COLUMNS = [
  { title: 'Number', min: 40 },
  { title: 'Text', min: 60 },
];
const missing = missingPoppler();
const folder = await tempFolder();
afterAll(folder.remove);

describe('a table', () => {
  test('throws when the model has more rows than it was given', async () => {
    await expect(
      drawPdf(join(folder.path, 'lost.pdf'), (sheet) =>
        drawTable(sheet, { columns: COLUMNS, rows: ['a', 'b'], cells: (row) => [cell(row), cell('x')], expected: 3 }),
      ),
    ).rejects.toThrow('2 rows where the model has 3');
  });

  test('throws when a row has another number of cells', async () => {
    await expect(
      drawPdf(join(folder.path, 'cells.pdf'), (sheet) =>
        drawTable(sheet, { columns: COLUMNS, rows: ['a'], cells: (row) => [cell(row)], expected: 1 }),
      ),
    ).rejects.toThrow('1 cells for 2 columns');
  });

  test('a row taller than three pages loses nothing, and the header stands on each', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const path = join(folder.path, 'tall.pdf');
    const words = Array.from({ length: 2_500 }, (_, i) => `w${String(i).padStart(5, '0')}`);
    const pages = await drawPdf(path, (sheet) =>
      drawTable(sheet, {
        columns: COLUMNS,
        rows: [0],
        cells: () => [cell('1'), cell(words.join(' '))],
        expected: 1,
        size: 16,
      }),
    );
    const text = pdfText(path);
    expect(pages).toBeGreaterThan(3);
    expect(text.match(/w\d{5}/g)).toEqual(words);
    expect(text.match(/Number Text/g)).toHaveLength(pages);
  });

  test('an unbroken string goes on over pages whole', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const path = join(folder.path, 'unbroken.pdf');
    const string = Array.from({ length: 3_000 }, (_, i) => i.toString(36).padStart(3, '0').toUpperCase()).join('');
    await drawPdf(path, (sheet) =>
      drawTable(sheet, { columns: COLUMNS, rows: [0], cells: () => [cell('n'), cell(string)], expected: 1, size: 14 }),
    );
    const shown = squeeze(pdfText(path)).replaceAll(/HeaderRight|FooterPage\d+of\d+|NumberText/g, '');
    expect(shown).toContain(string.slice(0, 2_000));
    expect([...shown.matchAll(/[0-9A-Z]/g)].length).toBeGreaterThanOrEqual(string.length);
  });
});
