import { z } from 'zod';
import type { Query } from '../query.ts';

const row = z.object({
  received_ms: z.string().transform(Number),
  headers: z.string(),
  value: z.string(),
});
export type ReceivedRow = z.output<typeof row>;

/**
 * Records of a topic whose events happened in a stretch of time (microseconds UTC, both ends included), in the order of the
 * log, at most `limit`. For sources with one event a record, to compare what two ways of one tell: what one tells after the
 * other is a duplicate of it, and so is what comes again.
 */
export function findReceived(
  tenant: string,
  topic: string,
  from: number,
  to: number,
  limit: number,
): Query<ReceivedRow> {
  return {
    sql: `SELECT toUnixTimestamp64Milli(received_at) AS received_ms, headers, value
FROM records
WHERE tenant = {tenant:String} AND topic = {topic:String} AND status IN ('accepted', 'duplicate')
  AND ref IN (SELECT ref FROM events WHERE tenant = {tenant:String} AND family = {topic:String}
    AND occurred_at BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64}))
ORDER BY source_epoch, partition, offset
LIMIT {limit:UInt32}`,
    params: { tenant, topic, from, to, limit },
    row,
  };
}
