import { z } from 'zod';
import type { Query } from '../query.ts';

const count = z.string().transform(Number);

const silenceRow = z.object({ family: z.string(), instance: z.string(), from_us: count, to_us: count });
export type SilenceRow = z.output<typeof silenceRow>;

/** A source by family and installation, and the silence that it may keep, seconds. */
export interface PacedSource {
  readonly id: string;
  readonly seconds: number;
}

/** Stretches longer than its interval in which an installation said nothing, between two of its accepted events. */
export function findSilences(tenant: string, sources: readonly PacedSource[], asOfMs: number): Query<SilenceRow> {
  return {
    sql: `SELECT family, instance, toUnixTimestamp64Micro(previous) AS from_us, toUnixTimestamp64Micro(at) AS to_us
FROM
(
  SELECT family, instance, at, row_number() OVER (PARTITION BY family, instance ORDER BY at) AS place,
    lagInFrame(at) OVER (PARTITION BY family, instance ORDER BY at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS previous
  FROM
  (
    SELECT family, instance, occurred_at AS at
    FROM events
    WHERE tenant = {tenant:String} AND concat(family, ' ', instance) IN {sources:Array(String)} AND events.disposition = 'accepted'
      AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  )
)
WHERE place > 1
  AND dateDiff('second', previous, at) > toUInt32(arrayElement({seconds:Array(UInt32)}, indexOf({sources:Array(String)}, concat(family, ' ', instance))))
ORDER BY family, instance, at
LIMIT 10000`,
    params: {
      tenant,
      sources: sources.map(({ id }) => id),
      seconds: sources.map(({ seconds }) => String(seconds)),
      as_of: asOfMs,
    },
    row: silenceRow,
  };
}

const lastRow = z.object({ family: z.string(), instance: z.string(), last_us: count });
export type LastRow = z.output<typeof lastRow>;

/** When the last accepted event of each source happened. */
export function findLastEvents(tenant: string, asOfMs: number): Query<LastRow> {
  return {
    sql: `SELECT family, instance, toUnixTimestamp64Micro(max(occurred_at)) AS last_us
FROM events
WHERE tenant = {tenant:String} AND disposition = 'accepted' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
GROUP BY family, instance
ORDER BY family, instance`,
    params: { tenant, as_of: asOfMs },
    row: lastRow,
  };
}

const rhythmRow = z.object({
  family: z.string(),
  instance: z.string(),
  stretches: count,
  usual_s: count,
  longest_s: count,
  longest_from_us: count,
  unusual: count,
});
export type RhythmRow = z.output<typeof rhythmRow>;

/** A silence is unusual that lasts an hour and ten times as long as 99 of 100 silences of its source. */
const UNUSUAL_S = 3_600;
const UNUSUAL_TIMES = 10;

/**
 * How steadily each source speaks in `[fromUs, toUs)`: 99 of 100 silences last at most `usual_s`. By minutes in which it
 * said something, so that a busy source costs no more than a quiet one; silences are exact to a minute.
 */
export function findRhythms(tenant: string, fromUs: number, toUs: number, asOfMs: number): Query<RhythmRow> {
  return {
    sql: `SELECT family, instance, toString(count()) AS stretches, toString(any(usual)) AS usual_s, toString(max(silence)) AS longest_s,
  toUnixTimestamp64Micro(argMax(previous, silence)) AS longest_from_us,
  toString(countIf(silence >= ${UNUSUAL_S} AND silence >= ${UNUSUAL_TIMES} * usual)) AS unusual
FROM
(
  SELECT family, instance, previous, last, dateDiff('second', previous, first) AS silence,
    quantileExact(0.99)(silence) OVER (PARTITION BY family, instance) AS usual
  FROM
  (
    SELECT family, instance, first, last, row_number() OVER (PARTITION BY family, instance ORDER BY minute) AS place,
      lagInFrame(last) OVER (PARTITION BY family, instance ORDER BY minute ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS previous
    FROM
    (
      SELECT family, instance, toStartOfMinute(occurred_at) AS minute, min(occurred_at) AS first, max(occurred_at) AS last
      FROM events
      WHERE tenant = {tenant:String} AND disposition = 'accepted'
        AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
        AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
      GROUP BY family, instance, minute
    )
  )
  WHERE place > 1
)
GROUP BY family, instance
ORDER BY family, instance`,
    params: { tenant, from: fromUs, to: toUs, as_of: asOfMs },
    row: rhythmRow,
  };
}

const latenessRow = z.object({
  family: z.string(),
  instance: z.string(),
  events: count,
  percentiles_s: z.array(z.number()),
  max_ms: count,
});
export type LatenessRow = z.output<typeof latenessRow>;

/**
 * How long after it happened each source's accepted events of `[fromUs, toUs)` arrived. A sketch with an error of 1 %
 * that is the same in whatever order the engine reads, so that the same question has the same answer.
 */
export function findLateness(tenant: string, fromUs: number, toUs: number, asOfMs: number): Query<LatenessRow> {
  return {
    sql: `SELECT family, instance, toString(count()) AS events,
  arrayMap(level -> round(level / 1000, 1), quantilesDD(0.01, 0.5, 0.95, 0.99)(toFloat64(late))) AS percentiles_s, toString(max(late)) AS max_ms
FROM
(
  SELECT family, instance, greatest(0, dateDiff('millisecond', occurred_at, received_at)) AS late
  FROM events
  WHERE tenant = {tenant:String} AND disposition = 'accepted'
    AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
    AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
)
GROUP BY family, instance
ORDER BY family, instance`,
    params: { tenant, from: fromUs, to: toUs, as_of: asOfMs },
    row: latenessRow,
  };
}
