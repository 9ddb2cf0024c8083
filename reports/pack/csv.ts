import { visibleText } from '../pdf/visible.ts';

/** A value of a cell. */
export type CellValue = string | number;

// What a spreadsheet may take for a formula or a command (controls.md 5.7, OWASP "CSV injection"), with the full-width
// forms that some locales read alike.
const DANGEROUS = /^[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/;

/**
 * A cell of CSV (RFC 4180). Text that a spreadsheet could take for a formula gets an apostrophe in front, which shows it
 * as text; so does text that begins with an apostrophe, so that one can always be taken away again. Characters that
 * hide or reorder text are shown by their number. The NDJSON beside each CSV holds the exact text.
 */
export function csvCell(value: CellValue): string {
  if (typeof value === 'number') return String(value);
  const safe = DANGEROUS.test(value) || value.startsWith("'") ? `'${visibleText(value)}` : visibleText(value);
  return /[",']/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A line of CSV with its end. */
export function csvLine(values: readonly CellValue[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}
