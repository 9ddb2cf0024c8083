import { LIMITS } from '../../model/position.ts';
import { Problem } from '../../model/problem.ts';
import type { Topic } from '../../model/source.ts';
import type { AppendedRange, LogRecord, TopicPartition } from './event-log.ts';
import { BLOCK_BYTES, encodeBlock, encodeRecord, recordKey } from './log-format.ts';
import { FACT, readEnds } from './log-store.ts';
import type { LogStore } from './log-store.ts';

/** Facts as they will be when what was decided so far in this commit is written. */
export interface PendingFacts {
  get(name: string): number | string | undefined;
  set(name: string, value: number | string): void;
}

/**
 * What a caller wants appended. `decide` looks at the facts, may set some, or says false: nothing is to be appended, and
 * what it has set is written all the same. It may throw to refuse, but only before it has set anything.
 */
export interface AppendRequest<T extends Topic = Topic> extends TopicPartition<T> {
  readonly records: readonly LogRecord[];
  readonly decide?: (facts: PendingFacts) => boolean;
}

export interface LogWriter {
  /** Resolves when the records are durable; undefined if `decide` said that there is nothing to append. */
  append<T extends Topic>(request: AppendRequest<T>): Promise<AppendedRange<T> | undefined>;
  /** The offset after the last durable record. */
  end(partition: TopicPartition<Topic>): number;
  /** Calls back once when the end of the partition moves or the writer closes. Gives a way to call it off. */
  onMove(partition: TopicPartition, callback: () => void): () => void;
  /** Waits for what was asked so far, then refuses. */
  close(): Promise<void>;
}

interface Job extends AppendRequest {
  readonly encoded: readonly Buffer[];
  readonly bytes: number;
  readonly resolve: (range: AppendedRange<Topic> | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const COMMIT_BYTES = 32 * 1024 * 1024;

/**
 * Writes the log. While one commit is on its way to the disk, what is asked meanwhile gathers and goes into the next
 * together: one sync for many callers. Offsets are given when a commit is put together, so a failed one leaves no hole.
 */
export function createLogWriter(store: LogStore): LogWriter {
  const ends = readEnds(store);
  const waiting = new Map<string, Set<() => void>>();
  const queue: Job[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;

  async function drain(): Promise<void> {
    // A turn later, so that all that is asked in this turn shares the first commit.
    await Promise.resolve();
    while (queue.length > 0) await commit(store, ends, takeJobs(queue), announce);
    running = undefined;
  }

  function announce(name: string): void {
    const callbacks = waiting.get(name);
    waiting.delete(name);
    callbacks?.forEach((callback) => callback());
  }

  return {
    append(request) {
      if (isClosed) return Promise.reject(new Problem('unavailable', 'the log is closed'));
      return new Promise((resolve, reject) => {
        const encoded = request.records.map(encodeRecord);
        const bytes = encoded.reduce((sum, record) => sum + record.length, 0);
        const settle: Job['resolve'] = (range) => resolve(range && { ...range, topic: request.topic });
        queue.push({ ...request, encoded, bytes, resolve: settle, reject });
        running ??= drain();
      });
    },
    end: (partition) => ends.get(FACT.end(partition)) ?? 0,
    onMove(partition, callback) {
      const name = FACT.end(partition);
      const callbacks = waiting.get(name) ?? new Set();
      waiting.set(name, callbacks.add(callback));
      return () => callbacks.delete(callback);
    },
    async close() {
      isClosed = true;
      await running;
      for (const name of waiting.keys()) announce(name);
    },
  };
}

/** As many jobs as make one commit: at least one. */
function takeJobs(queue: Job[]): Job[] {
  let bytes = 0;
  let count = 0;
  while (count < queue.length && (count === 0 || bytes + (queue[count]?.bytes ?? 0) <= COMMIT_BYTES)) {
    bytes += queue[count]?.bytes ?? 0;
    count += 1;
  }
  return queue.splice(0, count);
}

interface Settled {
  readonly job: Job;
  readonly range: AppendedRange<Topic> | undefined;
}

/** Writes jobs in one transaction and settles each. Nothing that a failed transaction wanted is remembered. */
async function commit(
  store: LogStore,
  ends: Map<string, number>,
  jobs: readonly Job[],
  announce: (name: string) => void,
): Promise<void> {
  const facts = new Map<string, number | string>();
  const pending: PendingFacts = {
    get: (name) => facts.get(name) ?? store.facts.get(name),
    set: (name, value) => facts.set(name, value),
  };
  const blocks = new Map<string, Block>();
  const puts: Promise<boolean>[] = [];
  const settled: Settled[] = [];
  for (const job of jobs) {
    const range = accept(job, ends, pending);
    if (range === 'refused') continue;
    settled.push({ job, range });
    if (range === undefined) continue;
    const name = FACT.end(job);
    facts.set(name, range.lastOffset + 1);
    const block = blocks.get(name) ?? { partition: job, first: range.firstOffset, records: [], bytes: 0 };
    blocks.set(name, block);
    for (const record of job.encoded) addToBlock(store, block, record, puts);
  }
  for (const block of blocks.values()) closeBlock(store, block, puts);
  // Written after the blocks: a partition ends where this says, so what was not fully written would not be there.
  for (const [name, value] of facts) puts.push(store.facts.put(name, value));
  try {
    await Promise.all(puts);
  } catch (error) {
    const problem = new Problem('unavailable', 'the log could not be written', {}, error);
    for (const { job } of settled) job.reject(problem);
    return;
  }
  for (const [name, value] of facts) if (blocks.has(name)) ends.set(name, Number(value));
  for (const { job, range } of settled) job.resolve(range);
  for (const name of blocks.keys()) announce(name);
}

/** Lets a job decide by the facts, and gives its offsets; "refused" if it was rejected. */
function accept(
  job: Job,
  ends: ReadonlyMap<string, number>,
  pending: PendingFacts,
): AppendedRange<Topic> | undefined | 'refused' {
  try {
    const firstOffset = Number(pending.get(FACT.end(job)) ?? ends.get(FACT.end(job)) ?? 0);
    const lastOffset = firstOffset + job.encoded.length - 1;
    if (lastOffset >= LIMITS.offset) throw new Problem('unavailable', 'the partition is full');
    if (job.decide?.(pending) === false) return undefined;
    return { topic: job.topic, partition: job.partition, firstOffset, lastOffset };
  } catch (error) {
    job.reject(error);
    return 'refused';
  }
}

interface Block {
  readonly partition: TopicPartition<Topic>;
  first: number;
  records: Buffer[];
  bytes: number;
}

function addToBlock(store: LogStore, block: Block, record: Buffer, puts: Promise<boolean>[]): void {
  if (block.bytes > 0 && block.bytes + record.length > BLOCK_BYTES) closeBlock(store, block, puts);
  block.records.push(record);
  block.bytes += record.length;
}

function closeBlock(store: LogStore, block: Block, puts: Promise<boolean>[]): void {
  if (block.records.length === 0) return;
  puts.push(store.blocks.put(recordKey(block.partition, block.first), encodeBlock(block.records)));
  block.first += block.records.length;
  block.records = [];
  block.bytes = 0;
}
