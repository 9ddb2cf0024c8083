import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { z } from 'zod';
import { emptyPolicy } from '../../model/policy.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import { createWorker } from '../../ingest/worker/worker.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';

const WARM_UP = 150_000;
const TABLES = ['records', 'events', 'event_keys', 'edges'] as const;

/**
 * How fast the real worker makes what the log holds queryable (parse, identity, hash, keys, edges, fsync, read-back),
 * against the engine alone inserting the very same rows into equal tables from files; in one run.
 * Arguments: number of records
 * (350,000; the first 150,000 warm up, for compilers take that long to settle), rows a batch.
 */
export async function benchIngest(args: readonly string[]): Promise<void> {
  const count = Number(args[0] ?? 350_000);
  const folder = await mkdtemp(join(process.env['BENCH_FOLDER'] ?? '/tmp', 'custody-bench-'));
  const store = await openStore({ folder });
  const log = openEmbeddedLog({ folder });
  try {
    const bytes = await fill(log, count);
    const own = await runWorker(store, log, folder, count, args[1] === undefined ? undefined : Number(args[1]));
    const peer = await runPeer(store, folder, 'JSONEachRow');
    const bare = await runPeer(store, folder, 'TSV');
    const rates = { worker: own.rate, engine: count / peer.seconds, bare: count / bare.seconds };
    const rows = JSON.stringify(peer.rows);
    const ms = (value: number): string => value.toFixed(0);
    console.log(
      `records            ${count} (${Math.round(bytes / count)} bytes each), rows ${rows}, ${availableParallelism()} cores`,
    );
    console.log(
      `log -> queryable   ${ms(rates.worker)} records/s (${own.seconds.toFixed(2)} s), fsync and read-back on`,
    );
    console.log(
      `engine, NDJSON     ${ms(rates.engine)} records/s (${peer.seconds.toFixed(2)} s), INSERT SELECT FROM file() of the same rows`,
    );
    console.log(
      `engine, TSV        ${ms(rates.bare)} records/s (${bare.seconds.toFixed(2)} s), the same in a format that costs it less`,
    );
    console.log(
      `ratio              ${(rates.worker / rates.engine).toFixed(2)} to NDJSON (goal 0.45), ${(rates.worker / rates.bare).toFixed(2)} to TSV`,
    );
    console.log(`longest block      ${ms(own.blockMs)} ms of the event loop (p99 ${ms(own.blockP99Ms)} ms)`);
    console.log(
      `CPU                ${own.cpuUs.toFixed(1)} us/record worker, ${peer.cpuUs(count).toFixed(1)} NDJSON, ${bare.cpuUs(count).toFixed(1)} TSV`,
    );
    console.log(
      `peak memory        ${Math.round(own.peakRss / 2 ** 20)} MiB (${Math.round(own.startRss / 2 ** 20)} MiB before)`,
    );
  } finally {
    await log.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(log: EventLog, count: number): Promise<number> {
  let bytes = 0;
  for (let from = 0; from < count; from += 1_000) {
    const records = Array.from({ length: Math.min(1_000, count - from) }, (_, index) =>
      cloudtrailRecord(cloudtrailEvent(from + index)),
    );
    bytes += records.reduce((sum, { value }) => sum + value.length, 0);
    await log.append('aws.cloudtrail', 'bench', records);
  }
  return bytes;
}

interface WorkerRun {
  /** Records a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly blockMs: number;
  readonly blockP99Ms: number;
  readonly cpuUs: number;
  readonly startRss: number;
  readonly peakRss: number;
}

async function runWorker(
  store: Store,
  log: EventLog,
  folder: string,
  count: number,
  batch?: number,
): Promise<WorkerRun> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let started = 0;
  let from = 0;
  let cpu = process.cpuUsage();
  // The clock starts with the first batch after the warm-up, so that neither the start of the threads nor their compiler
  // is measured, only the rate that lasts.
  const watched: EventLog = {
    ...log,
    consume: (options, handler) =>
      log.consume(options, {
        ...handler,
        batch(taken) {
          if (started === 0 && taken.firstOffset >= WARM_UP) {
            from = taken.firstOffset;
            started = performance.now();
            cpu = process.cpuUsage();
            delay.enable();
          }
          return handler.batch(taken);
        },
      }),
  };
  const startRss = process.memoryUsage().rss;
  let peakRss = startRss;
  const sampler = setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage().rss)), 50);
  const worker = createWorker({
    store,
    log: watched,
    folder,
    policy: emptyPolicy(),
    saltKey: Buffer.alloc(32, 1),
    topics: ['aws.cloudtrail'],
    ...(batch ? { maxBatchRecords: batch } : {}),
    onFault: ({ problem }) => console.error(problem),
  });
  await worker.start();
  await worker.idle();
  const measured = count - from;
  const seconds = (performance.now() - started) / 1_000;
  const used = process.cpuUsage(cpu);
  delay.disable();
  clearInterval(sampler);
  const progress = JSON.stringify(worker.progress());
  await worker.stop();
  if (!progress.includes(`"accepted":${count}`)) throw new Error(`not all was accepted: ${progress}`);
  return {
    seconds,
    startRss,
    peakRss,
    blockMs: delay.max / 1e6,
    blockP99Ms: delay.percentile(99) / 1e6,
    rate: measured / seconds,
    cpuUs: (used.user + used.system) / measured,
  };
}

interface PeerRun {
  readonly seconds: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly cpuUs: (count: number) => number;
}

/** The better of two runs of the engine alone, from files in the same place as the worker's. */
async function runPeer(store: Store, folder: string, format: 'TSV' | 'JSONEachRow'): Promise<PeerRun> {
  const rows: Record<string, number> = {};
  const files = new Map<string, { path: string; structure: string }>();
  for (const table of TABLES) {
    const path = join(folder, `${table}.${format}`);
    const columns = await store.reader.read({
      sql: 'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position',
      params: { table },
      row: z.object({ name: z.string(), type: z.string() }),
    });
    files.set(table, { path, structure: columns.map(({ name, type }) => `${name} ${type}`).join(', ') });
    await store.writer.run(`INSERT INTO FUNCTION file('${path}', '${format}') SELECT * FROM ${table}`);
    const [found] = await store.reader.read({
      sql: `SELECT toUInt32(count()) AS n FROM ${table}`,
      params: {},
      row: z.object({ n: z.number() }),
    });
    rows[table] = found?.n ?? 0;
  }
  const runs: { seconds: number; cpu: number }[] = [];
  for (let run = 0; run < 2; run += 1) {
    for (const table of TABLES) await store.writer.run(`CREATE OR REPLACE TABLE peer_${table} AS ${table}`);
    const cpu = process.cpuUsage();
    const started = performance.now();
    for (const table of TABLES) {
      const file = files.get(table);
      const from = `file('${file?.path}', '${format}', {structure:String})`;
      await store.writer.run(`INSERT INTO peer_${table} SELECT * FROM ${from}`, { structure: file?.structure ?? '' });
    }
    const used = process.cpuUsage(cpu);
    runs.push({ seconds: (performance.now() - started) / 1_000, cpu: used.user + used.system });
  }
  const best = runs.reduce((a, b) => (a.seconds <= b.seconds ? a : b));
  return { seconds: best.seconds, rows, cpuUs: (count) => best.cpu / count };
}
