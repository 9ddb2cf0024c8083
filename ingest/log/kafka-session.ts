import type { Batch, Consumer, Kafka } from 'kafkajs';
import type { KafkaMessage } from './kafka-records.ts';

/** What a session tells. All of it comes from one consumer of the client, which is never used again after `ended`. */
export interface SessionEvents {
  /** The group gave us these partitions, and no others from now on. Nothing is fetched of them until `open`. */
  assigned(partitions: readonly NamedPartition[]): void;
  /** A fetch that begins at `from` and covers all up to `last`; false if it was not taken and is to be forgotten. */
  fetched(place: NamedPartition, from: number, last: number, messages: readonly KafkaMessage[]): boolean;
  /** The group has heard of us. */
  alive(): void;
  /** The group is shared out anew: what is ours may be another's soon. */
  unsettled(): void;
}

export interface NamedPartition {
  readonly name: string;
  readonly partition: number;
}

export interface SessionOptions {
  readonly kafka: Kafka;
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  /** Without an answer to a fetch for so long, the session ends. */
  readonly silenceMs: number;
}

export interface Session {
  /** Resolves with why the session cannot go on. */
  readonly ended: Promise<Error>;
  pause(place: NamedPartition): void;
  /** Fetches a partition, from `offset` on if it is given. */
  open(place: NamedPartition, offset?: number): void;
  seek(place: NamedPartition, offset: number): void;
  commit(offsets: readonly (NamedPartition & { readonly offset: number })[]): Promise<void>;
  end(error: Error): void;
  close(): Promise<void>;
}

// The client decodes an answer in one go, and what is compressed is several times as large: nothing else runs meanwhile.
const FETCH = { partitionBytes: 1_024 * 1_024, bytes: 2 * 1_024 * 1_024, waitMs: 250 } as const;
const CLOSE_MS = 5_000;

/**
 * Joins the group by one consumer of the client, without its own commits and restarts: whatever goes wrong ends the
 * session, and the next begins from the store's positions (reliability.md 4: consumers that are dead while the process
 * lives, and hang without a word).
 */
export function openSession(options: SessionOptions, events: SessionEvents): Session {
  const consumer = options.kafka.consumer({
    groupId: options.group,
    sessionTimeout: options.sessionTimeoutMs,
    // Heartbeats are how a member hears that the group is shared out anew: until the last one has, all stand still.
    heartbeatInterval: Math.min(1_000, Math.floor(options.sessionTimeoutMs / 4)),
    rebalanceTimeout: Math.max(options.sessionTimeoutMs, 30_000),
    maxBytesPerPartition: FETCH.partitionBytes,
    maxBytes: FETCH.bytes,
    maxWaitTimeInMs: FETCH.waitMs,
    // Partitions that are added are found within this time.
    metadataMaxAge: 60_000,
    retry: { retries: 5, restartOnFailure: () => Promise.resolve(false) },
  });
  let end: (error: Error) => void = () => undefined;
  const ended = new Promise<Error>((resolve) => (end = resolve));
  let heardAt = Date.now();
  const heard = (): void => void (heardAt = Date.now());
  const watch = setInterval(() => {
    if (Date.now() - heardAt > options.silenceMs) end(new Error(`no fetch was answered for ${options.silenceMs} ms`));
  }, options.silenceMs / 10);
  watch.unref();

  listen(consumer, events, { heard, end });
  run(consumer, options.topics, events).catch((error: unknown) => end(errorOf(error)));

  // Pausing and seeking fail only where the consumer has ended, which `ended` tells.
  const quietly = (work: () => void): void => {
    try {
      work();
    } catch {
      // As above.
    }
  };
  const listed = ({ name, partition }: NamedPartition): { topic: string; partitions: number[] }[] => [
    { topic: name, partitions: [partition] },
  ];
  const seek = ({ name, partition }: NamedPartition, offset: number): void =>
    quietly(() => consumer.seek({ topic: name, partition, offset: String(offset) }));
  return {
    ended,
    end,
    seek,
    pause: (place) => quietly(() => consumer.pause(listed(place))),
    open(place, offset) {
      if (offset !== undefined) seek(place, offset);
      quietly(() => consumer.resume(listed(place)));
    },
    async commit(offsets) {
      await consumer.commitOffsets(
        offsets.map(({ name, partition, offset }) => ({ topic: name, partition, offset: String(offset) })),
      );
    },
    async close() {
      clearInterval(watch);
      end(new Error('closed'));
      const late = new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([consumer.disconnect().catch(() => undefined), late]);
    },
  };
}

function listen(
  consumer: Consumer,
  events: SessionEvents,
  { heard, end }: { heard: () => void; end: (error: Error) => void },
): void {
  const { GROUP_JOIN, FETCH, HEARTBEAT, REBALANCING, CRASH, START_BATCH_PROCESS } = consumer.events;
  consumer.on(GROUP_JOIN, ({ payload }) => {
    heard();
    const assigned = Object.entries(payload.memberAssignment).flatMap(([name, partitions]) =>
      partitions.map((partition) => ({ name, partition })),
    );
    // Before anything of the new share is fetched: where it is to begin is not known yet.
    for (const { name, partition } of assigned) consumer.pause([{ topic: name, partitions: [partition] }]);
    events.alive();
    events.assigned(assigned);
  });
  consumer.on(FETCH, heard);
  consumer.on(HEARTBEAT, () => events.alive());
  consumer.on(REBALANCING, () => events.unsettled());
  consumer.on(CRASH, ({ payload }) => end(payload.error));
  // A fetch that holds nothing but control records or what was aborted never reaches the handler.
  consumer.on(START_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize !== 0) return;
    const last = Number(payload.lastOffset);
    const first = (payload.firstOffset as string | null) === null ? last : Number(payload.firstOffset);
    events.fetched({ name: payload.topic, partition: payload.partition }, first, last, []);
  });
}

async function run(consumer: Consumer, topics: readonly string[], events: SessionEvents): Promise<void> {
  await consumer.connect();
  // Where the client loses its place it goes to the beginning: what was read already is left out, what was not never is.
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: (payload) => {
      if (payload.isStale()) return Promise.resolve();
      const { batch } = payload;
      const { fetchedOffset } = batch as Batch & { readonly fetchedOffset: string };
      const messages = batch.messages as unknown as readonly KafkaMessage[];
      const place = { name: batch.topic, partition: batch.partition };
      const isTaken = events.fetched(place, Number(fetchedOffset), Number(batch.lastOffset()), messages);
      const last = messages.at(-1);
      if (isTaken && last) payload.resolveOffset(last.offset);
      return Promise.resolve();
    },
  });
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
