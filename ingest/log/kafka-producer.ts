import type { Kafka, Message, Producer } from 'kafkajs';
import { Problem } from '../../model/problem.ts';
import type { Topic } from '../../model/source.ts';
import type { AppendedRange, LogRecord, LogStamp, TopicPartition } from './event-log.ts';
import { GZIP } from './kafka-client.ts';
import { RECEIVED_HEADER } from './kafka-headers.ts';

export interface KafkaWriter {
  /** Resolves when all records are on all in-sync replicas. */
  append<T extends Topic>(place: TopicPartition<T>, records: readonly LogRecord[]): Promise<AppendedRange<T>>;
  /** Waits for what was asked so far, then refuses. */
  close(): Promise<void>;
}

export interface KafkaWriterOptions {
  readonly kafka: Kafka;
  readonly nameOf: (topic: Topic) => string;
  /** The largest batch that the topic takes, bytes. */
  readonly maxBatchBytes: (topic: Topic) => number;
}

/** What the brokers told of a send: the offset of its first record, and their own stamp where they made one. */
interface Sent {
  readonly firstOffset: number;
  readonly stampMs: number | undefined;
}

interface Job {
  readonly messages: readonly Message[];
  readonly bytes: number;
  readonly resolve: (sent: Sent) => void;
  readonly reject: (error: unknown) => void;
}

interface Queue {
  readonly jobs: Job[];
  isRunning: boolean;
}

// One send is one batch, and a batch above the topic's bound fails whole and is not tried again (reliability.md 4).
const SEND_BYTES = 900_000;
const RECORD_OVERHEAD = 64;
const BATCH_OVERHEAD = 512;
// The reader inflates no batch beyond 16 MiB; a record that may come near it is sent as it is.
const COMPRESSED_BYTES = 4 * 1_024 * 1_024;

/**
 * Writes to Kafka: acks=all, idempotent, one send at a time a partition; what is asked meanwhile goes into the next
 * together. Records of one call keep their order and, where they fit into one send, their neighbours; a call that needs
 * several sends may be stored in part when it fails. Who repeats it then makes duplicates, which are counted once.
 */
export function createKafkaWriter(options: KafkaWriterOptions): KafkaWriter {
  const queues = new Map<string, Queue>();
  const producers = createProducers(options.kafka);
  const appending = new Set<Promise<unknown>>();
  let isClosed = false;

  async function drain(place: TopicPartition<Topic>, queue: Queue): Promise<void> {
    // A turn later, so that all that is asked in this turn shares the first send.
    await Promise.resolve();
    const topic = options.nameOf(place.topic);
    while (queue.jobs.length > 0) await sendJobs(producers, topic, place.partition, takeJobs(queue.jobs));
    // In the same turn as the look at the queue: what is asked a turn later must begin anew, or nobody would send it.
    queue.isRunning = false;
  }

  function send(place: TopicPartition<Topic>, { messages, bytes }: Chunk): Promise<Sent> {
    const name = `${place.topic}/${place.partition}`;
    const queue = queues.get(name) ?? { jobs: [], isRunning: false };
    queues.set(name, queue);
    return new Promise((resolve, reject) => {
      queue.jobs.push({ messages, bytes, resolve, reject });
      if (queue.isRunning) return;
      queue.isRunning = true;
      void drain(place, queue);
    });
  }

  async function append<T extends Topic>(
    place: TopicPartition<T>,
    records: readonly LogRecord[],
  ): Promise<AppendedRange<T>> {
    let first: number | undefined;
    let last = -1;
    const stamps: LogStamp[] = [];
    for (const chunk of cutRecords(records, options.maxBatchBytes(place.topic))) {
      const { firstOffset, stampMs } = await send(place, chunk);
      first ??= firstOffset;
      last = firstOffset + chunk.messages.length - 1;
      if (stampMs !== undefined) stamps.push({ records: chunk.messages.length, atMs: stampMs });
    }
    const range = { topic: place.topic, partition: place.partition, firstOffset: first ?? 0, lastOffset: last };
    return stamps.length === 0 ? range : { ...range, stamps };
  }

  return {
    async append(place, records) {
      if (isClosed) throw new Problem('unavailable', 'the log is closed');
      const work = append(place, records);
      appending.add(work);
      return work.finally(() => appending.delete(work));
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(appending);
      await producers.close();
    },
  };
}

