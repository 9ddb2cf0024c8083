import type { Query } from '../query.ts';
import { EVENT_COLUMNS, eventRow } from './event-row.ts';
import type { EventRow } from './event-row.ts';

/** Accepted events by their places in the log, as decimal text. Those that are not there are left out. */
export function findEventsByRef(tenant: string, refs: readonly string[], asOfMs: number): Query<EventRow> {
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND events.ref IN {refs:Array(UInt64)} AND events.disposition = 'accepted'
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY events.ref`,
    params: { tenant, refs, as_of: asOfMs },
    row: eventRow,
  };
}

/**
 * Accepted events that name any of `keys`, begin any of `begun`, or stand at `refs`: all events of a chain in one query.
 * At most `perKey` events a key.
 */
export function findEventsNaming(
  tenant: string,
  wanted: { readonly keys: readonly string[]; readonly begun: readonly string[]; readonly refs: readonly string[] },
  asOfMs: number,
  perKey: number,
): Query<EventRow> {
  const named = (list: string, more: string): string => `SELECT event_keys.ref FROM event_keys
    WHERE event_keys.tenant = {tenant:String} AND key IN {${list}:Array(String)} AND event_keys.received_at <= fromUnixTimestamp64Milli({as_of:Int64}) ${more}
    LIMIT {per_key:UInt32} BY key`;
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND events.disposition = 'accepted' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  AND events.ref IN (
    ${named('keys', '')}
    UNION ALL ${named('begun', "AND role = 'creates'")}
    UNION ALL SELECT arrayJoin({refs:Array(UInt64)})
  )
ORDER BY events.ref`,
    params: { tenant, ...wanted, as_of: asOfMs, per_key: perKey },
    row: eventRow,
  };
}

/**
 * Accepted events of a family by the ids that people use. With `prefix` also those whose id goes on after the text
 * with ":" or "@": Kubernetes and Vault ids carry a stage and a time that people leave out.
 */
export function findEventsByName(
  tenant: string,
  family: string,
  nativeIds: readonly string[],
  asOfMs: number,
  prefix = false,
): Query<EventRow> {
  const match = prefix
    ? 'arrayExists(id -> startsWith(native_id, concat(id, {colon:String})) OR startsWith(native_id, concat(id, {at:String})), {ids:Array(String)})'
    : 'native_id IN {ids:Array(String)}';
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND family = {family:String} AND ${match} AND events.disposition = 'accepted'
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY events.ref
LIMIT 1000`,
    params: { tenant, family, ids: nativeIds, as_of: asOfMs, ...(prefix ? { colon: ':', at: '@' } : {}) },
    row: eventRow,
  };
}

/** Events by their logical identity (UUID): the accepted one and whatever came again, in the order of the log. */
export function findEventsById(tenant: string, eventId: string, asOfMs: number): Query<EventRow> {
  return {
    sql: `SELECT ${EVENT_COLUMNS}
FROM events
WHERE tenant = {tenant:String} AND events.event_id = {event_id:UUID} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY events.ref
LIMIT 1000`,
    params: { tenant, event_id: eventId, as_of: asOfMs },
    row: eventRow,
  };
}
