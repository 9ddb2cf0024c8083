import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FAULT_TESTS } from './faults/fault-list.ts';

// The fault list of reliability.md 1.7 as a test: no row of it can lose its tests silently, and none is left out of the
// suite that plays them (`npm run test:faults`).
const ROOT = join(import.meta.dirname, '..');
const ROWS = Array.from({ length: 34 }, (_, at) => at + 1);
/** Rows of which a real broker knows nothing: the engine's own faults, and those of a store behind HTTP. */
const STORE_ALONE = new Set([2, 10, 17]);
/** Rows that the embedded log does not have: it has one process, no broker, and no batches of others. */
const KAFKA_ALONE = new Set([19, 20, 21, 22, 27, 30, 31]);

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'test'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file.endsWith('.test.ts') && file !== 'test/fault-list.test.ts');

/** The rows that titles of tests name, such as `fault 08, 09: ...`. */
function rowsOf(text: string): number[] {
  return [...text.matchAll(/['"`;] ?fault ((?:\d\d(?:, )?)+):/g)].flatMap(([, rows = '']) =>
    rows.split(', ').map(Number),
  );
}

const tests = files
  .map((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const onKafka = /\b(?:describeOnKafka|onKafka|onBothLogs)\(/.test(text);
    const onEmbedded = !onKafka || /\bonBothLogs\(|on the embedded log'/.test(text);
    return { file, rows: rowsOf(text), onKafka, onEmbedded };
  })
  .filter(({ rows }) => rows.length > 0);
const rowsWhere = (where: (one: (typeof tests)[number]) => boolean): Set<number> =>
  new Set(tests.filter(where).flatMap(({ rows }) => rows));

test('each row of the fault list has a test, and no test names a row that is not there', () => {
  const named = rowsWhere(() => true);
  expect(ROWS.filter((row) => !named.has(row))).toEqual([]);
  expect([...named].filter((row) => !ROWS.includes(row))).toEqual([]);
});

test('each row has a test on the embedded log and on a real broker, but for those that one of them does not know', () => {
  const kafka = rowsWhere(({ onKafka }) => onKafka);
  const embedded = rowsWhere(({ onEmbedded }) => onEmbedded);
  expect(ROWS.filter((row) => !kafka.has(row) && !STORE_ALONE.has(row))).toEqual([]);
  expect(ROWS.filter((row) => !embedded.has(row) && !KAFKA_ALONE.has(row))).toEqual([]);
});

test('every file with a test of the list is played by the suite', () => {
  const isPlayed = (file: string): boolean =>
    FAULT_TESTS.some((one) => file === one || (one.endsWith('/**/*.test.ts') && file.startsWith(one.slice(0, -12))));
  expect(tests.map(({ file }) => file).filter((file) => !isPlayed(file))).toEqual([]);
});

test('the null control is played with them', () => {
  expect(files).toContain('test/faults/null-control.test.ts');
});