/** As many jobs as make one send: at least one. */
function takeJobs(jobs: Job[]): Job[] {
  let bytes = 0;
  let count = 0;
  while (count < jobs.length && (count === 0 || bytes + (jobs[count]?.bytes ?? 0) <= SEND_BYTES)) {
    bytes += jobs[count]?.bytes ?? 0;
    count += 1;
  }
  return jobs.splice(0, count);
}

async function sendJobs(producers: Producers, topic: string, partition: number, jobs: readonly Job[]): Promise<void> {
  const messages = jobs.flatMap((job) => job.messages.map((message) => ({ ...message, partition })));
  const bytes = jobs.reduce((sum, job) => sum + job.bytes, 0);
  try {
    const [answer] = await producers.send(topic, messages, bytes <= COMPRESSED_BYTES);
    let next = Number(answer?.baseOffset);
    if (!Number.isSafeInteger(next) || next < 0) throw new Problem('internal', 'Kafka told no offset for what it took');
    const stampMs = stampOf(answer?.logAppendTime);
    for (const job of jobs) {
      job.resolve({ firstOffset: next, stampMs });
      next += job.messages.length;
    }
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem('unavailable', 'Kafka did not take it', {}, error);
    for (const job of jobs) job.reject(problem);
  }
}

/** The brokers' stamp of a send, milliseconds UTC; -1 says that they keep the sender's. */
function stampOf(text: string | undefined): number | undefined {
  const stamp = Number(text ?? -1);
  return Number.isSafeInteger(stamp) && stamp >= 0 ? stamp : undefined;
}

interface Chunk {
  readonly messages: Message[];
  bytes: number;
}

function cutRecords(records: readonly LogRecord[], maxBatchBytes: number): Chunk[] {
  const chunks: Chunk[] = [];
  let open: Chunk | undefined;
  for (const record of records) {
    const bytes = sizeOf(record);
    if (bytes + BATCH_OVERHEAD > maxBatchBytes) {
      throw new Problem('too_large', `a record of ${bytes} bytes is more than the topic takes (${maxBatchBytes})`);
    }
    if (!open || open.bytes + bytes > Math.min(SEND_BYTES, maxBatchBytes - BATCH_OVERHEAD)) {
      chunks.push((open = { messages: [], bytes: 0 }));
    }
    open.messages.push(messageOf(record));
    open.bytes += bytes;
  }
  return chunks;
}

function sizeOf({ key, value, headers }: LogRecord): number {
  let bytes = RECORD_OVERHEAD + Buffer.byteLength(key) + value.length;
  for (const [name, text] of Object.entries(headers)) bytes += 10 + Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
}

function messageOf({ key, value, headers, timestampMs }: LogRecord): Message {
  const stamp = String(timestampMs);
  return { key, value, headers: { ...headers, [RECEIVED_HEADER]: stamp }, timestamp: stamp };
}

interface Producers {
  send(
    topic: string,
    messages: Message[],
    compress: boolean,
  ): Promise<{ readonly baseOffset?: string; readonly logAppendTime?: string }[]>;
  close(): Promise<void>;
}

/**
 * One idempotent producer, replaced after a send that failed. After it nobody knows whether the brokers have the batch,
 * and the client would give its sequence numbers to the next one: a broker that has the first takes the second for a
 * repetition, answers that all is well, and drops it.
 */
function createProducers(kafka: Kafka): Producers {
  let current: { readonly producer: Promise<Producer>; inFlight: number } | undefined;
  const retired = new Set<Promise<void>>();

  async function connect(): Promise<Producer> {
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry: { retries: 8, maxRetryTime: 5_000 },
    });
    await producer.connect();
    return producer;
  }
  const retire = (producer: Promise<Producer>): void => {
    const gone: Promise<void> = producer
      .then((connected) => connected.disconnect())
      .catch(() => undefined)
      .finally(() => retired.delete(gone));
    retired.add(gone);
  };

  return {
    async send(topic, messages, compress) {
      const used = (current ??= { producer: connect(), inFlight: 0 });
      used.inFlight += 1;
      try {
        const producer = await used.producer;
        return await producer.send({ topic, messages, acks: -1, ...(compress ? { compression: GZIP } : {}) });
      } catch (error) {
        if (current === used) current = undefined;
        throw error;
      } finally {
        used.inFlight -= 1;
        if (used !== current && used.inFlight === 0) retire(used.producer);
      }
    },
    async close() {
      if (current) retire(current.producer);
      current = undefined;
      await Promise.all(retired);
    },
  };
}
