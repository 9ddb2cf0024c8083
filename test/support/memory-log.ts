import { DEAD_LETTERS } from '../../model/source.ts';
import type { Family } from '../../model/source.ts';
import type {
  Consumer,
  EventLog,
  LogBatch,
  LoggedRecord,
  LogRecord,
  TopicPartition,
} from '../../ingest/log/event-log.ts';

export interface MemoryLog extends EventLog {
  /** Leaves offsets out, as Kafka does for control records. */
  skip(topic: Family, offsets: number): void;
  /** Forgets what lies before an offset, as retention does. */
  trim(topic: Family, offset: number): void;
  commits: string[];
  /** What was announced on the dead-letter topic, in order. */
  readonly announced: LogRecord[];
}

/** The log in memory, one partition a topic, for tests of what reads it. */
export function createMemoryLog(): MemoryLog {
  const topics = new Map<Family, { start: number; end: number; records: LoggedRecord[] }>();
  const commits: string[] = [];
  const announced: LogRecord[] = [];
  let wake: (() => void)[] = [];
  const of = (topic: Family): { start: number; end: number; records: LoggedRecord[] } => {
    const found = topics.get(topic) ?? { start: 0, end: 0, records: [] };
    topics.set(topic, found);
    return found;
  };
  const changed = (): void => {
    const waiting = wake;
    wake = [];
    for (const waiter of waiting) waiter();
  };

  async function read(
    place: TopicPartition,
    options: { records: number; bytes: number },
    seeks: Map<string, number>,
    state: { stopped: boolean; failed: boolean },
    handler: Parameters<EventLog['consume']>[1],
  ): Promise<void> {
    let next = await handler.assigned(place);
    const log = of(place.topic);
    while (!state.stopped) {
      next = seeks.get(place.topic) ?? next;
      seeks.delete(place.topic);
      if (next >= log.end) {
        await new Promise<void>((resolve) => wake.push(resolve));
        continue;
      }
      const batch = take(place, log, next, options);
      await handler.batch(batch);
      next = batch.lastOffset + 1;
    }
  }

  return {
    commits,
    announced,
    announce(_key, records) {
      announced.push(...records);
      const lastOffset = announced.length - 1;
      const firstOffset = lastOffset - records.length + 1;
      return Promise.resolve({ topic: DEAD_LETTERS, partition: 0, firstOffset, lastOffset });
    },
    append(topic, _key, records: readonly LogRecord[]) {
      const log = of(topic);
      const firstOffset = log.end;
      for (const record of records) log.records.push({ ...record, offset: log.end++ });
      changed();
      return Promise.resolve({ topic, partition: 0, firstOffset, lastOffset: log.end - 1 });
    },
    skip(topic, offsets) {
      of(topic).end += offsets;
      changed();
    },
    trim(topic, offset) {
      const log = of(topic);
      log.start = offset;
      log.records = log.records.filter((record) => record.offset >= offset);
    },
    partitions: () => 1,
    startOffset: ({ topic }) => Promise.resolve(of(topic).start),
    endOffset: ({ topic }) => Promise.resolve(of(topic).end),
    consume(options, handler) {
      const state = { stopped: false, failed: false };
      const seeks = new Map<string, number>();
      const limits = { records: options.maxBatchRecords ?? 1_000, bytes: options.maxBatchBytes ?? 2 ** 24 };
      const readers = options.topics.map((topic) =>
        read({ topic, partition: 0 }, limits, seeks, state, handler).catch(() => undefined),
      );
      const consumer: Consumer = {
        pause: () => undefined,
        resume: () => undefined,
        seek: (place, offset) => void seeks.set(place.topic, offset),
        commit(place, offset) {
          commits.push(`${place.topic}/${offset}`);
          return Promise.resolve();
        },
        async stop() {
          state.stopped = true;
          changed();
          await Promise.all(readers);
        },
      };
      return Promise.resolve(consumer);
    },
    close: () => Promise.resolve(),
  };
}

function take(
  place: TopicPartition,
  log: { start: number; end: number; records: LoggedRecord[] },
  next: number,
  limits: { records: number; bytes: number },
): LogBatch {
  const first = Math.max(next, log.start);
  const records: LoggedRecord[] = [];
  let bytes = 0;
  let index = lowerBound(log.records, first);
  for (; index < log.records.length && records.length < limits.records; index += 1) {
    const record = log.records[index];
    if (!record || (records.length > 0 && bytes + record.value.length > limits.bytes)) break;
    bytes += record.value.length;
    records.push(record);
  }
  const following = log.records[index];
  const lastOffset = following ? (records.at(-1)?.offset ?? following.offset - 1) : log.end - 1;
  return { ...place, firstOffset: first, lastOffset, records };
}

function lowerBound(records: readonly LoggedRecord[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((records[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
