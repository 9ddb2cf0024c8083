import { z } from 'zod';
import type { Query } from '../query.ts';

/** All that the leaf of a record was made from, and the leaf. Bytes come as base64, hashes and salt as hex. */
export const recordBytesRow = z.object({
  source_epoch: z.coerce.number(),
  offset: z.coerce.number(),
  received_ms: z.coerce.number(),
  key: z.string(),
  value: z.string(),
  headers: z.string(),
  salt: z.string(),
  leaf: z.string(),
});
export type RecordBytesRow = z.output<typeof recordBytesRow>;

/** The records at some offsets of a partition, in the order of the log. */
export function findRecordBytes(
  tenant: string,
  topic: string,
  partition: number,
  offsets: readonly number[],
): Query<RecordBytesRow> {
  return {
    sql: `SELECT source_epoch, toString(records.offset) AS offset, toString(toUnixTimestamp64Milli(received_at)) AS received_ms,
  base64Encode(records.key) AS key, base64Encode(records.value) AS value, headers, lower(hex(records.salt)) AS salt, lower(hex(records.leaf)) AS leaf
FROM records
WHERE tenant = {tenant:String} AND topic = {topic:String} AND partition = {partition:UInt16} AND records.offset IN {offsets:Array(UInt64)}
ORDER BY source_epoch, records.offset LIMIT 1 BY source_epoch, records.offset`,
    params: { tenant, topic, partition, offsets: offsets.map(String) },
    row: recordBytesRow,
  };
}

/** Up to which offset each partition holds what was received by a moment (milliseconds since 1970 UTC). */
export function findReceivedEnds(
  tenant: string,
  asOfMs: number,
): Query<{ topic: string; source_epoch: number; partition: number; last: number }> {
  return {
    sql: `SELECT topic, source_epoch, partition, toString(max(records.offset)) AS last FROM records
WHERE tenant = {tenant:String} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
GROUP BY topic, source_epoch, partition ORDER BY topic, partition, source_epoch`,
    params: { tenant, as_of: asOfMs },
    row: z.object({
      topic: z.string(),
      source_epoch: z.coerce.number(),
      partition: z.coerce.number(),
      last: z.coerce.number(),
    }),
  };
}
