import { z } from 'zod';
import type { Query } from '../query.ts';

const row = z.object({ kind: z.string(), configuration: z.string() });

/** The last configuration of each kind that the own log tells of, as the JSON of its facts. */
export function findLastConfigurations(tenant: string): Query<z.output<typeof row>> {
  return {
    sql: `SELECT kind, argMax(configuration, (occurred_at, ref)) AS configuration
FROM
(
  SELECT JSONExtractString(facts, 'configuration', 'kind') AS kind, JSONExtractRaw(facts, 'configuration') AS configuration, occurred_at, ref
  FROM events
  WHERE tenant = {tenant:String} AND disposition = 'accepted' AND family = 'custody.self' AND action = 'config.change'
)
WHERE kind != ''
GROUP BY kind
ORDER BY kind`,
    params: { tenant },
    row,
  };
}
