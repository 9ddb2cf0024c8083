import type { Query } from '../query.ts';
import { EVENT_COLUMNS, eventRow } from './event-row.ts';
import type { EventRow } from './event-row.ts';

/**
 * Accepted dispositions that were received by a moment (milliseconds UTC), in the order of the log: of some exceptions,
 * or of all where none is named; at most `limit`.
 */
export function findDispositions(
  tenant: string,
  exceptions: readonly string[],
  asOfMs: number,
  limit: number,
): Query<EventRow> {
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND disposition = 'accepted' AND family = 'custody.self' AND type = 'exception.disposition'
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  AND (empty({exceptions:Array(String)}) OR has({exceptions:Array(String)}, JSONExtractString(facts, 'disposition', 'exception')))
ORDER BY events.ref
LIMIT {limit:UInt32}`,
    params: { tenant, exceptions, as_of: asOfMs, limit },
    row: eventRow,
  };
}
