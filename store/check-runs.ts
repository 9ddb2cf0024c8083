import type { TestItem } from '../model/control.ts';
import { parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { isNotAllowed } from './engine-error.ts';
import { findEqualRun } from './queries/find-check-runs.ts';
import type { Reader } from './query.ts';
import type { Session } from './session.ts';

/** One test of a run, as it is stored: counts and digests. Times are microseconds UTC. */
export interface CheckRow {
  readonly run: string;
  readonly createdAt: Micros;
  readonly test: string;
  readonly testVersion: number;
  readonly framework: string;
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
  readonly catalogue: string;
  readonly policy: string;
  readonly engine: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly population: number;
  readonly populationSha256: string;
  readonly passed: number;
  readonly exceptions: number;
  readonly undetermined: number;
  readonly excluded: Readonly<Record<string, number>>;
  readonly result: string;
  readonly reason: string;
  readonly digest: string;
  readonly items: readonly TestItem[];
}

/** Items of one statement, and their bytes: a server bounds a value to 128 KiB where nobody set it otherwise. */
const ITEMS_A_STATEMENT = 500;
const BYTES_A_STATEMENT = 100_000;

const INSERT_ITEMS = `INSERT INTO check_items (tenant, run, test, item, verdict, attribute, at, finding, stratum, aliases, evidence)
SELECT {tenant:String}, {run:String}, {test:String}, JSONExtractString(row, 'item'), JSONExtractString(row, 'verdict'), JSONExtractString(row, 'attribute'),
  fromUnixTimestamp64Micro(JSONExtractInt(row, 'at_us')), JSONExtractString(row, 'finding'), JSONExtractString(row, 'stratum'),
  JSONExtract(row, 'aliases', 'Array(String)'), JSONExtract(row, 'evidence', 'Array(String)')
FROM (SELECT arrayJoin(JSONExtractArrayRaw({rows:String})) AS row)`;

const INSERT_RUNS = `INSERT INTO check_runs (tenant, run, created_at, test, test_version, framework, period_from, period_to, as_of, catalogue, policy, engine,
  parameters, population, population_sha256, passed, exceptions, undetermined, excluded, result, reason, digest, items_run)
SELECT {tenant:String}, {run:String}, fromUnixTimestamp64Micro({created:Int64}), JSONExtractString(row, 'test'), JSONExtractUInt(row, 'testVersion'),
  {framework:String}, fromUnixTimestamp64Micro({from:Int64}), fromUnixTimestamp64Micro({to:Int64}), fromUnixTimestamp64Micro({as_of:Int64}),
  {catalogue:String}, {policy:String}, {engine:String}, JSONExtractString(row, 'parameters'), JSONExtractUInt(row, 'population'),
  JSONExtractString(row, 'populationSha256'), JSONExtractUInt(row, 'passed'), JSONExtractUInt(row, 'exceptions'), JSONExtractUInt(row, 'undetermined'),
  JSONExtractString(row, 'excluded'), JSONExtractString(row, 'result'), JSONExtractString(row, 'reason'), JSONExtractString(row, 'digest'),
  JSONExtractString(row, 'itemsRun')
FROM (SELECT arrayJoin(JSONExtractArrayRaw({rows:String})) AS row)`;

/** Whether the user of the store may keep results. Adds nothing. Any other failure than that it may not stays one. */
export async function mayStoreChecks(writer: Pick<Session, 'run'>): Promise<boolean> {
  try {
    for (const table of ['check_runs', 'check_items'])
      await writer.run(`INSERT INTO ${table} (tenant) SELECT '' WHERE 0`);
    return true;
  } catch (error) {
    if (isNotAllowed(error)) return false;
    throw error;
  }
}

/**
 * Stores the tests of one run: first the items, then all rows in one statement, so a run is there whole or not at all.
 * Items that an earlier run with the same digest already holds are not stored again. Nothing stored is ever changed.
 */
export async function storeCheckRun(
  writer: Pick<Session, 'run'>,
  reader: Reader,
  tenant: string,
  rows: readonly CheckRow[],
): Promise<void> {
  const [first] = rows;
  if (!first) return;
  const written: Record<string, unknown>[] = [];
  for (const { items, ...row } of rows) {
    const [held] = await reader.read(findEqualRun(tenant, row.test, row.digest));
    if (!held) await storeItems(writer, { tenant, run: row.run, test: row.test }, items);
    written.push({
      ...row,
      parameters: JSON.stringify(row.parameters),
      excluded: JSON.stringify(row.excluded),
      itemsRun: held?.items_run ?? row.run,
    });
  }
  const { run, createdAt, framework, from, to, asOf, catalogue, policy, engine } = first;
  await writer.run(INSERT_RUNS, {
    tenant, run, created: createdAt, framework, from, to, as_of: asOf, catalogue, policy, engine, rows: JSON.stringify(written),
  }); // prettier-ignore
}

async function storeItems(
  writer: Pick<Session, 'run'>,
  place: { readonly tenant: string; readonly run: string; readonly test: string },
  items: readonly TestItem[],
): Promise<void> {
  let rows: string[] = [];
  let bytes = 0;
  const store = async (): Promise<void> => {
    if (rows.length > 0) await writer.run(INSERT_ITEMS, { ...place, rows: `[${rows.join(',')}]` });
    rows = [];
    bytes = 0;
  };
  for (const item of items) {
    const row = JSON.stringify({ attribute: '', stratum: '', ...item, at_us: parseStamp(item.at)?.at ?? 0 });
    const more = Buffer.byteLength(row) + 1;
    if (rows.length === ITEMS_A_STATEMENT || bytes + more > BYTES_A_STATEMENT) await store();
    rows.push(row);
    bytes += more;
  }
  await store();
}
