import { z } from 'zod';
import type { Query } from '../query.ts';

/** A record as it is shown beside its event. Bytes come as base64 and hex. */
export const recordRow = z.object({
  topic: z.string(),
  source_epoch: z.number().or(z.string().transform(Number)),
  partition: z.number().or(z.string().transform(Number)),
  offset: z.string(),
  source: z.string(),
  instance: z.string(),
  delivery: z.string(),
  received_ms: z.string().transform(Number),
  status: z.string(),
  reason: z.string(),
  detail: z.string(),
  value: z.string(),
  headers: z.string(),
  leaf: z.string(),
});
export type RecordRow = z.output<typeof recordRow>;

/** The record at a place in the log; the event's own place with the index of the event taken out. */
export function findRecord(tenant: string, topic: string, partition: number, offset: number): Query<RecordRow> {
  return {
    sql: `SELECT topic, source_epoch, partition, toString(offset) AS offset, source, instance, delivery,
  toString(toUnixTimestamp64Milli(received_at)) AS received_ms, toString(status) AS status, reason, detail,
  base64Encode(value) AS value, headers, lower(hex(leaf)) AS leaf
FROM records
WHERE tenant = {tenant:String} AND topic = {topic:String} AND partition = {partition:UInt16} AND records.offset = {offset:UInt64}
ORDER BY source_epoch DESC
LIMIT 1`,
    params: { tenant, topic, partition, offset },
    row: recordRow,
  };
}
