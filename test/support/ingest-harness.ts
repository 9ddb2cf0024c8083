import { emptyPolicy } from '../../model/policy.ts';
import type { Family } from '../../model/source.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { adapterFor } from '../../ingest/sources/registry.ts';
import type { ThreadDeps } from '../../ingest/worker/start-thread.ts';
import { createTransformer } from '../../ingest/worker/transform.ts';
import type { Transformer } from '../../ingest/worker/transform.ts';
import { createWorker } from '../../ingest/worker/worker.ts';
import type { IngestWorker, WorkerDeps } from '../../ingest/worker/worker.ts';
import type { Store } from '../../store/clickhouse.ts';

export const SALT_KEY = Buffer.alloc(32, 9);

/** The transformer without its thread, which takes a second to start. */
export function startInline(deps: ThreadDeps): Promise<Transformer> {
  return Promise.resolve(createTransformer({ ...deps, context: { ...deps.context, adapterFor } }));
}

/** A worker over a store and a log, reading one topic, that does not wait long after a fault. */
export function testWorker(
  store: WorkerDeps['store'],
  log: EventLog,
  folder: string,
  more: Partial<WorkerDeps> = {},
): IngestWorker {
  const topics: readonly Family[] = ['aws.cloudtrail'];
  return createWorker({
    store,
    log,
    folder,
    policy: emptyPolicy(),
    saltKey: SALT_KEY,
    topics,
    backoffMs: 5,
    startTransformer: startInline,
    ...more,
  });
}

const DERIVED = {
  events: 'ref',
  event_keys: 'tenant, key, occurred_at, ref, role',
  edges: 'tenant, key, direction, other, relation, ref',
} as const;

/** Every derived table as text, in order, every column. */
export async function dumpDerived(store: Store, leaveOut = ''): Promise<Record<string, string>> {
  const dump: Record<string, string> = {};
  for (const [table, order] of Object.entries(DERIVED)) {
    const columns = leaveOut === '' ? '*' : `* EXCEPT (${leaveOut})`;
    dump[table] = (
      await store.writer.bytes({ sql: `SELECT ${columns} FROM ${table} ORDER BY ${order} FORMAT TSV`, params: {} })
    ).toString('utf8');
  }
  return dump;
}

/** The records as text, in order, without what differs from run to run. */
export async function dumpRecords(store: Store): Promise<string> {
  const sql = 'SELECT * EXCEPT (ingested_at, writer_epoch) FROM records ORDER BY topic, partition, offset FORMAT TSV';
  return (await store.writer.bytes({ sql, params: {} })).toString('utf8');
}

/** One value of one row. */
export async function scalar(store: Store, sql: string): Promise<string> {
  return (await store.writer.bytes({ sql: `${sql} FORMAT TSVRaw`, params: {} })).toString('utf8').trim();
}

const WORKER_TABLES = ['records', 'events', 'event_keys', 'edges', 'batches', 'gaps', 'announcements'];
const TREE_TABLES = ['tree_steps', 'tree_nodes', 'tree_heads', 'checkpoints', 'seals', 'leases', 'dups'];

/** Empties every table that the worker writes. */
export async function emptyStore(store: Store): Promise<void> {
  for (const table of [...WORKER_TABLES, ...TREE_TABLES]) await store.writer.run(`TRUNCATE TABLE ${table}`);
}
