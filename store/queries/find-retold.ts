import { z } from 'zod';
import type { Query } from '../query.ts';

const retoldRow = z.object({ native_id: z.string(), first_ref: z.string() });
export type RetoldRow = z.output<typeof retoldRow>;

/**
 * Of a family, ids under which an event was told again in another form of its source: each with the place in the log of the
 * event that is counted, as decimal text. At most one a form.
 */
export function findRetold(
  tenant: string,
  family: string,
  nativeIds: readonly string[],
  asOfMs: number,
): Query<RetoldRow> {
  return {
    sql: `SELECT DISTINCT native_id, toString(first_ref) AS first_ref
FROM events
WHERE tenant = {tenant:String} AND family = {family:String} AND native_id IN {ids:Array(String)} AND events.disposition = 'duplicate'
  AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY native_id, first_ref
LIMIT 1000`,
    params: { tenant, family, ids: nativeIds, as_of: asOfMs },
    row: retoldRow,
  };
}
