import { z } from 'zod';
import { CONFIDENCES, KEY_ROLES } from '../../model/event.ts';
import type { Query } from '../query.ts';

/** A row of `event_keys`. */
export const nameRow = z.object({
  key: z.string(),
  class: z.enum(['chain', 'session', 'hub']),
  role: z.enum(KEY_ROLES),
  confidence: z.enum(CONFIDENCES),
  field: z.string(),
  ref: z.string(),
});
export type NameRow = z.output<typeof nameRow>;

/**
 * Which events name the given keys, received by `asOfMs` (milliseconds UTC), oldest first, at most `perKey` a key.
 * With `births` only events that begin the key: of a browser session the login, not a day's work.
 */
export function findNames(
  tenant: string,
  keys: readonly string[],
  asOfMs: number,
  options: { readonly perKey: number; readonly births: boolean },
): Query<NameRow> {
  return {
    sql: `SELECT key, toString(class) AS class, role, toString(confidence) AS confidence, field, toString(ref) AS ref
FROM event_keys
WHERE tenant = {tenant:String} AND key IN {keys:Array(String)} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  ${options.births ? "AND role = 'creates'" : ''}
ORDER BY tenant, key, occurred_at, event_keys.ref, role
LIMIT {per_key:UInt32} BY key`,
    params: { tenant, keys, as_of: asOfMs, per_key: options.perKey },
    row: nameRow,
  };
}
