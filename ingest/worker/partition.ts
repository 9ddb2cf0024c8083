import { gapLeafOf } from '../../ledger/leaf.ts';
import { Problem } from '../../model/problem.ts';
import { ensureGap, readReach } from '../../store/log-state.ts';
import type { GapRow, StoredPartition } from '../../store/log-state.ts';
import type { Leases } from '../trees/leases.ts';
import type { Consumer, EventLog, LogBatch, LoggedRecord, TopicPartition } from '../log/event-log.ts';
import type { Ends } from './batch-summary.ts';
import { announceRejected, hasRejected } from './dead-letters.ts';
import { deriveAgain } from './repair.ts';
import type { RepairDeps } from './repair.ts';
import { cutBatch } from './segments.ts';
import type { Segment } from './segments.ts';
import { openStep } from './step.ts';
import type { Step } from './step.ts';

export interface PartitionDeps extends RepairDeps {
  readonly log: Pick<EventLog, 'startOffset' | 'endOffset' | 'announce'>;
  readonly consumer: () => Promise<Pick<Consumer, 'seek' | 'commit'>>;
  readonly tenant: string;
  readonly saltKey: Uint8Array;
  readonly sourceEpoch: number;
  /** A stamp that rises with every call, microseconds. */
  readonly stamp: () => number;
  /** Runs work again and again while the store is away; ends with the fault when it can never succeed, or at a stop. */
  readonly retrying: <T>(partition: TopicPartition, work: (attempt: number) => Promise<T>) => Promise<T>;
  /** Waits until one more batch may be held in memory; the caller calls what it gets when the batch is stored. */
  readonly slot: () => Promise<() => void>;
  /** Who may write, where several processes share the store; without it the one process that holds the store may. */
  readonly leases?: Leases;
  /** Everything below `end` is stored and was read back. */
  readonly onCovered?: (place: StoredPartition, end: number, writerEpoch: number) => void;
  /** The position has changed. */
  readonly onMoved: () => void;
  /** A batch was stored, in so many milliseconds, waits included. */
  readonly onStored: (partition: TopicPartition, stored: StoredCount, milliseconds: number) => void;
}

/** What a stored batch held. */
export interface StoredCount {
  readonly records: number;
  readonly events: number;
  readonly ends: Ends;
}

/** One partition of the log on its way into the store, strictly in order (reliability.md 1.4). */
export interface Partition {
  /** W0: completes what a crash left half done, and gives the offset to read from. */
  assigned(): Promise<number>;
  /** Takes a batch. Resolves as soon as the next may come, which is before this one is stored: work overlaps. */
  batch(batch: LogBatch): Promise<void>;
  /** Everything below this offset is stored. */
  storedTo(): number;
  /** Resolves when all that was taken is stored; rejects with the fault that stopped the partition. */
  settled(): Promise<void>;
}

// One batch is stored while two are transformed and one more waits, so that neither threads nor engine stand idle.
const BATCHES_AHEAD = 3;

type GapSegment = Extract<Segment, { kind: 'gap' }>;

