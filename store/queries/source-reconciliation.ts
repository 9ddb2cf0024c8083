import { z } from 'zod';
import type { Query } from '../query.ts';

const count = z.string().transform(Number);

const gapRow = z.object({
  family: z.string(),
  instance: z.string(),
  missing: count,
  from_us: count,
  to_us: count,
  example: z.string(),
});
export type UnstreamedRow = z.output<typeof gapRow>;

const totalRow = z.object({
  family: z.string(),
  instance: z.string(),
  saved: count,
  confirmed: count,
  pending: count,
  until_us: count,
});
export type ReconciledRow = z.output<typeof totalRow>;

/** A source that is compared with a second pull: the name of the pull, and how late the stream may be, seconds. */
export interface ReconciledSource {
  readonly id: string;
  readonly pull: string;
  readonly latenessS: number;
}

// Both ways give one event the same identity, so what came twice stands twice in `events` and once here. What was saved
// before the stream first spoke is history that nobody promised to stream.
const SAVED = `SELECT family, instance, id, example, at, streamed, pending
FROM
(
  SELECT *, countIf(streamed) OVER (PARTITION BY family, instance) AS spoke,
    minIf(at, streamed) OVER (PARTITION BY family, instance) AS begun
  FROM
  (
    SELECT family, instance, event_id AS id, any(native_id) AS example, min(occurred_at) AS at,
      countIf(source != pull) > 0 AS streamed, countIf(source = pull) > 0 AS saved,
      at + toIntervalSecond(any(lateness)) > fromUnixTimestamp64Milli({as_of:Int64}) AND NOT streamed AS pending
    FROM
    (
      SELECT family, instance, event_id, native_id, occurred_at, source,
        indexOf({sources:Array(String)}, concat(family, ' ', instance)) AS place,
        arrayElement({pulls:Array(String)}, place) AS pull, arrayElement({lateness:Array(UInt32)}, place) AS lateness
      FROM events
      WHERE tenant = {tenant:String} AND concat(family, ' ', instance) IN {sources:Array(String)}
        AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
    )
    GROUP BY family, instance, id
  )
)
WHERE saved AND (spoke = 0 OR at >= begun)`;

function paramsOf(tenant: string, sources: readonly ReconciledSource[], asOfMs: number): Query<unknown>['params'] {
  return {
    tenant,
    sources: sources.map(({ id }) => id),
    pulls: sources.map(({ pull }) => pull),
    lateness: sources.map(({ latenessS }) => String(latenessS)),
    as_of: asOfMs,
  };
}

/** Saved events that were never streamed, those that follow one another as one stretch. */
export function findUnstreamed(
  tenant: string,
  sources: readonly ReconciledSource[],
  asOfMs: number,
): Query<UnstreamedRow> {
  return {
    sql: `SELECT family, instance, toString(count()) AS missing, toUnixTimestamp64Micro(min(at)) AS from_us, toUnixTimestamp64Micro(max(at)) AS to_us,
  argMin(example, (at, id)) AS example
FROM
(
  SELECT family, instance, id, example, at, streamed, pending,
    countIf(streamed) OVER (PARTITION BY family, instance ORDER BY at, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stretch
  FROM (${SAVED})
)
WHERE NOT streamed AND NOT pending
GROUP BY family, instance, stretch
ORDER BY family, instance, from_us
LIMIT 10000`,
    params: paramsOf(tenant, sources, asOfMs),
    row: gapRow,
  };
}

/** How many events were saved, how many of them were streamed too, and until when they were compared. */
export function countReconciled(
  tenant: string,
  sources: readonly ReconciledSource[],
  asOfMs: number,
): Query<ReconciledRow> {
  return {
    sql: `SELECT family, instance, toString(count()) AS saved, toString(countIf(streamed)) AS confirmed, toString(countIf(pending)) AS pending,
  toUnixTimestamp64Micro(max(at)) AS until_us
FROM (${SAVED})
GROUP BY family, instance
ORDER BY family, instance`,
    params: paramsOf(tenant, sources, asOfMs),
    row: totalRow,
  };
}
