import { z } from 'zod';
import type { Query } from '../query.ts';

const row = z.object({
  topic: z.string(),
  source_epoch: z.coerce.number(),
  partition: z.coerce.number(),
  instance: z.string(),
  day: z.string(),
  first: z.coerce.number(),
  last: z.coerce.number(),
});
export type LeafSpanRow = z.output<typeof row>;

/**
 * Where the records lie that hold an event of `[from, to)` and were received by a moment: their first and last offset, by
 * partition, installation and day of receipt (UTC). They are the records that `verifyLeaves` looks at.
 */
export function findLeafDays(tenant: string, fromUs: number, toUs: number, asOfMs: number): Query<LeafSpanRow> {
  return {
    sql: `SELECT topic, source_epoch, partition, instance, toString(toDate(received_at, 'UTC')) AS day, min(records.offset) AS first, max(records.offset) AS last
FROM records
WHERE tenant = {tenant:String} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64}) AND ref IN
(
  SELECT DISTINCT bitAnd(ref, bitNot(toUInt64(4095))) FROM events
  WHERE tenant = {tenant:String} AND occurred_at >= fromUnixTimestamp64Micro({from:Int64})
    AND occurred_at < fromUnixTimestamp64Micro({to:Int64}) AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
)
GROUP BY topic, source_epoch, partition, instance, day
ORDER BY topic, partition, source_epoch, first, instance, day`,
    params: { tenant, from: fromUs, to: toUs, as_of: asOfMs },
    row,
  };
}
