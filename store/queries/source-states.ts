import { z } from 'zod';
import type { Query } from '../query.ts';
import { COUNTED_RECORDS } from '../trees/dups.ts';

const count = z.string().transform(Number);

/** What a source sent, by disposition. Times are microseconds UTC in text, turned into numbers. */
const arrivalRow = z.object({
  family: z.string(),
  instance: z.string(),
  disposition: z.enum(['accepted', 'duplicate', 'conflict']),
  events: count,
  first_us: count,
  last_us: count,
  received_ms: count,
});
export type ArrivalRow = z.output<typeof arrivalRow>;

/** Events that happened in `[fromUs, toUs)` by installation and how they ended, with the first and last time that they name. */
export function countArrivals(tenant: string, fromUs: number, toUs: number, asOfMs: number): Query<ArrivalRow> {
  return {
    sql: `SELECT family, instance, toString(disposition) AS disposition, count() AS events,
  toUnixTimestamp64Micro(min(occurred_at)) AS first_us, toUnixTimestamp64Micro(max(occurred_at)) AS last_us,
  toUnixTimestamp64Milli(max(received_at)) AS received_ms
FROM events
WHERE tenant = {tenant:String} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
GROUP BY family, instance, disposition
ORDER BY family, instance, disposition`,
    params: { tenant, from: fromUs, to: toUs, as_of: asOfMs },
    row: arrivalRow,
  };
}

const rejectionRow = z.object({
  family: z.string(),
  instance: z.string(),
  reason: z.string(),
  records: count,
  received_ms: count,
});
export type RejectionRow = z.output<typeof rejectionRow>;

/** Records received in `[fromMs, toMs)` that no event came of, by reason; nobody knows when what they tell of happened. */
export function countRejections(tenant: string, fromMs: number, toMs: number, asOfMs: number): Query<RejectionRow> {
  return {
    sql: `SELECT topic AS family, instance, reason, count() AS records, toUnixTimestamp64Milli(max(received_at)) AS received_ms
FROM records
WHERE tenant = {tenant:String} AND status = 'rejected' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  AND received_at >= fromUnixTimestamp64Milli({from:Int64}) AND received_at < fromUnixTimestamp64Milli({to:Int64}) AND ${COUNTED_RECORDS}
GROUP BY family, instance, reason
ORDER BY family, instance, reason`,
    params: { tenant, from: fromMs, to: toMs, as_of: asOfMs },
    row: rejectionRow,
  };
}

const logGapRow = z.object({
  topic: z.string(),
  first_offset: z.string(),
  last_offset: z.string(),
  reason: z.string(),
  from_us: count,
  to_us: count,
});
export type LogGapRow = z.output<typeof logGapRow>;

/**
 * Offsets whose records are lost, each with its reason (reliability.md 1.5), between the arrivals of the records before
 * and after; the moment at which it was found where a neighbour is not held. Offsets that never held a record (markers
 * of transactions) are not among them.
 */
export function findLogGaps(asOfMs: number): Query<LogGapRow> {
  return {
    sql: `WITH neighbours AS (
  SELECT topic, source_epoch, partition, offset, received_at
  FROM records
  WHERE (topic, source_epoch, partition, offset) IN
    (SELECT topic, source_epoch, partition, arrayJoin([toUInt64(greatest(first_offset, 1) - 1), toUInt64(last_offset + 1)]) FROM gaps WHERE reason != 'control_or_aborted')
), lost AS (
  SELECT gaps.topic AS topic, gaps.partition AS partition, gaps.first_offset AS first, gaps.last_offset AS last, gaps.reason AS reason,
    if(before.topic = '', gaps.ingested_at, toDateTime64(before.received_at, 6, 'UTC')) AS begins,
    if(after.topic = '', gaps.ingested_at, toDateTime64(after.received_at, 6, 'UTC')) AS ends
  FROM gaps
  LEFT JOIN neighbours AS before ON before.topic = gaps.topic AND before.source_epoch = gaps.source_epoch AND before.partition = gaps.partition
    AND before.offset + 1 = gaps.first_offset
  LEFT JOIN neighbours AS after ON after.topic = gaps.topic AND after.source_epoch = gaps.source_epoch AND after.partition = gaps.partition
    AND after.offset = gaps.last_offset + 1
  WHERE gaps.reason != 'control_or_aborted'
)
SELECT topic, toString(first) AS first_offset, toString(last) AS last_offset, reason,
  toUnixTimestamp64Micro(least(begins, ends)) AS from_us, toUnixTimestamp64Micro(greatest(begins, ends)) AS to_us
FROM lost
WHERE least(begins, ends) <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY topic, partition, first
LIMIT 10000`,
    params: { as_of: asOfMs },
    row: logGapRow,
  };
}
