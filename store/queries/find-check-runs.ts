import { z } from 'zod';
import type { Query } from '../query.ts';

const count = z.coerce.number();

const runRow = z.object({
  run: z.string(),
  created_us: count,
  test: z.string(),
  from_us: count,
  to_us: count,
  as_of_us: count,
  catalogue: z.string(),
  policy: z.string(),
  engine: z.string(),
  population: count,
  population_sha256: z.string(),
  passed: count,
  exceptions: count,
  undetermined: count,
  result: z.string(),
  digest: z.string(),
});
export type CheckRunRow = z.output<typeof runRow>;

const COLUMNS = `run, toUnixTimestamp64Micro(created_at) AS created_us, test, toUnixTimestamp64Micro(period_from) AS from_us,
  toUnixTimestamp64Micro(period_to) AS to_us, toUnixTimestamp64Micro(as_of) AS as_of_us, catalogue, policy, engine, population, population_sha256,
  passed, exceptions, undetermined, result, digest`;

/** Stored checks that were written by a moment (microseconds UTC), the latest first; at most some tens of thousands. */
export function findCheckRuns(tenant: string, createdByUs: number): Query<CheckRunRow> {
  return {
    sql: `SELECT ${COLUMNS}
FROM check_runs
WHERE tenant = {tenant:String} AND created_at <= fromUnixTimestamp64Micro({created_by:Int64})
ORDER BY created_at DESC, run, test
LIMIT 50000`,
    params: { tenant, created_by: createdByUs },
    row: runRow,
  };
}

/** Stored checks of one period and as-of, the latest first. */
export function findRunsOf(
  tenant: string,
  period: { readonly from: number; readonly to: number; readonly asOf: number },
): Query<CheckRunRow> {
  return {
    sql: `SELECT ${COLUMNS}
FROM check_runs
WHERE tenant = {tenant:String} AND period_from = fromUnixTimestamp64Micro({from:Int64})
  AND period_to = fromUnixTimestamp64Micro({to:Int64}) AND as_of = fromUnixTimestamp64Micro({as_of:Int64})
ORDER BY created_at DESC, run, test
LIMIT 10000`,
    params: { tenant, from: period.from, to: period.to, as_of: period.asOf },
    row: runRow,
  };
}

/** One test of one run, and whether an exception of it has this item and attribute. */
export function findRunOfTest(
  tenant: string,
  run: string,
  test: string,
  exception: { readonly item: string; readonly attribute: string },
): Query<CheckRunRow & { recurred: number }> {
  return {
    sql: `SELECT ${COLUMNS}, (SELECT count() > 0 FROM check_items WHERE tenant = {tenant:String} AND test = {test:String} AND verdict = 'exception'
    AND item = {item:String} AND attribute = {attribute:String} AND run IN
    (SELECT items_run FROM check_runs WHERE tenant = {tenant:String} AND run = {run:String} AND test = {test:String})) AS recurred
FROM check_runs
WHERE tenant = {tenant:String} AND run = {run:String} AND test = {test:String}
LIMIT 1`,
    params: { tenant, run, test, ...exception },
    row: runRow.extend({ recurred: count }),
  };
}

const equalRow = z.object({ items_run: z.string() });

/** The run that holds the items of a result with this digest, if one is stored. */
export function findEqualRun(tenant: string, test: string, digest: string): Query<{ items_run: string }> {
  return {
    sql: `SELECT items_run FROM check_runs
WHERE tenant = {tenant:String} AND test = {test:String} AND digest = {digest:String}
ORDER BY created_at
LIMIT 1`,
    params: { tenant, test, digest },
    row: equalRow,
  };
}

const itemRow = z.object({
  item: z.string(),
  verdict: z.string(),
  attribute: z.string(),
  at_us: count,
  finding: z.string(),
  evidence: z.array(z.string()),
});

/** The stored items of one test of a run, by item. */
export function findCheckItems(tenant: string, run: string, test: string): Query<z.output<typeof itemRow>> {
  return {
    sql: `SELECT item, verdict, attribute, toUnixTimestamp64Micro(at) AS at_us, finding, evidence
FROM check_items
WHERE tenant = {tenant:String} AND test = {test:String} AND run IN
  (SELECT items_run FROM check_runs WHERE tenant = {tenant:String} AND run = {run:String} AND test = {test:String})
ORDER BY item, at
LIMIT 1000000`,
    params: { tenant, run, test },
    row: itemRow,
  };
}
