import type { Query } from '../query.ts';
import { EVENT_COLUMNS, eventRow } from './event-row.ts';
import type { EventRow } from './event-row.ts';

/** Accepted events of some actions that happened in `[from, to)`, microseconds UTC, and were received by then, in the order of the log. */
export function findActionEvents(
  tenant: string,
  actions: readonly string[],
  fromUs: number,
  toUs: number,
  asOfMs: number,
): Query<EventRow> {
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND disposition = 'accepted' AND action IN {actions:Array(String)}
  AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY events.ref`,
    params: { tenant, actions, from: fromUs, to: toUs, as_of: asOfMs },
    row: eventRow,
  };
}
