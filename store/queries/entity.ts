import { z } from 'zod';
import { CONFIDENCES, KEY_ROLES, RELATIONS } from '../../model/event.ts';
import type { Query } from '../query.ts';

const number = z.string().transform(Number);

/** How events name a key, counted by role. */
const usageRow = z.object({
  role: z.enum(KEY_ROLES),
  class: z.enum(['chain', 'session', 'hub']),
  events: number,
  first_us: number,
  last_us: number,
});
export type UsageRow = z.output<typeof usageRow>;

/** How often, as what, and between which times a key is named by events received by `asOfMs`. */
export function countUsage(tenant: string, key: string, asOfMs: number): Query<UsageRow> {
  return {
    sql: `SELECT role, toString(class) AS class, uniqExact(ref) AS events, toUnixTimestamp64Micro(min(occurred_at)) AS first_us,
  toUnixTimestamp64Micro(max(occurred_at)) AS last_us
FROM event_keys
WHERE tenant = {tenant:String} AND key = {key:String} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
GROUP BY role, class
ORDER BY role`,
    params: { tenant, key, as_of: asOfMs },
    row: usageRow,
  };
}

const neighbourRow = z.object({
  direction: z.enum(['down', 'up']),
  other: z.string(),
  relation: z.enum(RELATIONS),
  confidence: z.enum(CONFIDENCES),
  rule: z.string(),
  events: number,
});
export type NeighbourRow = z.output<typeof neighbourRow>;

/** What a key is linked to, each link once, at most `limit`. */
export function findNeighbours(tenant: string, key: string, asOfMs: number, limit: number): Query<NeighbourRow> {
  return {
    sql: `SELECT toString(edges.direction) AS direction, other, relation, toString(min(edges.confidence)) AS confidence, any(rule) AS rule, uniqExact(ref) AS events
FROM edges
WHERE tenant = {tenant:String} AND key = {key:String} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
GROUP BY edges.direction, other, relation
ORDER BY edges.direction, other, relation
LIMIT {row_limit:UInt32}`,
    params: { tenant, key, as_of: asOfMs, row_limit: limit },
    row: neighbourRow,
  };
}
