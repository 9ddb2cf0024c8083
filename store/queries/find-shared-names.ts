import { z } from 'zod';
import type { Query } from '../query.ts';

/** Which of the given keys more than one event names, of events received by `asOfMs` (milliseconds UTC). */
export function findSharedNames(tenant: string, keys: readonly string[], asOfMs: number): Query<{ key: string }> {
  return {
    sql: `SELECT key
FROM event_keys
WHERE tenant = {tenant:String} AND key IN {keys:Array(String)} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
GROUP BY key
HAVING uniqExact(ref) > 1
ORDER BY key`,
    params: { tenant, keys, as_of: asOfMs },
    row: z.object({ key: z.string() }),
  };
}
