import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { startTransformPool } from '../../ingest/worker/transform-pool.ts';
import type { TransformJob, TransformResult } from '../../ingest/worker/transform.ts';
import { createWorker } from '../../ingest/worker/worker.ts';
import type { IngestWorker, WorkerDeps } from '../../ingest/worker/worker.ts';
import { emptyPolicy } from '../../model/policy.ts';
import { refOf } from '../../model/position.ts';
import type { Store, Writer } from '../../store/clickhouse.ts';
import type { Digest } from '../../store/digest.ts';
import { derivedRange, recordsRange } from '../../store/log-state.ts';
import { EDGES, EVENTS, EVENT_KEYS, RECORDS } from '../../store/tables.ts';
import { busyMs } from './busy.ts';

export const TOPIC = 'aws.cloudtrail';

/** What is left out of a run, to see what it costs. Only here: the product has no such switch. */
export type LeftOut = 'nothing' | 'read-back' | 'fsync';

export interface RunFigures {
  /** Records a second, from the first record after the warm-up to the last that is stored. */
  readonly rate: number;
  readonly seconds: number;
  readonly records: number;
  /** CPU of the process, microseconds a record, the broker's not included. */
  readonly cpuUs: number;
  /** Cores of the machine that were busy with other things meanwhile, the broker's included. */
  readonly others: number;
  /** Resident memory, bytes: before the work and at most. */
  readonly startRss: number;
  readonly peakRss: number;
}

/** Carries the topic to its end and gives the figures and the worker, which goes on. */
export async function runWorker(
  store: Store,
  log: EventLog,
  options: { readonly folder: string; readonly count: number; readonly warmUp: number; readonly leftOut: LeftOut },
): Promise<{ figures: RunFigures & { readonly blockMs: number }; worker: IngestWorker }> {
  const { folder, count, warmUp, leftOut } = options;
  if (leftOut === 'fsync')
    for (const table of ['records', 'events', 'event_keys', 'edges', 'batches'])
      await store.writer.run(`ALTER TABLE ${table} MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0`);
  const watch = createWatch();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let taken = 0;
  let from = -1;
  const watched: EventLog = {
    ...log,
    consume: (wanted, handler) =>
      log.consume(wanted, {
        ...handler,
        batch(batch) {
          if (from < 0 && taken >= warmUp) {
            from = taken;
            watch.begin();
            delay.enable();
          }
          taken += batch.records.length;
          return handler.batch(batch);
        },
      }),
  };
  const plain = {
    store,
    log: watched,
    folder,
    policy: emptyPolicy(),
    saltKey: Buffer.alloc(32, 1),
    topics: [TOPIC],
  } as const;
  const worker = createWorker({
    ...(leftOut === 'read-back' ? withoutReadBack(plain) : plain),
    onFault: ({ problem }) => console.error(problem),
  });
  await worker.start();
  await worker.idle();
  delay.disable();
  const figures = watch.end(count - from);
  const progress = JSON.stringify(worker.progress());
  if (!progress.includes(`"accepted":${count}`)) throw new Error(`not all was accepted: ${progress}`);
  return { figures: { ...figures, blockMs: delay.max / 1e6 }, worker };
}

/** Answers each read-back with what was to be found, from what the transformer gave. Nothing else changes. */
function withoutReadBack<D extends Pick<WorkerDeps, 'store'>>(deps: D): D & Pick<WorkerDeps, 'startTransformer'> {
  const expected = new Map<string, Digest>();
  const nameOf = (table: string, params: unknown): string => `${table} ${JSON.stringify(params)}`;
  const remember = (job: TransformJob, result: TransformResult): void => {
    const { topic, partition } = job;
    const records = recordsRange(job, result.firstOffset, result.lastOffset);
    const end = refOf({ topic, partition, offset: result.lastOffset + 1 }) - 1n;
    const derived = derivedRange(
      refOf({ topic, partition, offset: result.firstOffset }),
      end,
      result.ingestedFromUs,
      result.ingestedToUs,
    );
    expected.set(nameOf(RECORDS.table, records.params), result.digests.records);
    expected.set(nameOf(EVENTS.table, derived.params), result.digests.events);
    expected.set(nameOf(EVENT_KEYS.table, derived.params), result.digests.keys);
    expected.set(nameOf(EDGES.table, derived.params), result.digests.edges);
  };
  const { writer } = deps.store;
  const blind: Writer = {
    ...writer,
    read: (query) => {
      const table = /^SELECT count\(\) AS rows, uniqExact[\s\S]+ FROM (\w+) WHERE/.exec(query.sql)?.[1];
      const digest = table === undefined ? undefined : expected.get(nameOf(table, query.params));
      return digest ? Promise.resolve([digest] as never[]) : writer.read(query);
    },
  };
  return {
    ...deps,
    store: { ...deps.store, writer: blind },
    async startTransformer(threads) {
      const pool = await startTransformPool(threads);
      const transform: typeof pool.transform = async (job, block) => {
        const result = await pool.transform(job, block);
        remember(job, result);
        return result;
      };
      return { ...pool, transform };
    },
  };
}

/** Measures time, CPU and memory between two moments; memory from now on. */
export function createWatch(): {
  begin(): void;
  /** The figures so far. */
  look(records: number): RunFigures;
  end(records: number): RunFigures;
} {
  const startRss = process.memoryUsage().rss;
  let peakRss = startRss;
  const sampler = setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage().rss)), 50);
  let began = performance.now();
  let cpu = process.cpuUsage();
  let busy = busyMs();
  const look = (records: number): RunFigures => {
    const seconds = (performance.now() - began) / 1_000;
    const used = process.cpuUsage(cpu);
    const own = used.user + used.system;
    const others = Math.max(0, busyMs() - busy - own / 1_000) / 1_000 / seconds;
    return { rate: records / seconds, seconds, records, cpuUs: own / records, others, startRss, peakRss };
  };
  return {
    begin() {
      began = performance.now();
      cpu = process.cpuUsage();
      busy = busyMs();
    },
    look,
    end(records) {
      clearInterval(sampler);
      return look(records);
    },
  };
}
