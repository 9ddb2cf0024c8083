import type { Query } from '../query.ts';
import { EVENT_COLUMNS, eventRow } from './event-row.ts';
import type { EventRow } from './event-row.ts';

/** Finished jobs of some names that ended in `[from, to)`, microseconds UTC, received by then: the checks of commits. */
export function findCheckJobs(
  tenant: string,
  names: readonly string[],
  fromUs: number,
  toUs: number,
  asOfMs: number,
): Query<EventRow> {
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND disposition = 'accepted' AND action = 'job.finish'
  AND JSONExtractString(facts, 'job', 'name') IN {names:Array(String)}
  AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY events.ref`,
    params: { tenant, names, from: fromUs, to: toUs, as_of: asOfMs },
    row: eventRow,
  };
}
