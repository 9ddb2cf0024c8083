import { Problem } from '../model/problem.ts';
import type { Writer } from './session.ts';
import { readDigest, sameDigest } from './digest.ts';
import type { Digest, RowRange } from './digest.ts';
import { failureOf } from './engine-error.ts';
import { insertInto } from './tables.ts';
import type { DerivedTableSpec, FileTableSpec } from './tables.ts';

/** Rows on their way into a table: where they come from, where in the table they belong, and what must be found there then. */
export type StagedRows = FileRows | DerivedRows;

/** Rows that come in a file. */
export interface FileRows extends Staged {
  readonly spec: FileTableSpec;
  readonly file: string;
}

/** Rows that the engine makes from the same range of another table. */
export interface DerivedRows extends Staged {
  readonly spec: DerivedTableSpec;
}

interface Staged {
  readonly range: RowRange;
  readonly expected: Digest;
}

export interface EnsureOptions {
  /** The range is known to be empty, so the first look is spared: the position came from the store itself. */
  readonly fresh: boolean;
  /**
   * What stands there may be replaced: true for derived tables, whose rows an older version may have made otherwise.
   * Records are evidence: they are only ever completed.
   */
  readonly replace: boolean;
}

const ATTEMPTS = 5;
// A row that is refused is refused again, and a disk that is full is not empty a moment later: the caller waits.
const END_AT_ONCE = new Set(['bad_rows', 'disk_full']);

/**
 * Makes sure that the rows stand in the table once, whatever happened before: nothing, a part, all, or an answer that
 * was lost (reliability.md 1.4, in-doubt rule). Never a blind retry: each round looks first and adds what is missing.
 * Gives how many inserts were sent. Problems: `unavailable` after five rounds (retry later), `internal` with
 * `failure: bad_rows` when the engine refuses the rows, `unavailable` with `failure: disk_full` at once, `internal` with `integrity` when other rows stand in the range.
 */
export async function ensureRows(writer: Writer, rows: StagedRows, options: EnsureOptions): Promise<number> {
  let inserts = 0;
  let known = options.fresh ? 'empty' : await compare(writer, rows, options);
  let fault: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (known === 'complete') return inserts;
    try {
      inserts += 1;
      await insert(writer, rows, known === 'partial');
    } catch (error) {
      fault = error;
      if (END_AT_ONCE.has(failureOf(error))) throw error;
      await writer.settle();
    }
    known = await compare(writer, rows, options);
  }
  if (known === 'complete') return inserts;
  throw new Problem(
    'unavailable',
    'The rows could not be stored completely.',
    { table: rows.spec.table, attempts: ATTEMPTS },
    fault,
  );
}

type Known = 'empty' | 'partial' | 'complete';

async function compare(writer: Writer, rows: StagedRows, options: EnsureOptions): Promise<Known> {
  const found = await readDigest(writer, rows.spec, rows.range);
  if (sameDigest(found, rows.expected)) return 'complete';
  if (found.rows === 0) return 'empty';
  if (found.rows < rows.expected.rows) return 'partial';
  if (!options.replace) {
    const facts = { integrity: true, table: rows.spec.table, found: found.rows, expected: rows.expected.rows };
    throw new Problem('internal', 'The store holds other records in this range than the log.', facts);
  }
  await deleteRange(writer, rows);
  return 'empty';
}

/** Removes what stands in the range of a derived table. Waits until no query can see it any more. */
async function deleteRange(writer: Writer, { spec, range }: StagedRows): Promise<void> {
  await writer.run(`ALTER TABLE ${spec.table} DELETE WHERE ${range.where} SETTINGS mutations_sync = 2`, range.params);
}

/** Adds all rows, or only those of which the table holds none. */
async function insert(writer: Writer, rows: StagedRows, onlyMissing: boolean): Promise<void> {
  const { spec, range } = rows;
  const missing = `${spec.identity} NOT IN (SELECT ${spec.identity} FROM ${spec.table} WHERE ${range.where})`;
  if ('file' in rows) {
    const where = onlyMissing ? { where: `WHERE ${missing}`, params: range.params } : { where: '', params: {} };
    const { structure } = rows.spec;
    await writer.insertFile({ into: insertInto(spec), structure, file: rows.file, ...where });
    return;
  }
  const { source, only } = rows.spec;
  const where = [range.where, only, ...(onlyMissing ? [missing] : [])].join(' AND ');
  await writer.insertFrom({ into: insertInto(spec), source, where, params: range.params });
}
