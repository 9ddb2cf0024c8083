import { z } from 'zod';
import { EXCEPTION_DOMAIN } from '../../model/exception-id.ts';
import type { Query } from '../query.ts';

const row = z.object({
  id: z.string(),
  test: z.string(),
  attribute: z.string(),
  item: z.string(),
  at_us: z.coerce.number(),
  finding: z.string(),
  evidence: z.array(z.string()),
});
export type ExceptionRow = z.output<typeof row>;

/** Which exceptions are asked for; what is left out does not narrow it. Moments are microseconds UTC, `[from, to)`. */
export interface ExceptionFilter {
  readonly id?: string;
  readonly tests?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  /** Only checks that were kept by then. */
  readonly keptBy?: number;
  /** Only what comes behind this one in the order of moment and id. */
  readonly after?: { readonly us: number; readonly id: string };
}

/**
 * Exceptions that kept checks found, each once with what the last of them says of it, by moment and id. An item counts
 * only where the row of its run is there: a check that was cut off has none.
 */
export function findExceptions(tenant: string, filter: ExceptionFilter, limit: number): Query<ExceptionRow> {
  const { id, tests = [], from = 0, to = FAR, keptBy = FAR, after } = filter;
  return {
    sql: `SELECT concat(test, '-', lower(left(hex(SHA256(concat({domain:String}, '\\n', {tenant:String}, '\\n', test, '\\n', attribute, '\\n',
    toString(at_us), '\\n', item))), 24))) AS id, test, attribute, item, at_us, finding, evidence
FROM
(
  SELECT i.test AS test, i.attribute AS attribute, i.item AS item, toUnixTimestamp64Micro(i.at) AS at_us,
    argMax(i.finding, (r.kept, r.run)) AS finding, argMax(i.evidence, (r.kept, r.run)) AS evidence
  FROM check_items AS i
  INNER JOIN
  (
    SELECT items_run AS run, test, max(created_at) AS kept FROM check_runs
    WHERE tenant = {tenant:String} AND created_at <= fromUnixTimestamp64Micro({kept_by:Int64})
    GROUP BY items_run, test
  ) AS r ON i.run = r.run AND i.test = r.test
  WHERE i.tenant = {tenant:String} AND i.verdict = 'exception' AND (empty({tests:Array(String)}) OR has({tests:Array(String)}, i.test))
    AND i.at >= fromUnixTimestamp64Micro({from:Int64}) AND i.at < fromUnixTimestamp64Micro({to:Int64})
  GROUP BY i.test, i.attribute, i.item, i.at
)
WHERE ({id:String} = '' OR id = {id:String}) AND (at_us, id) > ({after_us:Int64}, {after_id:String})
ORDER BY at_us, id
LIMIT {limit:UInt32}`,
    params: {
      tenant,
      domain: EXCEPTION_DOMAIN,
      id: id ?? '',
      tests,
      from,
      to,
      kept_by: keptBy,
      after_us: after?.us ?? -1,
      after_id: after?.id ?? '',
      limit,
    },
    row,
  };
}

/** 2200-01-01, microseconds UTC. */
const FAR = 7_258_118_400_000_000;
