import { z } from 'zod';
import type { Query } from '../query.ts';

const place = z.object({ place: z.coerce.number().nullable() });

/** The first place of the log of checkpoints where a partition's tree had at least this size; null where it has none. */
export function findFirstHead(
  tree: { readonly topic: string; readonly partition: number },
  size: number,
): Query<{ place: number | null }> {
  return {
    sql: `SELECT minOrNull(place) AS place FROM tree_heads
WHERE topic = {topic:String} AND partition = {partition:UInt16} AND size >= {size:UInt64}`,
    params: { topic: tree.topic, partition: tree.partition, size },
    row: place,
  };
}

/** The size of the smallest signed checkpoint that is at least so large; null where none was signed. */
export function findFirstCheckpoint(size: number): Query<{ place: number | null }> {
  return {
    sql: 'SELECT minOrNull(checkpoints.size) AS place FROM checkpoints WHERE checkpoints.size >= {size:UInt64}',
    params: { size },
    row: place,
  };
}

/**
 * For each of some sizes of a partition's tree the first place of the log of checkpoints, below `before`, where it had at
 * least this size; a size that it had not reached there is left out.
 */
export function findFirstHeads(
  tree: { readonly topic: string; readonly partition: number },
  sizes: readonly number[],
  before: number,
): Query<{ wanted: number; place: number }> {
  return {
    sql: `SELECT wanted, min(h.place) AS place FROM
  (SELECT arrayJoin({sizes:Array(UInt64)}) AS wanted) AS w
  CROSS JOIN (SELECT place, size FROM tree_heads WHERE topic = {topic:String} AND partition = {partition:UInt16} AND place < {before:UInt64}) AS h
WHERE h.size >= wanted
GROUP BY wanted
ORDER BY wanted`,
    params: { topic: tree.topic, partition: tree.partition, sizes: [...new Set(sizes)].map(String), before },
    row: z.object({ wanted: z.coerce.number(), place: z.coerce.number() }),
  };
}

/** The sizes of the first checkpoint that was ever signed and of the last one below a size; null where there is none. */
export function findCheckpointsBefore(size: number): Query<{ first: number | null; last: number | null }> {
  return {
    sql: 'SELECT minOrNull(checkpoints.size) AS first, maxOrNull(checkpoints.size) AS last FROM checkpoints WHERE checkpoints.size < {size:UInt64}',
    params: { size },
    row: z.object({ first: z.coerce.number().nullable(), last: z.coerce.number().nullable() }),
  };
}
