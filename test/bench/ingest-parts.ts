import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { createWorker } from '../../ingest/worker/worker.ts';
import { emptyPolicy } from '../../model/policy.ts';
import { refOf } from '../../model/position.ts';
import type { Store } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';

const TABLES = ['records', 'events', 'event_keys', 'edges'] as const;
type Table = (typeof TABLES)[number];
const FORMATS = ['JSONEachRow', 'TSV'] as const;
type Format = (typeof FORMATS)[number];
const TOPIC = 'aws.cloudtrail';

/** Seconds and CPU (microseconds of the whole process) that something took. */
export interface Timed {
  readonly seconds: number;
  readonly cpu: number;
}

/** A worker's, with the longest time for which it stopped the event loop. */
export interface TimedWorker extends Timed {
  readonly blockMs: number;
}

export interface Memory {
  readonly before: number;
  readonly peak: () => number;
  readonly stop: () => void;
}

/** Resident memory in MiB, looked at twenty times a second. */
export function watchMemory(): Memory {
  const now = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);
  const before = now();
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, now())), 50);
  return { before, peak: () => peak, stop: () => clearInterval(sampler) };
}

/** Appends so many records, from the first number on; gives the bytes of their values. */
export async function fill(log: EventLog, first: number, count: number): Promise<number> {
  let bytes = 0;
  for (let from = first; from < first + count; from += 1_000) {
    const records = Array.from({ length: Math.min(1_000, first + count - from) }, (_, index) =>
      cloudtrailRecord(cloudtrailEvent(from + index)),
    );
    bytes += records.reduce((sum, { value }) => sum + value.length, 0);
    await log.append(TOPIC, 'bench', records);
  }
  return bytes;
}

/** Waits for what is being merged, a minute at most: what one run left must not be paid by the next. */
export async function mergesDone(store: Store): Promise<void> {
  const sql = 'SELECT toUInt32(count()) AS n FROM system.merges';
  for (let waited = 0; waited < 60_000; waited += 200) {
    const [running] = await store.reader.read({ sql, params: {}, row: z.object({ n: z.number() }) });
    if (running?.n === 0) return;
    await setTimeout(200);
  }
}

/** The worker of the product over a log whose records can be held back. */
export interface OwnWorker {
  /** Keeps what comes in the log from now on. */
  hold(): void;
  /** Lets it go, and times it until all of it is stored. */
  drain(): Promise<TimedWorker>;
  /** Throws unless so many records were accepted, all there are. */
  stop(accepted?: number): Promise<void>;
}

/** Starts a worker. */
export async function startWorker(store: Store, log: EventLog, folder: string): Promise<OwnWorker> {
  let held: Promise<void> | undefined;
  let release = (): void => undefined;
  const gated: EventLog = {
    ...log,
    consume: (options, handler) =>
      log.consume(options, {
        ...handler,
        async batch(taken) {
          await held;
          return handler.batch(taken);
        },
      }),
  };
  const worker = createWorker({
    store,
    log: gated,
    folder,
    policy: emptyPolicy(),
    saltKey: Buffer.alloc(32, 1),
    topics: [TOPIC],
    onFault: ({ problem }) => console.error(problem),
  });
  await worker.start();
  return {
    hold() {
      held = new Promise((resolve) => (release = resolve));
    },
    async drain() {
      const delay = monitorEventLoopDelay({ resolution: 5 });
      delay.enable();
      const idle = worker.idle();
      const timed = await time(() => {
        release();
        held = undefined;
        return idle;
      });
      delay.disable();
      return { ...timed, blockMs: delay.max / 1e6 };
    },
    async stop(accepted) {
      const progress = JSON.stringify(worker.progress());
      await worker.stop();
      if (accepted !== undefined && !progress.includes(`"accepted":${accepted}`))
        throw new Error(`not all was accepted: ${progress}`);
    },
  };
}

/** The rows of one round in files, as the engine writes them. */
export interface RoundFiles {
  readonly rows: Readonly<Record<string, number>>;
  readonly structures: ReadonlyMap<Table, string>;
  readonly pathOf: (table: Table, format: Format) => string;
}

/** Writes what the store holds of the records of these offsets into files beside it, in both formats. */
export async function writeFiles(store: Store, folder: string, first: number, last: number): Promise<RoundFiles> {
  const rows: Record<string, number> = {};
  const structures = new Map<Table, string>();
  const pathOf: RoundFiles['pathOf'] = (table, format) => join(folder, `${table}.${format}`);
  const params = {
    first: refOf({ topic: TOPIC, partition: 0, offset: first }).toString(),
    last: (refOf({ topic: TOPIC, partition: 0, offset: last + 1 }) - 1n).toString(),
  };
  const where = 'WHERE ref BETWEEN {first:UInt64} AND {last:UInt64}';
  for (const table of TABLES) {
    const columns = await store.reader.read({
      sql: 'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position',
      params: { table },
      row: z.object({ name: z.string(), type: z.string() }),
    });
    structures.set(table, columns.map(({ name, type }) => `${name} ${type}`).join(', '));
    for (const format of FORMATS) {
      const into = `INSERT INTO FUNCTION file('${pathOf(table, format)}', '${format}')`;
      const settings = 'SETTINGS engine_file_truncate_on_insert = 1';
      await store.writer.run(`${into} ${settings} SELECT * FROM ${table} ${where}`, params);
    }
    const [found] = await store.reader.read({
      sql: `SELECT toUInt32(count()) AS n FROM ${table} ${where}`,
      params,
      row: z.object({ n: z.number() }),
    });
    rows[table] = found?.n ?? 0;
  }
  return { rows, structures, pathOf };
}

/** The engine alone: the rows of the files into empty tables of the same make. */
export async function runPeer(store: Store, files: RoundFiles, format: Format): Promise<Timed> {
  for (const table of TABLES) await store.writer.run(`CREATE OR REPLACE TABLE peer_${table} AS ${table}`);
  return time(async () => {
    for (const table of TABLES) {
      const from = `file('${files.pathOf(table, format)}', '${format}', {structure:String})`;
      const params = { structure: files.structures.get(table) ?? '' };
      await store.writer.run(`INSERT INTO peer_${table} SELECT * FROM ${from}`, params);
    }
  });
}

async function time(work: () => Promise<unknown>): Promise<Timed> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const used = process.cpuUsage(cpu);
  return { seconds: (performance.now() - started) / 1_000, cpu: used.user + used.system };
}
