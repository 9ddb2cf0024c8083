import { z } from 'zod';
import type { Query } from '../query.ts';

const partyRow = z.object({
  party: z.string(),
  events: z.string().transform(Number),
  first_us: z.string().transform(Number),
  last_us: z.string().transform(Number),
  event: z.string(),
});
export type PartyRow = z.output<typeof partyRow>;

/**
 * The distinct parties of accepted events, each as the JSON in which the worker wrote it: an actor by itself, the others
 * (`{onBehalfOf, actChain, initiator}`) together. How often, first and last (microseconds UTC), and the name of the first
 * event. In order of the text; at most `limit`.
 */
export function findParties(tenant: string, asOfMs: number, limit: number): Query<PartyRow> {
  const group = (column: 'actor' | 'parties', more: string): string => `SELECT ${column} AS party, count() AS events,
    toUnixTimestamp64Micro(min(occurred_at)) AS first_us, toUnixTimestamp64Micro(max(occurred_at)) AS last_us,
    argMin(concat('event:', family, '/', native_id), (occurred_at, events.ref)) AS event
  FROM events
  WHERE tenant = {tenant:String} AND disposition = 'accepted' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64}) AND ${more}
  GROUP BY party`;
  return {
    sql: `SELECT party, events, first_us, last_us, event
FROM (
  ${group('actor', "actor_key != ''")}
  UNION ALL
  ${group('parties', "parties != ''")}
)
ORDER BY party, event
LIMIT {row_limit:UInt32}`,
    params: { tenant, as_of: asOfMs, row_limit: limit },
    row: partyRow,
  };
}
