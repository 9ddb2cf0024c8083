import { z } from 'zod';
import type { Query } from '../query.ts';

const actorRow = z.object({
  family: z.string(),
  instance: z.string(),
  actor_key: z.string(),
  actor_kind: z.string(),
  actor: z.string(),
  native_id: z.string(),
  first_us: z.coerce.number(),
  at_us: z.coerce.number(),
});
export type ActorRow = z.output<typeof actorRow>;

/**
 * Accounts that acted in `[from, to)`, microseconds UTC, each once a source: its first event in the period, and when it was
 * first seen at all. Only accepted events that were received by then count.
 */
export function findActors(tenant: string, fromUs: number, toUs: number, asOfMs: number): Query<ActorRow> {
  return {
    sql: `SELECT family, instance, actor_key,
  argMinIf(actor_kind, (occurred_at, ref), inside) AS actor_kind, argMinIf(actor, (occurred_at, ref), inside) AS actor,
  argMinIf(native_id, (occurred_at, ref), inside) AS native_id,
  toUnixTimestamp64Micro(min(occurred_at)) AS first_us, toUnixTimestamp64Micro(minIf(occurred_at, inside)) AS at_us
FROM
(
  SELECT family, instance, actor_key, actor_kind, actor, native_id, occurred_at, ref,
    occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AS inside
  FROM events
  WHERE tenant = {tenant:String} AND disposition = 'accepted' AND actor_key != ''
    AND occurred_at < fromUnixTimestamp64Micro({to:Int64}) AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
)
GROUP BY family, instance, actor_key
HAVING countIf(inside) > 0
ORDER BY family, instance, actor_key`,
    params: { tenant, from: fromUs, to: toUs, as_of: asOfMs },
    row: actorRow,
  };
}
