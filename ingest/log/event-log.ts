import type { DEAD_LETTERS, Family, Topic } from '../../model/source.ts';

/** What is appended: bytes that were redacted before they came here. `timestampMs` is when Custody received them, UTC. */
export interface LogRecord {
  readonly timestampMs: number;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record with its place. Offsets of a partition rise; they need not be dense (Kafka leaves holes). */
export interface LoggedRecord extends LogRecord {
  readonly offset: number;
}

export interface TopicPartition<T extends Topic = Family> {
  readonly topic: T;
  readonly partition: number;
}

/** Records as they were fetched. `firstOffset..lastOffset` is the range the fetch covered, holes at its ends included. */
export interface LogBatch extends TopicPartition {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly records: readonly LoggedRecord[];
  /** Ranges within it whose records are in the log but cannot be read. Absent if none. */
  readonly undecodable?: readonly Undecodable[];
}

/** Offsets whose records cannot be read (a broken batch, one that would inflate beyond its bound), and why. */
export interface Undecodable {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly detail: string;
}

export interface AppendedRange<T extends Topic = Family> extends TopicPartition<T> {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** Where the log stamps records by a clock of its own: what they were stamped with, in their order. Absent elsewhere. */
  readonly stamps?: readonly LogStamp[];
}

/** So many records, one after another, that the log stamped with one moment, milliseconds UTC. */
export interface LogStamp {
  readonly records: number;
  readonly atMs: number;
}

/** What a reader does with what it is given. */
export interface BatchHandler {
  /** A partition begins to be read: gives the offset to start at, which comes from the store, not from the log. */
  assigned(partition: TopicPartition): Promise<number>;
  /** One batch at a time a partition; the next comes when the promise resolves. A rejection stops the partition. */
  batch(batch: LogBatch): Promise<void>;
  /** The partition is read no more, because `assigned` or `batch` rejected or the log could not be read. */
  failed?(partition: TopicPartition, error: unknown): void;
  /** The partition is no longer ours; what is in flight for it must not be written. */
  revoked?(partition: TopicPartition): Promise<void>;
}

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly Family[];
  readonly maxBatchRecords?: number;
  readonly maxBatchBytes?: number;
}

/** A running reader. Pausing leaves the position; `seek` is a hint for the next fetch. */
export interface Consumer {
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  seek(partition: TopicPartition, offset: number): void;
  /** Records that everything below `offset` is done. Only a convenience: positions come from the store. */
  commit(partition: TopicPartition, offset: number): Promise<void>;
  /** Resolves when the handler of the batch in flight has finished. */
  stop(): Promise<void>;
}

/**
 * The event log: append-only, partitioned, offsets. Embedded on LMDB; Kafka behind the same interface.
 * `append` resolves when the records are durable, all of them or none; records of one call keep their order.
 */
export interface EventLog {
  append(topic: Family, partitionKey: string, records: readonly LogRecord[]): Promise<AppendedRange>;
  /**
   * Appends to the dead-letter topic, which no worker reads; durable when it resolves. May be called twice for the same
   * record: its header `x-source` tells.
   */
  announce(partitionKey: string, records: readonly LogRecord[]): Promise<AppendedRange<typeof DEAD_LETTERS>>;
  partitions(topic: Family): number;
  /** First offset still held, and the offset that the next record will get. */
  startOffset(partition: TopicPartition): Promise<number>;
  endOffset(partition: TopicPartition): Promise<number>;
  consume(options: ConsumerOptions, handler: BatchHandler): Promise<Consumer>;
  close(): Promise<void>;
}

/** Names of the headers that intake writes on each record. */
export const HEADERS = {
  source: 'x-custody-source',
  instance: 'x-custody-instance',
  tenant: 'x-custody-tenant',
  /** How it came: push, poll, import; replay for a dead letter that was appended again. */
  delivery: 'x-custody-delivery',
  /** Which values were redacted: JSON array of [path, rule]. Absent if none. */
  redacted: 'x-custody-redacted',
  /** "3/10": the third of ten events of one delivery. Absent for a delivery of one. */
  part: 'x-custody-part',
  /** Present where the value was withheld because it could not be parsed, hence not redacted: "reason: detail". */
  unreadable: 'x-custody-unreadable',
  /** The place in an inbound topic from which others' record was taken: topic/partition/offset. Absent for all else. */
  inbound: 'x-custody-inbound',
  /** "1" where some object has the same name twice, so that parsers may differ on what it says. */
  duplicateKeys: 'x-custody-duplicate-keys',
  /** On a record that repeats a dead letter: the letter (model/dead-letter.ts), when it first came (Unix ms), by whom. */
  replayOf: 'x-custody-replay-of',
  firstReceived: 'x-custody-first-received',
  replayedBy: 'x-custody-replayed-by',
} as const;
