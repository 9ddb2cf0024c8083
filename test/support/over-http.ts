import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { IngestWorker } from '../../ingest/worker/worker.ts';
import type { Store } from '../../store/clickhouse.ts';
import { openStore } from '../../store/clickhouse.ts';
import { openServerStore } from '../../store/server-store.ts';
import type { StoreServer } from '../../store/settings.ts';
import type { ServerFault } from './clickhouse-faults.ts';
import { startClickHouse } from './clickhouse-fixture.ts';
import type { TestClickHouse } from './clickhouse-fixture.ts';
import { cloudtrailEvent, cloudtrailRecord } from './cloudtrail-records.ts';
import { dumpDerived, dumpRecords, emptyStore, testWorker } from './ingest-harness.ts';
import { createMemoryLog } from './memory-log.ts';
import type { MemoryLog } from './memory-log.ts';
import { tempFolder } from './temp-folder.ts';

/** How many events the log of these tests holds. */
export const EVENTS_OVER_HTTP = 120;

export interface Dump {
  readonly records: string;
  readonly derived: Readonly<Record<string, string>>;
}

/** A ClickHouse server over chdb, a log of 120 events, and what the store must hold of them. */
export interface OverHttp {
  clickhouse(): TestClickHouse;
  store(): Store;
  /** The same server for one who waits three seconds for an answer, and no longer. */
  hasty(): Store;
  log(): MemoryLog;
  folder(): string;
  /** What the engine in the process makes of the log. */
  expected(): Dump;
  open(more?: Partial<StoreServer>, startWithinMs?: number): Promise<Store>;
  dump(of?: Store): Promise<Dump>;
  /** A worker that is stopped when the test is over. */
  worker(of: Store, more?: Parameters<typeof testWorker>[3]): IngestWorker;
  /** Carries the log into a store, to its end. */
  carried(of?: Store): Promise<IngestWorker>;
  insertsInto(table: string): Promise<number>;
}

/** A fault for inserts into a table. */
export function insertFault(table: string, fault: Omit<ServerFault, 'match' | 'times'>, times = 1): ServerFault {
  return { match: `^INSERT INTO ${table} \\(`, times, ...fault };
}

/** Starts the server for the tests of a file; its tables and its faults are emptied before each. */
export function overHttp(): OverHttp {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let clickhouse: TestClickHouse;
  let store: Store;
  let hasty: Store;
  let log: MemoryLog;
  let expected: Dump;
  const workers: IngestWorker[] = [];
  const open: OverHttp['open'] = (more = {}, startWithinMs = 3_000) =>
    openServerStore({ server: clickhouse.server(more), startWithinMs });
  const dump: OverHttp['dump'] = async (of = store) => ({
    records: await dumpRecords(of),
    derived: await dumpDerived(of, 'ingested_at'),
  });
  const worker: OverHttp['worker'] = (of, more = {}) => {
    const made = testWorker(of, log, folder.path, { backoffMs: 50, ...more });
    workers.push(made);
    return made;
  };
  const carried: OverHttp['carried'] = async (of = store) => {
    const made = worker(of, { maxBatchRecords: 50 });
    await made.start();
    await made.idle();
    return made;
  };

  beforeAll(async () => {
    folder = await tempFolder();
    log = createMemoryLog();
    const records = Array.from({ length: EVENTS_OVER_HTTP }, (_, index) => cloudtrailRecord(cloudtrailEvent(index)));
    await log.append('aws.cloudtrail', 'a', records);
    const inProcess = await openStore({ folder: folder.path });
    const first = testWorker(inProcess, log, folder.path);
    await first.start();
    await first.idle();
    await first.stop();
    expected = await dump(inProcess);
    await inProcess.close();
    clickhouse = await startClickHouse(folder.path);
    store = await open();
    hasty = await open({ silenceMs: 3_000 });
  });
  beforeEach(async () => {
    await clickhouse.fault();
    await emptyStore(store);
    await clickhouse.fault();
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((one) => one.stop()));
  });
  afterAll(async () => {
    await hasty.close();
    await store.close();
    await clickhouse.stop();
    await folder.remove();
  });
  return {
    clickhouse: () => clickhouse,
    store: () => store,
    hasty: () => hasty,
    log: () => log,
    folder: () => folder.path,
    expected: () => expected,
    open,
    dump,
    worker,
    carried,
    insertsInto: async (table) =>
      (await clickhouse.statements()).filter(({ sql }) => sql.startsWith(`INSERT INTO ${table} (`)).length,
  };
}
