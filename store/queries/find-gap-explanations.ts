import type { Query } from '../query.ts';
import { EVENT_COLUMNS, eventRow } from './event-row.ts';
import type { EventRow } from './event-row.ts';

/**
 * What was accepted by a moment (milliseconds UTC) of what people said of gaps, in the order of the log: of some gaps, by
 * their ids; at most `limit`.
 */
export function findGapExplanations(
  tenant: string,
  gaps: readonly string[],
  asOfMs: number,
  limit: number,
): Query<EventRow> {
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND disposition = 'accepted' AND family = 'custody.self' AND type = 'gap.explanation'
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  AND has({gaps:Array(String)}, JSONExtractString(facts, 'gap_explanation', 'gap', 'id'))
ORDER BY events.ref
LIMIT {limit:UInt32}`,
    params: { tenant, gaps, as_of: asOfMs, limit },
    row: eventRow,
  };
}
