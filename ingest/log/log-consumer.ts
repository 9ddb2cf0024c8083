import { setImmediate } from 'node:timers/promises';
import { Problem } from '../../model/problem.ts';
import type { BatchHandler, Consumer, ConsumerOptions, LoggedRecord, TopicPartition } from './event-log.ts';
import { FACT, firstOffsetOf, readRecords } from './log-store.ts';
import type { LogStore } from './log-store.ts';
import type { LogWriter } from './log-writer.ts';

const DEFAULTS = { records: 10_000, bytes: 16 * 1024 * 1024 } as const;
// So much is read without letting other work go first: about a millisecond.
const SLICE_BYTES = 1024 * 1024;

/** One partition that is being read. */
interface Reader {
  readonly partition: TopicPartition;
  /** The next offset to read. */
  position: number;
  /** Set by `seek` while a batch is in flight. */
  sought: number | undefined;
  isPaused: boolean;
  isStopping: boolean;
  /** Ends the present wait. */
  wake: () => void;
  readonly done: Promise<void>;
}

/**
 * Reads all partitions of the topics, each by a loop of its own: one batch at a time, the next when the handler is done.
 * A loop waits for the writer to say that there is more; it never polls. Only what is durable is read.
 */
export function startConsumer(
  store: LogStore,
  writer: LogWriter,
  options: ConsumerOptions,
  handler: BatchHandler,
): Consumer {
  const readers = new Map<string, Reader>();
  for (const topic of options.topics) {
    for (let partition = 0; partition < store.partitions; partition++) {
      const reader = startReader(store, writer, options, handler, { topic, partition });
      readers.set(FACT.end(reader.partition), reader);
    }
  }
  const find = (partition: TopicPartition): Reader => {
    const reader = readers.get(FACT.end(partition));
    if (reader === undefined)
      throw new Problem('internal', `${partition.topic}/${partition.partition} is not read here`);
    return reader;
  };
  return {
    pause(partition) {
      find(partition).isPaused = true;
    },
    resume(partition) {
      const reader = find(partition);
      reader.isPaused = false;
      reader.wake();
    },
    seek(partition, offset) {
      const reader = find(partition);
      reader.sought = offset;
      reader.wake();
    },
    async commit(partition, offset) {
      await store.facts.put(FACT.group(options.group, partition), offset);
    },
    async stop() {
      for (const reader of readers.values()) {
        reader.isStopping = true;
        reader.wake();
      }
      await Promise.all([...readers.values()].map((reader) => reader.done));
    },
  };
}

function startReader(
  store: LogStore,
  writer: LogWriter,
  options: ConsumerOptions,
  handler: BatchHandler,
  partition: TopicPartition,
): Reader {
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));
  const reader: Reader = {
    partition, position: 0, sought: undefined, isPaused: false, isStopping: false, wake: () => undefined, done,
  }; // prettier-ignore
  readLoop(store, writer, options, handler, reader)
    .catch((error: unknown) => handler.failed?.(partition, error))
    .finally(finish);
  return reader;
}

async function readLoop(
  store: LogStore,
  writer: LogWriter,
  options: ConsumerOptions,
  handler: BatchHandler,
  reader: Reader,
): Promise<void> {
  const { partition } = reader;
  reader.position = await handler.assigned(partition);
  for (;;) {
    const end = await waitForMore(writer, reader);
    if (end === undefined) return;
    reader.position = Math.max(reader.position, firstOffsetOf(store, partition, end));
    const firstOffset = reader.position;
    const records = await readBatch(store, reader, end, options);
    const last = records.at(-1);
    if (last === undefined) reader.position = end;
    if (last === undefined || reader.sought !== undefined || reader.isPaused || reader.isStopping) continue;
    await handler.batch({ ...partition, firstOffset, lastOffset: last.offset, records });
    reader.position = last.offset + 1;
  }
}

/** Waits until there is something to read, and gives the end; undefined when the reader is to stop. */
async function waitForMore(writer: LogWriter, reader: Reader): Promise<number | undefined> {
  for (;;) {
    if (reader.isStopping) return undefined;
    if (reader.sought !== undefined) reader.position = reader.sought;
    reader.sought = undefined;
    const end = writer.end(reader.partition);
    if (reader.position > end) {
      // The store is ahead of the log: another log, or one that was restored from a copy. Waiting would hide it until
      // new records got the offsets of old ones.
      const place = `${reader.partition.topic}/${reader.partition.partition}`;
      throw new Problem(
        'unavailable',
        `${place} is to be read from offset ${reader.position}, but the log ends at ${end}`,
      );
    }
    if (!reader.isPaused && reader.position < end) return end;
    await new Promise<void>((resolve) => {
      const callOff = writer.onMove(reader.partition, resolve);
      reader.wake = () => {
        callOff();
        resolve();
      };
    });
  }
}

async function readBatch(
  store: LogStore,
  reader: Reader,
  end: number,
  options: ConsumerOptions,
): Promise<LoggedRecord[]> {
  const mostRecords = options.maxBatchRecords ?? DEFAULTS.records;
  const mostBytes = options.maxBatchBytes ?? DEFAULTS.bytes;
  const batch: LoggedRecord[] = [];
  let bytes = 0;
  let from = reader.position;
  while (from < end && batch.length < mostRecords && bytes < mostBytes) {
    const bounds = { records: mostRecords - batch.length, bytes: Math.min(SLICE_BYTES, mostBytes - bytes) };
    const slice = readRecords(store, reader.partition, from, end, bounds);
    const first = slice[0];
    const last = slice.at(-1);
    if (first === undefined || last === undefined) break;
    if (batch.length > 0 && bytes + first.value.length > mostBytes) break;
    for (const record of slice) {
      batch.push(record);
      bytes += record.value.length;
    }
    from = last.offset + 1;
    await setImmediate();
  }
  return batch;
}
