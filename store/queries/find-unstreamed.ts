import { z } from 'zod';
import type { Query } from '../query.ts';

const row = z.object({ native_id: z.string(), occurred_us: z.string().transform(Number) });
export type UnstreamedRow = z.output<typeof row>;

/**
 * GitLab audit events of an installation that its REST API told and its stream did not, by when they happened
 * (microseconds UTC, both ends included), oldest first, at most 1,000. What the REST API told after `told_by_ms` is left
 * out: the stream's copy may still be on its way.
 */
export function findUnstreamed(
  tenant: string,
  instance: string,
  from: number,
  to: number,
  toldByMs: number,
): Query<UnstreamedRow> {
  return {
    sql: `SELECT any(native_id) AS native_id, toUnixTimestamp64Micro(min(occurred_at)) AS occurred_us
FROM events
WHERE tenant = {tenant:String} AND family = 'gitlab.audit' AND instance = {instance:String}
  AND occurred_at BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})
GROUP BY event_id
HAVING countIf(source = 'gitlab.audit-rest') > 0 AND countIf(source = 'gitlab.audit-stream') = 0
  AND min(received_at) <= fromUnixTimestamp64Milli({told_by:Int64})
ORDER BY occurred_us, native_id
LIMIT 1000`,
    params: { tenant, instance, from, to, told_by: toldByMs },
    row,
  };
}
