import type { Admin } from 'kafkajs';
import { Problem } from '../../model/problem.ts';
import { DEAD_LETTERS, FAMILIES } from '../../model/source.ts';
import type { Family, Topic } from '../../model/source.ts';
import type { Consumer, EventLog, TopicPartition } from './event-log.ts';
import { createKafka } from './kafka-client.ts';
import type { KafkaConnection } from './kafka-client.ts';
import { startKafkaConsumer } from './kafka-consumer.ts';
import { createKafkaWriter } from './kafka-producer.ts';
import { kafkaRefusal } from './kafka-refusal.ts';
import { checkTopics, describeTopics, refuseTopics } from './kafka-topics.ts';
import type { TopicSettings, TopicState } from './kafka-topics.ts';
import { partitionOf } from './partition-of.ts';

export interface KafkaLogOptions extends KafkaConnection {
  readonly topics: TopicSettings;
  /** The families that are read and written here; all if left out. */
  readonly families?: readonly Family[];
  /** The group forgets a member that it has not heard of for so long; 30 s if left out. */
  readonly sessionTimeoutMs?: number;
  /** Bytes of records that may wait for the handlers, over all partitions; 96 MiB if left out. */
  readonly maxHeldBytes?: number;
  /** A consumer that had no answer for so long is started anew; 60 s if left out. */
  readonly silenceMs?: number;
}

const SESSION_MS = 30_000;
const SILENCE_MS = 60_000;
const REFRESH_MS = 60_000;

/**
 * The event log on Kafka. An append resolves when all in-sync replicas have it. Problems: `configuration` for topics that
 * are missing or may not be used (`custody topics` makes and checks them), `unavailable` where no broker answers,
 * `too_large` for a record above what the topic takes.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const kafka = createKafka(options);
  const families: readonly Topic[] = [...(options.families ?? FAMILIES), DEAD_LETTERS];
  const nameOf = (topic: Topic): string => options.topics.prefix + topic;
  const admin = createAdmin(() => kafka.admin());
  const describe = (): Promise<readonly TopicState[]> =>
    admin.ask((client) => describeTopics(client, families, options.topics.prefix));
  const known = await openTopics(describe, families, options.topics).catch(async (error: unknown) => {
    await admin.close();
    throw error;
  });
  const writer = createKafkaWriter({ kafka, nameOf, maxBatchBytes: (topic) => stateOf(known, topic).maxMessageBytes });
  const consumers = new Set<Consumer>();
  // Partitions that are added are used within this time; the rule of keys then shares them out anew.
  const refreshing = setInterval(() => {
    describe().then(
      (states) => states.forEach((state) => known.set(state.family, state)),
      () => undefined,
    );
  }, REFRESH_MS);
  refreshing.unref();

  async function offsets({ topic, partition }: TopicPartition): Promise<{ start: number; end: number }> {
    const answers = await admin.ask((client) => client.fetchTopicOffsets(nameOf(topic)));
    const found = answers.find((answer) => answer.partition === partition);
    if (!found) throw new Problem('unavailable', `the partition ${topic}/${partition} does not exist`);
    return { start: Number(found.low), end: Number(found.high) };
  }

  return {
    async append(topic, partitionKey, records) {
      const place = { topic, partition: partitionOf(partitionKey, stateOf(known, topic).partitions) };
      if (records.length > 0) return writer.append(place, records);
      const { end } = await offsets(place);
      return { ...place, firstOffset: end, lastOffset: end - 1 };
    },
    announce: (partitionKey, records) => {
      const partition = partitionOf(partitionKey, stateOf(known, DEAD_LETTERS).partitions);
      return writer.append({ topic: DEAD_LETTERS, partition }, records);
    },
    partitions: (topic) => stateOf(known, topic).partitions,
    startOffset: async (place) => (await offsets(place)).start,
    endOffset: async (place) => (await offsets(place)).end,
    consume(consumerOptions, handler) {
      const { sessionTimeoutMs = SESSION_MS, silenceMs = SILENCE_MS, onClientLog: say = () => undefined } = options;
      const { maxHeldBytes, topics } = options;
      const deps = { kafka, nameOf, offsets, say, sessionTimeoutMs, silenceMs, maxHeldBytes };
      // Two installations on the same brokers have topics of their own, and groups of their own.
      const group = topics.prefix + consumerOptions.group;
      const consumer = startKafkaConsumer(deps, { ...consumerOptions, group }, handler);
      consumers.add(consumer);
      const stop = async (): Promise<void> => {
        consumers.delete(consumer);
        await consumer.stop();
      };
      return Promise.resolve({ ...consumer, stop });
    },
    async close() {
      clearInterval(refreshing);
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await writer.close();
      await admin.close();
    },
  };
}

async function openTopics(
  describe: () => Promise<readonly TopicState[]>,
  families: readonly Topic[],
  settings: TopicSettings,
): Promise<Map<Topic, TopicState>> {
  const states = await describe();
  refuseTopics(checkTopics(states, families, settings));
  return new Map(states.map((state) => [state.family, state]));
}

function stateOf(known: ReadonlyMap<Topic, TopicState>, topic: Topic): TopicState {
  const state = known.get(topic);
  if (!state) throw new Problem('internal', `the topic of ${topic} was not opened`);
  return state;
}

interface Asking {
  ask<T>(work: (client: Admin) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const ATTEMPTS = 2;

function isRetriable(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'retriable') === true;
}

/**
 * A client for questions about topics. One that failed is replaced: it may hold connections to brokers that moved. What
 * the client calls retriable is asked once more by the new one; else, and then, `unavailable`.
 */
export function createAdmin(create: () => Admin): Asking {
  let current: Promise<Admin> | undefined;
  let isClosed = false;
  async function connect(): Promise<Admin> {
    const client = create();
    await client.connect();
    return client;
  }
  const drop = (client: Promise<Admin>): Promise<void> =>
    client.then((connected) => connected.disconnect()).catch(() => undefined);
  return {
    async ask(work) {
      for (let attempt = 1; ; attempt += 1) {
        // Who still asks after the end must not open a connection that nobody would close: it would keep the process.
        if (isClosed) throw new Problem('unavailable', 'the log is closed');
        const used = (current ??= connect());
        try {
          return await work(await used);
        } catch (error) {
          if (current === used) {
            current = undefined;
            void drop(used);
          }
          // After a restart another broker leads; the client asks the one that it knew, and does not look again by itself.
          if (attempt < ATTEMPTS && isRetriable(error)) continue;
          throw kafkaRefusal(error);
        }
      }
    },
    async close() {
      isClosed = true;
      if (current) await drop(current);
      current = undefined;
    },
  };
}
