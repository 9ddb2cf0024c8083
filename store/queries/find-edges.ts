import { z } from 'zod';
import { CONFIDENCES, RELATIONS } from '../../model/event.ts';
import type { Query } from '../query.ts';

const keyClass = z.enum(['chain', 'session', 'hub']);

/** A row of `edges`: the edge as it is seen from `key`. */
export const edgeRow = z.object({
  key: z.string(),
  direction: z.enum(['down', 'up']),
  other: z.string(),
  other_class: keyClass,
  relation: z.enum(RELATIONS),
  confidence: z.enum(CONFIDENCES),
  rule: z.string(),
  principal: z.string(),
  ref: z.string(),
  occurred_us: z.string().transform(Number),
});
export type EdgeRow = z.output<typeof edgeRow>;

/**
 * All edges at the given keys, both up and down, of events received by `asOfMs` (milliseconds UTC): a whole frontier of
 * the walk in one query. At most `perKey` rows for each key and direction, so that a key that is no flow at all cannot
 * fill the memory; who gets that many knows that there are more.
 */
export function findEdges(tenant: string, keys: readonly string[], asOfMs: number, perKey: number): Query<EdgeRow> {
  return {
    sql: `SELECT key, toString(direction) AS direction, other, toString(other_class) AS other_class, relation,
  toString(confidence) AS confidence, rule, principal, toString(ref) AS ref, toString(toUnixTimestamp64Micro(occurred_at)) AS occurred_us
FROM edges
WHERE tenant = {tenant:String} AND key IN {keys:Array(String)} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY tenant, key, direction, other, relation, ref
LIMIT {per_key:UInt32} BY key, direction`,
    params: { tenant, keys, as_of: asOfMs, per_key: perKey },
    row: edgeRow,
  };
}
