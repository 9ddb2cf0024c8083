import { z } from 'zod';
import { PLACE, placeOf } from '../log-state.ts';
import type { StoredPartition } from '../log-state.ts';
import type { Query } from '../query.ts';

const row = z.object({ offset: z.coerce.number(), leaf: z.string(), other: z.string() });

/**
 * The stored leaves of records of a range of offsets, ends included, as hex; in order, each offset once. Where a second
 * copy of a record holds another leaf, `leaf` and `other` differ.
 */
export function findLeafRun(
  place: StoredPartition,
  first: number,
  last: number,
): Query<{ offset: number; leaf: string; other: string }> {
  return {
    sql: `SELECT records.offset AS offset, hex(min(records.leaf)) AS leaf, hex(max(records.leaf)) AS other FROM records
WHERE ${PLACE} AND records.offset BETWEEN {first:UInt64} AND {last:UInt64}
GROUP BY offset ORDER BY offset`,
    params: { ...placeOf(place), first, last },
    row,
  };
}
