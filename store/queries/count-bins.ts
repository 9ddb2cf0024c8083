import { z } from 'zod';
import type { Query } from '../query.ts';
import { compileConditions } from './find-timeline.ts';
import type { TimelineRequest } from './find-timeline.ts';

const binRow = z.object({ bin: z.string().transform(Number), events: z.string().transform(Number) });
export type BinRow = z.output<typeof binRow>;

/**
 * How many accepted events a list of a period would hold, by bins of `widthUs` microseconds: bin n begins at n times the
 * width. Empty bins are left out. At most 2,000,000 bins.
 */
export function countBins(request: Omit<TimelineRequest, 'after' | 'limit'>, widthUs: number): Query<BinRow> {
  const { sql, params } = compileConditions(request.tenant, request.conditions, 'c');
  return {
    sql: `SELECT intDiv(toUnixTimestamp64Micro(occurred_at), {width_us:Int64}) AS bin, count() AS events
FROM events
WHERE tenant = {tenant:String} AND events.disposition = 'accepted'
  AND occurred_at >= fromUnixTimestamp64Micro({from_us:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to_us:Int64})
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  AND ${sql}
GROUP BY bin
ORDER BY bin
LIMIT 2000000`,
    params: {
      ...params,
      tenant: request.tenant,
      from_us: request.fromUs,
      to_us: request.toUs,
      as_of: request.asOfMs,
      width_us: widthUs,
    },
    row: binRow,
  };
}
