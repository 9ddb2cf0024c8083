import { setTimeout as sleep } from 'node:timers/promises';
import type { Policy } from '../../model/policy.ts';
import type { Problem } from '../../model/problem.ts';
import { FAMILIES } from '../../model/source.ts';
import type { Family } from '../../model/source.ts';
import type { Store } from '../../store/clickhouse.ts';
import type { Consumer, EventLog, TopicPartition } from '../log/event-log.ts';
import { createFaults } from './faults.ts';
import type { FaultListener, Faults } from './faults.ts';
import type { Partition, PartitionDeps, StoredCount } from './partition.ts';
import { createPace } from './pace.ts';
import { createProgress } from './progress.ts';
import type { Progress, ProgressCounter } from './progress.ts';
import { createSlots } from './slots.ts';
import { handlerOf, positionsOf } from './handler.ts';
import { openTransform } from './open-transform.ts';
import type { OpenTransform, OpenTransformOptions } from './open-transform.ts';
import { createWaits } from './waits.ts';

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
  /** How long a partition rests after a small batch, milliseconds, so that what comes meanwhile goes together; 500 when left out. */
  readonly restMs?: number;
  /** How long a stop waits for what is in flight, milliseconds; 10,000 when left out. */
  readonly stopMs?: number;
  /** Only where several processes share the store (trees/leases.ts). */
  readonly leases?: PartitionDeps['leases'];
  /** Told how far each partition is stored and read back, at its start and after each batch (trees/tree-keeper.ts). */
  readonly onCovered?: PartitionDeps['onCovered'];
  /**
   * Whose accepted events are looked for repeats: those of the whole store, read once at the start, or, where several
   * workers share a store, those of each partition when it becomes ours; `all` when left out. A repeat comes to the
   * partition of what it repeats, for both are kept by the name of their installation.
   */
  readonly known?: 'all' | 'assigned';
  /** Called when a partition is no longer ours. */
  readonly onLeft?: (partition: TopicPartition) => void;
  /** Called when a batch is stored and read back. */
  readonly onBatch?: (
    batch: StoredCount & { readonly partition: TopicPartition; readonly milliseconds: number },
  ) => void;
  /** Called once for each failure that is waited out, and for the fault that stops a partition. */
  readonly onFault?: FaultListener;
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
  readonly whole: () => Promise<void>;
  /** Resolves when every offset up to and with `lastOffset` is stored. Rejects if the partition has stopped. */
  readonly drained: (range: TopicPartition & { readonly lastOffset: number }) => Promise<void>;
  /** Resolves when everything that the log holds now is stored. */
  readonly idle: () => Promise<void>;
  readonly progress: () => Progress;
  /** The partitions that are ours now, each with the offset below which all is stored. */
  readonly positions: () => readonly (TopicPartition & { readonly storedTo: number })[];
  /** The faults that stopped partitions; empty while all is well. */
  readonly faults: () => readonly Problem[];
}

const GROUP = 'custody-worker';
const STOP_MS = 10_000;
const BACKOFF_MS = 1_000;
/** The history of the log that is read. An operator raises it when a log was replaced, so that two are never mixed. */
export const SOURCE_EPOCH = 1;
const REST_MS = 500;
// A batch is a part in the engine; larger ones cost less a row and stop nothing, for the thread does the work.
const BATCH = { records: 30_000, bytes: 40 * 2 ** 20 } as const;

/** A worker that is not started. One worker a store. */
export function createWorker(deps: WorkerDeps): IngestWorker {
  const partitions = new Map<string, Partition>();
  const complete = new Set<string>();
  const ours = new Set<string>();
  const progress = createProgress();
  const stopping = new AbortController();
  const faults = createFaults({
    signal: stopping.signal,
    backoffMs: deps.backoffMs ?? BACKOFF_MS,
    onFault: (fault) => {
      deps.onFault?.(fault);
      progress.changed();
    },
  });
  const topics = deps.topics ?? FAMILIES;
  let announce: (consumer: Consumer) => void = () => undefined;
  const announced = new Promise<Consumer>((resolve) => (announce = resolve));
  const pace = createPace(() => announced, deps.restMs ?? REST_MS);
  const { drained, idle, whole } = createWaits({
    log: deps.log,
    topics,
    progress,
    faults,
    signal: stopping.signal,
    isComplete: (name) => complete.has(name),
    hurry: (place) => pace.hurry(place),
    storedTo: (name) => partitions.get(name)?.storedTo() ?? 0,
  });
  let consumer: Consumer | undefined;
  let opened: OpenTransform | undefined;
  async function start(): Promise<void> {
    opened = await openTransform(deps);
    const shared = partitionDeps(deps, opened, {
      progress,
      faults,
      signal: stopping.signal,
      consumer: () => announced,
    });
    const handler = handlerOf(deps, {
      partitions,
      complete,
      ours,
      faults,
      pace,
      shared,
      opened,
      changed: progress.changed,
    });
    consumer = await deps.log.consume({ group: GROUP, topics, ...limitsOf(deps) }, handler);
    announce(consumer);
  }

  const settled = (): Promise<unknown> =>
    Promise.allSettled([...partitions.values()].map((partition) => partition.settled()));

  async function stop(): Promise<void> {
    const finished = Promise.resolve(consumer?.stop()).then(settled);
    const late = new AbortController();
    await Promise.race([
      finished,
      sleep(deps.stopMs ?? STOP_MS, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    stopping.abort();
    await settled();
    await opened?.close();
    progress.changed();
  }

  const positions = (): ReturnType<IngestWorker['positions']> => positionsOf(partitions, ours);
  return { start, stop, drained, idle, whole, progress: progress.read, positions, faults: faults.list };
}

function limitsOf(deps: WorkerDeps): { maxBatchRecords: number; maxBatchBytes: number } {
  return { maxBatchRecords: deps.maxBatchRecords ?? BATCH.records, maxBatchBytes: deps.maxBatchBytes ?? BATCH.bytes };
}

interface Shared {
  readonly progress: ProgressCounter;
  readonly faults: Faults;
  readonly signal: AbortSignal;
  readonly consumer: PartitionDeps['consumer'];
}

function partitionDeps(
  deps: WorkerDeps,
  opened: OpenTransform,
  { progress, faults, signal, consumer }: Shared,
): PartitionDeps {
  let last = 0;
  return {
    ...opened,
    retrying: faults.retrying,
    log: deps.log,
    writer: deps.store.writer,
    saltKey: deps.saltKey,
    tenant: deps.policy.tenant,
    sourceEpoch: SOURCE_EPOCH,
    consumer,
    stamp: () => (last = Math.max(last + 1, Date.now() * 1_000)),
    slot: createSlots().take,
    signal,
    ...(deps.leases ? { leases: deps.leases } : {}),
    ...(deps.onCovered ? { onCovered: deps.onCovered } : {}),
    onMoved: progress.changed,
    onStored(partition, stored, milliseconds) {
      progress.add(partition, stored);
      deps.onBatch?.({ ...stored, partition, milliseconds });
    },
  };
}
