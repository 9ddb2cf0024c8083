import { setTimeout as sleep } from 'node:timers/promises';
import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { FAMILIES } from '../../model/source.ts';
import type { Family } from '../../model/source.ts';
import type { Store } from '../../store/clickhouse.ts';
import type { Consumer, EventLog, TopicPartition } from '../log/event-log.ts';
import { createPartition } from './partition.ts';
import type { Partition } from './partition.ts';
import { createProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { createSlots } from './slots.ts';
import { openTransform } from './open-transform.ts';
import type { OpenTransformOptions } from './open-transform.ts';

export interface WorkerDeps extends OpenTransformOptions {
  readonly store: Pick<Store, 'writer' | 'openReader'>;
  readonly log: EventLog;
  readonly policy: Policy;
  /** 32 bytes (ledger/salt-key.ts). */
  readonly saltKey: Uint8Array;
  /** The data folder; scratch files lie in memory or below it. */
  readonly folder: string;
  readonly topics?: readonly Family[];
  readonly maxBatchRecords?: number;
  readonly maxBatchBytes?: number;
  /** First wait after a failure of the store, milliseconds; doubles up to thirty times of it. */
  readonly backoffMs?: number;
  /** How long a stop waits for what is in flight, milliseconds; 10,000 when left out. */
  readonly stopMs?: number;
  /** Called once for each failure that is waited out, and for the fault that stops a partition. */
  readonly onFault?: (fault: {
    readonly partition: TopicPartition;
    readonly problem: Problem;
    readonly fatal: boolean;
  }) => void;
}

/** Carries what the log holds into the store. */
export interface IngestWorker {
  start(): Promise<void>;
  /** Finishes what is in flight, for at most ten seconds; what is not finished then is taken up at the next start. */
  stop(): Promise<void>;
  /**
   * Resolves when what a crash left half done is complete, so that derived tables and records agree again. Rejects if
   * that failed or the worker stops.
   */
  whole(): Promise<void>;
  /** Resolves when every offset up to and with `lastOffset` is stored. Rejects if the partition has stopped. */
  drained(range: TopicPartition & { readonly lastOffset: number }): Promise<void>;
  /** Resolves when everything that the log holds now is stored. */
  idle(): Promise<void>;
  readonly progress: () => Progress;
  /** The faults that stopped partitions; empty while all is well. */
  faults(): readonly Problem[];
}

const GROUP = 'custody-worker';
const STOP_MS = 10_000;
/** The history of the log that is read. An operator raises it when a log was replaced, so that two are never mixed. */
export const SOURCE_EPOCH = 1;
// A batch is a part in the engine; larger ones cost less a row and stop nothing, for the thread does the work.
const BATCH = { records: 20_000, bytes: 24 * 2 ** 20 } as const;

/** A worker that is not started. One worker a store. */
export function createWorker(deps: WorkerDeps): IngestWorker {
  const partitions = new Map<string, Partition>();
  const progress = createProgress();
  const stopping = new AbortController();
  const faults = new Map<string, Problem>();
  const complete = new Set<string>();
  let consumer: Consumer | undefined;
  let release: (() => Promise<void>) | undefined;
  let announce: (consumer: Consumer) => void = () => undefined;
  const consumerReady = new Promise<Consumer>((resolve) => (announce = resolve));

  async function retrying<T>(partition: TopicPartition, work: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      refuseAfterFault(nameOf(partition));
      if (stopping.signal.aborted) throw new Problem('unavailable', 'The worker is stopping.');
      try {
        return await work(attempt);
      } catch (error) {
        // What is no Problem is a fault of ours: trying again would only repeat it.
        const problem = error instanceof Problem ? error : new Problem('internal', 'The worker failed.', {}, error);
        const fatal = problem.code !== 'unavailable';
        deps.onFault?.({ partition, problem, fatal });
        if (fatal) {
          faults.set(nameOf(partition), problem);
          progress.changed();
          throw problem;
        }
        const wait = (deps.backoffMs ?? 1_000) * Math.min(30, 2 ** attempt) * (0.75 + Math.random() / 2);
        await sleep(wait, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  }

  function refuseAfterFault(name: string): void {
    const fault = faults.get(name);
    if (fault) throw fault;
  }

  async function start(): Promise<void> {
    const opened = await openTransform(deps);
    release = opened.close;
    const slots = createSlots();
    let last = 0;
    const partitionDeps = {
      ...opened,
      retrying,
      log: deps.log,
      writer: deps.store.writer,
      saltKey: deps.saltKey,
      tenant: deps.policy.tenant,
      sourceEpoch: SOURCE_EPOCH,
      consumer: () => consumerReady,
      stamp: () => (last = Math.max(last + 1, Date.now() * 1_000)),
      slot: slots.take,
      signal: stopping.signal,
      onMoved: progress.changed,
      onStored: progress.add,
    };
    const partitionOf = (place: TopicPartition): Partition => {
      const found =
        partitions.get(nameOf(place)) ??
        createPartition(partitionDeps, { topic: place.topic, partition: place.partition });
      partitions.set(nameOf(place), found);
      return found;
    };
    const assigned = async (place: TopicPartition): Promise<number> => {
      const position = await partitionOf(place).assigned();
      complete.add(nameOf(place));
      progress.changed();
      return position;
    };
    consumer = await deps.log.consume(
      {
        group: GROUP,
        topics: deps.topics ?? FAMILIES,
        maxBatchRecords: deps.maxBatchRecords ?? BATCH.records,
        maxBatchBytes: deps.maxBatchBytes ?? BATCH.bytes,
      },
      { assigned, batch: (batch) => partitionOf(batch).batch(batch) },
    );
    announce(consumer);
  }

  async function stop(): Promise<void> {
    const finished = (async () => {
      await consumer?.stop();
      await Promise.allSettled([...partitions.values()].map((partition) => partition.settled()));
    })();
    const late = new AbortController();
    await Promise.race([
      finished,
      sleep(deps.stopMs ?? STOP_MS, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    stopping.abort();
    await Promise.allSettled([...partitions.values()].map((partition) => partition.settled()));
    await release?.();
    progress.changed();
  }

  async function drained({ topic, partition, lastOffset }: TopicPartition & { lastOffset: number }): Promise<void> {
    const name = nameOf({ topic, partition });
    await progress.until(() => {
      refuseAfterFault(name);
      if (stopping.signal.aborted) throw new Problem('unavailable', 'The worker has stopped.');
      return (partitions.get(name)?.storedTo() ?? 0) > lastOffset;
    });
  }

  async function idle(): Promise<void> {
    for (const topic of deps.topics ?? FAMILIES) {
      for (let partition = 0; partition < deps.log.partitions(topic); partition += 1) {
        const end = await deps.log.endOffset({ topic, partition });
        if (end > 0) await drained({ topic, partition, lastOffset: end - 1 });
      }
    }
  }

  async function whole(): Promise<void> {
    const names = (deps.topics ?? FAMILIES).flatMap((topic) =>
      Array.from({ length: deps.log.partitions(topic) }, (_, partition) => nameOf({ topic, partition })),
    );
    await progress.until(() => {
      if (stopping.signal.aborted) throw new Problem('unavailable', 'The worker has stopped.');
      const missing = names.find((name) => !complete.has(name));
      if (missing !== undefined) refuseAfterFault(missing);
      return missing === undefined;
    });
  }

  return { start, stop, drained, idle, whole, progress: progress.read, faults: () => [...faults.values()] };
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
