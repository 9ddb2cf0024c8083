import { z } from 'zod';
import { HASH_BYTES } from '../../ledger/tree.ts';
import { PLACE, placeOf } from '../log-state.ts';
import type { StoredPartition } from '../log-state.ts';
import type { Reader } from '../query.ts';
import type { Session } from '../session.ts';

/** The leaf of a stored record. */
export interface StoredLeaf {
  readonly offset: number;
  readonly leaf: Buffer;
}

/** The leaf of a gap. */
export interface StoredGap {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly reason: string;
  readonly leaf: Buffer;
}

const ROW_BYTES = 8 + HASH_BYTES;

/** Leaves of stored records from an offset up to, not including, another; in order, at most `limit`. A record that is held twice comes twice. */
export async function readLeaves(
  session: Pick<Session, 'bytes'>,
  place: StoredPartition,
  from: number,
  to: number,
  limit: number,
): Promise<StoredLeaf[]> {
  const sql = `SELECT offset, leaf FROM records WHERE ${PLACE} AND offset >= {from:UInt64} AND offset < {to:UInt64}
    ORDER BY topic, source_epoch, partition, offset LIMIT {limit:UInt32} FORMAT RowBinary`;
  const rows = await session.bytes({ sql, params: { ...placeOf(place), from, to, limit } });
  return Array.from({ length: rows.length / ROW_BYTES }, (_, index) => {
    const at = index * ROW_BYTES;
    return { offset: Number(rows.readBigUInt64LE(at)), leaf: rows.subarray(at + 8, at + ROW_BYTES) };
  });
}

const gapRow = z.object({
  first: z.coerce.number(),
  last: z.coerce.number(),
  reason: z.string(),
  leaf: z.string(),
});

/** Gaps that begin from an offset up to, not including, another; in order, at most `limit`. */
export async function readGaps(
  reader: Reader,
  place: StoredPartition,
  from: number,
  to: number,
  limit: number,
): Promise<StoredGap[]> {
  const sql = `SELECT first_offset AS first, last_offset AS last, reason, hex(leaf) AS leaf FROM gaps WHERE ${PLACE} AND first_offset >= {from:UInt64}
    AND first_offset < {to:UInt64} ORDER BY first_offset, last_offset LIMIT 1 BY first_offset LIMIT {limit:UInt32}`;
  const rows = await reader.read({ sql, params: { ...placeOf(place), from, to, limit }, row: gapRow });
  return rows.map(({ first, last, reason, leaf }) => ({
    firstOffset: first,
    lastOffset: last,
    reason,
    leaf: Buffer.from(leaf, 'hex'),
  }));
}

const leafRow = z.object({ offset: z.coerce.number(), leaf: z.string() });

/** Leaves of stored records of some ranges of offsets, ends included, in one query; what is held twice comes once. */
export async function readLeavesOfRanges(
  reader: Reader,
  place: StoredPartition,
  ranges: readonly (readonly [first: number, last: number])[],
): Promise<StoredLeaf[]> {
  if (ranges.length === 0) return [];
  const params: Record<string, string | number> = placeOf(place);
  const conditions = ranges.map(([first, last], index) => {
    params[`first_${index}`] = first;
    params[`last_${index}`] = last;
    return `offset BETWEEN {first_${index}:UInt64} AND {last_${index}:UInt64}`;
  });
  const sql = `SELECT offset, hex(any(records.leaf)) AS leaf FROM records WHERE ${PLACE} AND (${conditions.join(' OR ')}) GROUP BY offset`;
  const rows = await reader.read({ sql, params, row: leafRow });
  return rows.map(({ offset, leaf }) => ({ offset, leaf: Buffer.from(leaf, 'hex') }));
}
