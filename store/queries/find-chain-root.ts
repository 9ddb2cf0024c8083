import { z } from 'zod';
import type { Query } from '../query.ts';

/** Kinds of key that a chain can begin with. Each is a range of the table, so that only those are hashed. */
const ROOTS = [
  'access-request:',
  'hoop:review:',
  'gitlab:pipeline:',
  'gitlab:job:',
  'token:',
  'aws:accesskey:',
  'aws:session:',
  'vault:',
  'k8s:',
  'hoop:session:',
  'okta:txn:',
];

/** The key whose chain has this id (query/chains/build-chain.ts, chainIdOf). Scans the keys of the root kinds. */
export function findChainRoot(tenant: string, id: string, asOfMs: number): Query<{ key: string }> {
  return {
    sql: `SELECT key
FROM
(
  SELECT DISTINCT key
  FROM event_keys
  WHERE tenant = {tenant:String} AND class = 'chain' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
    AND (${ROOTS.map((_, index) => `startsWith(key, {root_${index}:String})`).join(' OR ')})
)
WHERE lower(hex(substring(SHA256(concat({tenant:String}, char(0), key)), 1, 16))) = {id:String}
LIMIT 1`,
    params: { tenant, id, as_of: asOfMs, ...Object.fromEntries(ROOTS.map((root, index) => [`root_${index}`, root])) },
    row: z.object({ key: z.string() }),
  };
}
