import type {
  BatchHandler,
  ConsumerOptions,
  LogBatch,
  LoggedRecord,
  TopicPartition,
  Undecodable,
} from './event-log.ts';
import { recordOf } from './kafka-headers.ts';
import type { KafkaMessage } from './kafka-records.ts';

/** What a reader may tell the client about its partition. */
export interface PartitionFetch {
  pause(): void;
  resume(): void;
  seek(offset: number): void;
}

export interface KafkaReaderOptions {
  readonly place: TopicPartition;
  /** The first offset to read. */
  readonly from: number;
  /** Whether records before `from` were to be read and are gone: the handler is told by an empty batch that begins there. */
  readonly lost: boolean;
  readonly bounds: Pick<ConsumerOptions, 'maxBatchRecords' | 'maxBatchBytes'>;
  /** What all readers of a consumer hold together: many partitions may wait at once while the store is away. */
  readonly budget: Budget;
  readonly handler: BatchHandler;
  readonly fetch: PartitionFetch;
  /** Whether the group still counts us in; else what is here may be another's already, and waits. */
  readonly isMember: () => boolean;
}

/** Bytes that wait in all readers of a consumer, and how many may. One who holds nothing may always take a fetch. */
export interface Budget {
  held: number;
  readonly most: number;
}

/** One assigned partition: takes what is fetched, and gives it to the handler, one batch at a time. */
export interface KafkaReader {
  readonly place: TopicPartition;
  /** The next offset to fetch. */
  next(): number;
  /**
   * Takes a fetch that begins at `from` and covers all offsets up to `last`. False, and nothing taken, where it does not
   * begin at `next`: the client went elsewhere by itself.
   */
  offer(from: number, last: number, messages: readonly KafkaMessage[]): boolean;
  /** Goes on at `from`, because what lies before is gone. */
  lose(from: number): void;
  pause(): void;
  resume(): void;
  seek(offset: number): void;
  /** Looks again whether it may go on. */
  wake(): void;
  /** Ends with an error that the handler is told. */
  fail(error: unknown): void;
  /** Resolves when the handler of the batch in flight has finished; nothing comes after it. */
  stop(): Promise<void>;
}

const DEFAULTS = { records: 10_000, bytes: 16 * 1_024 * 1_024 } as const;

type Item = { readonly record: LoggedRecord } | { readonly undecodable: Undecodable };

interface State {
  readonly queue: Item[];
  /** Bytes in the queue. */
  held: number;
  /** The next offset to hand over, and the next to fetch. */
  delivered: number;
  fetched: number;
  lost: boolean;
  isPaused: boolean;
  /** So much is here that nothing more is fetched. */
  isFull: boolean;
  isEnded: boolean;
  wake: () => void;
}

interface Bounds {
  readonly records: number;
  readonly bytes: number;
}

/** Begins to read a partition. The client fetches on while a batch is handled, until one more is here. */
export function startReader(options: KafkaReaderOptions): KafkaReader {
  const { place, bounds, budget, handler, fetch, from, lost } = options;
  const most = { records: bounds.maxBatchRecords ?? DEFAULTS.records, bytes: bounds.maxBatchBytes ?? DEFAULTS.bytes };
  const state: State = {
    queue: [],
    held: 0,
    delivered: from,
    fetched: from,
    lost,
    isPaused: false,
    isFull: false,
    isEnded: false,
    wake: () => undefined,
  };
  const end = (): boolean => {
    const wasEnded = state.isEnded;
    state.isEnded = true;
    state.wake();
    return !wasEnded;
  };
  // What waits is given up with the reader: who reads the partition next fetches it again.
  const forget = (): void => {
    budget.held -= state.held;
    state.held = 0;
    state.queue.length = 0;
  };
  const done = readLoop(options, state, most).catch((error: unknown) => {
    state.isEnded = true;
    forget();
    fetch.pause();
    handler.failed?.(place, error);
  });
  return {
    place,
    next: () => state.fetched,
    offer: (at, last, messages) => offer(options, state, most, { at, last, messages }),
    lose(at) {
      state.lost = true;
      moveTo(options, state, at);
    },
    pause: () => void (state.isPaused = true),
    resume() {
      state.isPaused = false;
      state.wake();
    },
    seek: (offset) => moveTo(options, state, offset),
    wake: () => state.wake(),
    fail(error) {
      if (end()) handler.failed?.(place, error);
    },
    async stop() {
      end();
      await done;
      forget();
    },
  };
}

