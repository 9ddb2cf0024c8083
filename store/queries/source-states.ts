import { z } from 'zod';
import type { Query } from '../query.ts';

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

/** Events of each installation by how they ended, with the first and last time that they name. */
export function countArrivals(tenant: string, asOfMs: number): Query<ArrivalRow> {
  return {
    sql: `SELECT family, instance, toString(disposition) AS disposition, count() AS events,
  toUnixTimestamp64Micro(min(occurred_at)) AS first_us, toUnixTimestamp64Micro(max(occurred_at)) AS last_us,
  toUnixTimestamp64Milli(max(received_at)) AS received_ms
FROM events
WHERE tenant = {tenant:String} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
GROUP BY family, instance, disposition
ORDER BY family, instance, disposition`,
    params: { tenant, as_of: asOfMs },
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

/** Records that no event came of, by reason. */
export function countRejections(tenant: string, asOfMs: number): Query<RejectionRow> {
  return {
    sql: `SELECT topic AS family, instance, reason, count() AS records, toUnixTimestamp64Milli(max(received_at)) AS received_ms
FROM records
WHERE tenant = {tenant:String} AND status = 'rejected' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
GROUP BY family, instance, reason
ORDER BY family, instance, reason`,
    params: { tenant, as_of: asOfMs },
    row: rejectionRow,
  };
}

const holeRow = z.object({
  family: z.string(),
  instance: z.string(),
  previous: z.string(),
  next: z.string(),
  from_us: count,
  to_us: count,
});
export type HoleRow = z.output<typeof holeRow>;

/**
 * Where the counter of a source goes on with more than the next number: what it sent in between never came. The first
 * number seen of each installation stands as a row with the previous number 0.
 */
export function findSequenceHoles(tenant: string, asOfMs: number): Query<HoleRow> {
  return {
    sql: `SELECT family, instance, toString(before) AS previous, toString(number) AS next,
  toUnixTimestamp64Micro(if(before = 0, at, before_at)) AS from_us, toUnixTimestamp64Micro(at) AS to_us
FROM
(
  SELECT family, instance, number, at,
    lagInFrame(number) OVER (PARTITION BY family, instance ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before,
    lagInFrame(at) OVER (PARTITION BY family, instance ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before_at
  FROM
  (
    SELECT family, instance, assumeNotNull(toUInt64OrNull(sequence)) AS number, min(occurred_at) AS at
    FROM events
    WHERE tenant = {tenant:String} AND toUInt64OrNull(sequence) > 0
      AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
    GROUP BY family, instance, number
  )
)
WHERE before = 0 OR number > before + 1
ORDER BY family, instance, number
LIMIT 100000`,
    params: { tenant, as_of: asOfMs },
    row: holeRow,
  };
}

const silenceRow = z.object({ family: z.string(), instance: z.string(), from_us: count, to_us: count });
export type SilenceRow = z.output<typeof silenceRow>;

/** Stretches longer than `seconds` in which an installation said nothing, between two of its accepted events. */
export function findSilences(
  tenant: string,
  family: string,
  instance: string,
  seconds: number,
  asOfMs: number,
): Query<SilenceRow> {
  return {
    sql: `SELECT family, instance, toUnixTimestamp64Micro(previous) AS from_us, toUnixTimestamp64Micro(at) AS to_us
FROM
(
  SELECT family, instance, at, row_number() OVER (ORDER BY at) AS place,
    lagInFrame(at) OVER (ORDER BY at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS previous
  FROM
  (
    SELECT family, instance, occurred_at AS at
    FROM events
    WHERE tenant = {tenant:String} AND family = {family:String} AND instance = {instance:String} AND events.disposition = 'accepted'
      AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  )
)
WHERE place > 1 AND dateDiff('second', previous, at) > {seconds:UInt32}
ORDER BY at
LIMIT 10000`,
    params: { tenant, family, instance, seconds, as_of: asOfMs },
    row: silenceRow,
  };
}

const logGapRow = z.object({
  topic: z.string(),
  first_offset: z.string(),
  last_offset: z.string(),
  reason: z.string(),
  at_us: count,
});
export type LogGapRow = z.output<typeof logGapRow>;

/** Offsets that the log skipped, each with its reason (reliability.md 1.5). */
export function findLogGaps(): Query<LogGapRow> {
  return {
    sql: `SELECT topic, toString(first_offset) AS first_offset, toString(last_offset) AS last_offset, reason,
  toUnixTimestamp64Micro(ingested_at) AS at_us
FROM gaps
ORDER BY topic, partition, gaps.first_offset
LIMIT 10000`,
    params: {},
    row: logGapRow,
  };
}
