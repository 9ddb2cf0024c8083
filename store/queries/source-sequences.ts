import { z } from 'zod';
import type { Query } from '../query.ts';

const count = z.string().transform(Number);

const holeRow = z.object({
  family: z.string(),
  instance: z.string(),
  /** Which run of the counter, from 0; it began anew before every other. */
  run: z.string().transform(Number),
  previous: z.string(),
  next: z.string(),
  from_us: count,
  to_us: count,
});
export type HoleRow = z.output<typeof holeRow>;

const runRow = z.object({
  family: z.string(),
  instance: z.string(),
  run: z.string().transform(Number),
  first: z.string(),
  last: z.string(),
  first_us: count,
  last_us: count,
  received: count,
  repeated: z.array(z.string()),
});
export type RunRow = z.output<typeof runRow>;

// A counter that falls by more than this, and stays there, began anew. Less is two writers of one source whose clocks
// differ by moments.
const FALL = 1_000;
const MAX_REPEATED = 1_000;

/**
 * The numbers of each source in `sources` (family, blank, installation) with the run of the counter that they belong to.
 * By the source's own time, since arrivals are out of order; an event that came twice counts once, two events of one
 * number are a repetition.
 */
const NUMBERS = `SELECT family, instance, run, number, min(at) AS at, count() AS copies
FROM
(
  SELECT family, instance, number, at,
    countIf(before > number AND before - number > ${FALL} AND (following = 0 OR following < before))
      OVER (PARTITION BY family, instance ORDER BY at, number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM
  (
    SELECT family, instance, number, at,
      lagInFrame(number) OVER (PARTITION BY family, instance ORDER BY at, number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before,
      leadInFrame(number) OVER (PARTITION BY family, instance ORDER BY at, number ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS following
    FROM
    (
      SELECT family, instance, assumeNotNull(toUInt64OrNull(sequence)) AS number, min(occurred_at) AS at
      FROM events
      WHERE tenant = {tenant:String} AND toUInt64OrNull(sequence) > 0 AND concat(family, ' ', instance) IN {sources:Array(String)}
        AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
      GROUP BY family, instance, number, event_id
    )
  )
)
GROUP BY family, instance, run, number`;

/**
 * Where the counter of a source goes on with more than the next number: what it sent in between never came. The first
 * number of each run stands as a row with the previous number 0.
 */
export function findSequenceHoles(tenant: string, sources: readonly string[], asOfMs: number): Query<HoleRow> {
  return {
    sql: `SELECT family, instance, toString(run) AS run, toString(before) AS previous, toString(number) AS next,
  toUnixTimestamp64Micro(if(before = 0, at, before_at)) AS from_us, toUnixTimestamp64Micro(at) AS to_us
FROM
(
  SELECT family, instance, run, number, at,
    lagInFrame(number) OVER (PARTITION BY family, instance, run ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before,
    lagInFrame(at) OVER (PARTITION BY family, instance, run ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before_at
  FROM (${NUMBERS})
) AS numbers
WHERE before = 0 OR number > before + 1
ORDER BY family, instance, numbers.run, number
LIMIT 100000`,
    params: { tenant, sources, as_of: asOfMs },
    row: holeRow,
  };
}

/** Each run of a counter: its ends, how many numbers came, and those that stand on more than one event (at most 1,000). */
export function findSequenceRuns(tenant: string, sources: readonly string[], asOfMs: number): Query<RunRow> {
  return {
    sql: `SELECT family, instance, toString(numbers.run) AS run, toString(min(number)) AS first, toString(max(number)) AS last,
  toUnixTimestamp64Micro(min(at)) AS first_us, toUnixTimestamp64Micro(max(at)) AS last_us, toString(count()) AS received,
  arrayMap(repeat -> toString(repeat), arraySort(groupArrayIf(${MAX_REPEATED})(number, copies > 1))) AS repeated
FROM (${NUMBERS}) AS numbers
GROUP BY family, instance, numbers.run
ORDER BY family, instance, numbers.run
LIMIT 10000`,
    params: { tenant, sources, as_of: asOfMs },
    row: runRow,
  };
}