/** A partition that is not assigned yet. */
export function createPartition(deps: PartitionDeps, place: TopicPartition): Partition {
  const stored = { ...place, sourceEpoch: deps.sourceEpoch };
  const waiting: Promise<void>[] = [];
  const steps = new Set<Step>();
  let tail: Promise<void> = Promise.resolve();
  let next = 0;
  let done = 0;
  let { writerEpoch } = deps;

  async function assigned(): Promise<number> {
    writerEpoch = (await deps.retrying(place, async () => deps.leases?.take(stored))) ?? writerEpoch;
    next = await deps.retrying(place, () => openPosition({ ...deps, writerEpoch }, stored));
    done = next;
    deps.onCovered?.(stored, next, writerEpoch);
    deps.onMoved();
    return next;
  }

  // `after` runs even where a fault before it keeps the work from being begun.
  function enqueue(work: () => Promise<void>, after: () => void = () => undefined): void {
    tail = tail.then(work).finally(after);
    tail.catch(() => undefined);
    waiting.push(tail);
  }

  async function batch(taken: LogBatch): Promise<void> {
    // Where the log begins matters only after a hole; asking may take a while, for a broker may be away.
    const isHole = taken.firstOffset > next;
    const start = isHole ? await deps.retrying(place, () => deps.log.startOffset(place)) : 0;
    const { segments, seek } = cutBatch(taken, next, start);
    for (const segment of segments) {
      if (segment.kind === 'records') await takeRecords(segment.records);
      else takeGap(segment);
    }
    if (seek !== undefined) (await deps.consumer()).seek(place, seek);
    while (waiting.length > BATCHES_AHEAD) await waiting.shift();
    // A fault of what is in flight must stop the reader at once, not when its turn to be waited for comes.
    await Promise.race([tail, Promise.resolve()]);
  }

  async function takeRecords(records: readonly LoggedRecord[]): Promise<void> {
    const step = await openStep({ ...deps, writerEpoch }, stored, records);
    steps.add(step);
    next = (records.at(-1)?.offset ?? next - 1) + 1;
    const end = next;
    const forget = (): void => {
      steps.delete(step);
      step.close();
    };
    enqueue(() => storeStep(step).then(() => finish(end)), forget);
  }

  async function storeStep(step: Step): Promise<void> {
    const began = performance.now();
    const { result, changed } = await deps.retrying(place, (attempt) =>
      mayWrite(deps, stored, writerEpoch).then(() => step.store(attempt === 0)),
    );
    if (changed) for (const later of steps) if (later !== step) later.look();
    await deps.scratch.remove(Object.values(result.files));
    if (hasRejected(result.ends)) await deps.retrying(place, () => announceRejected(deps, stored, result.lastOffset));
    deps.onStored(place, result, performance.now() - began);
  }

  function takeGap(gap: GapSegment): void {
    next = gap.lastOffset + 1;
    enqueue(async () => {
      const row = gapRow(deps, stored, gap);
      await deps.retrying(place, () => mayWrite(deps, stored, writerEpoch).then(() => ensureGap(deps.writer, row)));
      await finish(gap.lastOffset + 1);
    });
  }

  // W8. A commit that fails loses nothing: the position comes from the store.
  async function finish(end: number): Promise<void> {
    done = end;
    deps.onCovered?.(stored, end, writerEpoch);
    deps.onMoved();
    await (await deps.consumer()).commit(place, end).catch(() => undefined);
  }

  return { assigned, batch, storedTo: () => done, settled: () => tail };
}

function gapRow(deps: PartitionDeps, place: StoredPartition, gap: Extract<Segment, { kind: 'gap' }>): GapRow {
  const leafPlace = { ...place, tenant: deps.tenant, offset: gap.firstOffset };
  const leaf = gapLeafOf(deps.saltKey, leafPlace, gap.lastOffset, gap.reason).leaf.toString('hex');
  return { ...place, ...gap, leaf, ingestedAtUs: deps.stamp() };
}

// Asked before each write. One that passes and stalls can still write: the seal finds what it brought.
async function mayWrite({ leases }: PartitionDeps, place: StoredPartition, writerEpoch: number): Promise<void> {
  await leases?.check(place, writerEpoch);
}

/** W0: completes what a crash left half done, and gives the first offset that the store does not cover. */
async function openPosition(deps: PartitionDeps, place: StoredPartition & TopicPartition): Promise<number> {
  const { record, derived, covered } = await readReach(deps.writer, place);
  await deriveAgain(deps, place, { from: derived + 1, to: record, fresh: false });
  if (record >= 0) await announceRejected(deps, place, record);
  if (covered < (await deps.log.endOffset(place))) return covered < 0 ? deps.log.startOffset(place) : covered + 1;
  const facts = { topic: place.topic, partition: place.partition };
  throw new Problem('internal', 'The log ends before what the store holds: it was replaced or cut off.', facts);
}
