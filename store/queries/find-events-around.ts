import type { Query } from '../query.ts';
import { EVENT_COLUMNS, eventRow } from './event-row.ts';
import type { EventRow } from './event-row.ts';

/** Accepted events of `[fromUs, toUs]`, microseconds UTC, that name one of the keys; the first `perKey` of each key. */
export function findEventsAround(
  tenant: string,
  keys: readonly string[],
  span: { readonly fromUs: number; readonly toUs: number },
  asOfMs: number,
  perKey: number,
): Query<EventRow> {
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND events.disposition = 'accepted' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  AND events.ref IN (
    SELECT event_keys.ref FROM event_keys
    WHERE event_keys.tenant = {tenant:String} AND key IN {keys:Array(String)}
      AND event_keys.occurred_at >= fromUnixTimestamp64Micro({from_us:Int64}) AND event_keys.occurred_at <= fromUnixTimestamp64Micro({to_us:Int64})
      AND event_keys.received_at <= fromUnixTimestamp64Milli({as_of:Int64})
    ORDER BY key, event_keys.occurred_at, event_keys.ref
    LIMIT {per_key:UInt32} BY key
  )
ORDER BY events.ref`,
    params: { tenant, keys, from_us: span.fromUs, to_us: span.toUs, as_of: asOfMs, per_key: perKey },
    row: eventRow,
  };
}