async function readLoop(options: KafkaReaderOptions, state: State, most: Bounds): Promise<void> {
  while (!state.isEnded) {
    const hasMore = state.lost || state.fetched > state.delivered;
    fetchOn(options, state, most);
    if (state.isPaused || !hasMore || !options.isMember()) {
      await new Promise<void>((resolve) => (state.wake = resolve));
      continue;
    }
    const held = state.held;
    const batch = takeBatch(options.place, state, most);
    options.budget.held -= held - state.held;
    fetchOn(options, state, most);
    await options.handler.batch(batch);
  }
}

/** Fetches on where that was stopped for want of room and there is room again. */
function fetchOn({ fetch, budget }: KafkaReaderOptions, state: State, most: Bounds): void {
  if (!state.isFull || state.isEnded || state.held >= most.bytes) return;
  if (state.held > 0 && budget.held >= budget.most) return;
  state.isFull = false;
  fetch.resume();
}

function offer(
  { fetch, budget }: KafkaReaderOptions,
  state: State,
  most: Bounds,
  { at, last, messages }: { readonly at: number; readonly last: number; readonly messages: readonly KafkaMessage[] },
): boolean {
  if (state.isEnded || at !== state.fetched || last < at) return false;
  const held = state.held;
  for (const message of messages) state.held += take(state, message, at);
  budget.held += state.held - held;
  state.fetched = last + 1;
  state.isFull = state.held >= most.bytes || (state.held > 0 && budget.held >= budget.most);
  if (state.isFull) fetch.pause();
  state.wake();
  return true;
}

function moveTo({ fetch, budget }: KafkaReaderOptions, state: State, offset: number): void {
  state.queue.length = 0;
  budget.held -= state.held;
  state.held = 0;
  state.delivered = offset;
  state.fetched = offset;
  fetch.seek(offset);
  if (state.isFull) fetch.resume();
  state.isFull = false;
  state.wake();
}

/** Puts a message into the queue and gives the bytes that it holds. */
function take({ queue }: State, message: KafkaMessage, from: number): number {
  if (message.undecodable) {
    const firstOffset = Math.max(from, message.undecodable.firstOffset);
    queue.push({ undecodable: { ...message.undecodable, firstOffset } });
    return 0;
  }
  const record = recordOf(message);
  queue.push({ record });
  return record.value.length;
}

/** The next batch: as much of the queue as fits, at least one record; its range covers the holes before and behind. */
function takeBatch({ topic, partition }: TopicPartition, state: State, most: Bounds): LogBatch {
  const { queue, delivered: firstOffset } = state;
  state.lost = false;
  const records: LoggedRecord[] = [];
  const undecodable: Undecodable[] = [];
  let bytes = 0;
  let count = 0;
  let lastOffset = firstOffset - 1;
  for (const item of queue) {
    if ('undecodable' in item) {
      undecodable.push(item.undecodable);
      lastOffset = item.undecodable.lastOffset;
    } else {
      const size = item.record.value.length;
      if (records.length >= most.records || (records.length > 0 && bytes + size > most.bytes)) break;
      records.push(item.record);
      bytes += size;
      lastOffset = item.record.offset;
    }
    count += 1;
  }
  queue.splice(0, count);
  if (queue.length === 0) lastOffset = state.fetched - 1;
  state.held -= bytes;
  state.delivered = lastOffset + 1;
  return { topic, partition, firstOffset, lastOffset, records, ...(undecodable.length > 0 ? { undecodable } : {}) };
}
