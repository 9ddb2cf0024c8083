import { z } from 'zod';
import type { Query } from '../query.ts';

const dayRow = z.object({
  family: z.string(),
  instance: z.string(),
  day: z.string(),
  events: z.string().transform(Number),
});
export type DayRow = z.output<typeof dayRow>;

/** Accepted events of each installation by day (UTC) of `[from, to)`, microseconds UTC, received by then. */
export function countEventDays(tenant: string, fromUs: number, toUs: number, asOfMs: number): Query<DayRow> {
  return {
    sql: `SELECT family, instance, toString(toDate(occurred_at, 'UTC')) AS day, count() AS events
FROM events
WHERE tenant = {tenant:String} AND disposition = 'accepted'
  AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
GROUP BY family, instance, day
ORDER BY family, instance, day`,
    params: { tenant, from: fromUs, to: toUs, as_of: asOfMs },
    row: dayRow,
  };
}
