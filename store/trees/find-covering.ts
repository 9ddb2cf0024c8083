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
