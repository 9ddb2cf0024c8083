import { Problem } from '../../model/problem.ts';
import { at } from '../sources/read.ts';
import { jsonOf } from './poll-source.ts';

/** What the poll of hoop looks at in a row; `at` is milliseconds, 0 where the row has no time. */
export interface HoopRow {
  readonly id: string;
  readonly at: number;
  /** Whether it may still change: it is not done, or its review is not decided. */
  readonly isOpen: boolean;
}

/** The rows of an answer of hoop: a list, or a page with the list in `data`. */
export function rowsOf(body: Buffer): readonly HoopRow[] {
  const json = jsonOf(body, 'hoop');
  const list = Array.isArray(json) ? (json as readonly unknown[]) : at(json, 'data');
  if (list === null) return [];
  if (!Array.isArray(list)) throw new Problem('unavailable', 'hoop answered something that is not a list.');
  return list.map((row) => rowOf(row));
}

/** One row. */
export function rowOf(row: unknown): HoopRow {
  const time = Date.parse(String(at(row, 'start_date') ?? at(row, 'created_at')));
  const isOpen = at(row, 'status') !== 'done' || at(row, 'review', 'status') === 'PENDING';
  return { id: String(at(row, 'id')), at: Number.isNaN(time) ? 0 : time, isOpen };
}

/** The body, unless it holds no rows: then there is nothing to store. */
export function bodyOf(body: Buffer, rows: readonly HoopRow[]): Buffer {
  return rows.length === 0 ? Buffer.alloc(0) : body;
}
