import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { Problem } from '../../model/problem.ts';
import { familyOf } from '../../model/source.ts';
import type { Consumer, EventLog, LogBatch, LogRecord, TopicPartition } from '../log/event-log.ts';
import { createKafka } from '../log/kafka-client.ts';
import type { ClientLog, KafkaConnection } from '../log/kafka-client.ts';
import { startKafkaConsumer } from '../log/kafka-consumer.ts';
import { createAdmin } from '../log/kafka-log.ts';
import { passInbound } from './pass-inbound.ts';
import type { InboundDeps, InboundRecord } from './pass-inbound.ts';

/** A topic that others produce to. */
export interface InboundTopic extends Pick<InboundRecord, 'source' | 'instance'> {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly group: string;
}

export interface StartInboundDeps extends InboundDeps {
  readonly log: Pick<EventLog, 'append'>;
  readonly say: ClientLog;
  /** A topic does not answer, or answers again. */
  readonly onState?: (isThere: boolean) => void;
  readonly sessionTimeoutMs?: number;
}

const SESSION_MS = 30_000;
const SILENCE_MS = 60_000;
const MAX_WAIT_MS = 30_000;

/**
 * Reads an inbound topic as a member of a group, passes each record through the checks of the door, and appends what comes of
 * it to the log of its family. An offset is committed only when everything before it is durable there, so a crash repeats
 * and never skips; a repeated event is found by the worker and counted once. Waits for ever while the log is away.
 */
export function startInbound(inbound: InboundTopic, deps: StartInboundDeps): Pick<Consumer, 'stop'> {
  const kafka = createKafka({ ...inbound.connection, onClientLog: deps.say });
  const admin = createAdmin(() => kafka.admin());
  const stopping = new AbortController();
  const family = familyOf(inbound.source);
  const offsets = async ({ partition }: TopicPartition): Promise<{ start: number; end: number }> => {
    const found = (await admin.ask((client) => client.fetchTopicOffsets(inbound.topic))).find(
      (answer) => answer.partition === partition,
    );
    if (!found) throw new Problem('unavailable', `the partition ${inbound.topic}/${partition} does not exist`);
    return { start: Number(found.low), end: Number(found.high) };
  };
  const retrying = <T>(work: () => Promise<T>): Promise<T> => untilDone(work, deps, stopping.signal);
  const next = new Map<number, number>();

  const consumer = startKafkaConsumer(
    {
      kafka,
      nameOf: () => inbound.topic,
      offsets,
      say: deps.say,
      sessionTimeoutMs: deps.sessionTimeoutMs ?? SESSION_MS,
      silenceMs: SILENCE_MS,
    },
    { group: inbound.group, topics: [family] },
    {
      async assigned(place) {
        const committed = await retrying(() => admin.ask((client) => committedOf(client, inbound, place.partition)));
        const position = committed ?? (await retrying(() => offsets(place))).start;
        next.set(place.partition, position);
        return position;
      },
      async batch(batch) {
        tellLost(inbound, batch, next.get(batch.partition) ?? batch.firstOffset, deps.say);
        const groups = groupsOf(inbound, deps, batch);
        for (const [instance, records] of groups) await retrying(() => deps.log.append(family, instance, records));
        next.set(batch.partition, batch.lastOffset + 1);
        await consumer.commit(batch, batch.lastOffset + 1);
      },
      failed: (place, error) =>
        deps.say(
          'warn',
          { alarm: 'inbound_stopped', topic: inbound.topic, partition: place.partition, error: String(error) },
          'an inbound partition is read no more',
        ),
    },
  );
  return {
    async stop() {
      stopping.abort();
      await consumer.stop();
      await admin.close();
    },
  };
}

/** What a batch becomes, by installation, in the order of the topic. */
function groupsOf(
  inbound: InboundTopic,
  deps: InboundDeps,
  batch: LogBatch,
): ReadonlyMap<string, readonly LogRecord[]> {
  const groups = new Map<string, LogRecord[]>();
  const add = (place: string, record: InboundRecord['record']): void => {
    for (const { instance, records } of passInbound(deps, { ...inbound, place, record })) {
      const group = groups.get(instance) ?? [];
      if (group.length === 0) groups.set(instance, group);
      group.push(...records);
    }
  };
  const placeOf = (offset: number): string => `${inbound.topic}/${batch.partition}/${offset}`;
  for (const record of batch.records) add(placeOf(record.offset), record);
  // What the broker holds but nobody can read is told like the rest: an empty record, with its reason.
  for (const { firstOffset } of batch.undecodable ?? [])
    add(placeOf(firstOffset), { headers: { 'content-type': 'application/cloudevents+json' }, value: Buffer.alloc(0) });
  return groups;
}

function tellLost({ topic }: InboundTopic, batch: LogBatch, expected: number, say: ClientLog): void {
  if (batch.firstOffset <= expected) return;
  const facts = { alarm: 'inbound_lost', topic, partition: batch.partition, from: expected, to: batch.firstOffset - 1 };
  say('warn', facts, 'an inbound topic dropped records before they were read: lengthen its retention');
}

async function committedOf(
  client: Admin,
  { group, topic }: InboundTopic,
  partition: number,
): Promise<number | undefined> {
  const [found] = await client.fetchOffsets({ groupId: group, topics: [topic] });
  const offset = Number(found?.partitions.find((one) => one.partition === partition)?.offset ?? -1);
  return offset < 0 ? undefined : offset;
}

async function untilDone<T>(
  work: () => Promise<T>,
  deps: Pick<StartInboundDeps, 'say' | 'onState'>,
  signal: AbortSignal,
): Promise<T> {
  for (let wait = 500; ; wait = Math.min(MAX_WAIT_MS, wait * 2)) {
    try {
      const done = await work();
      deps.onState?.(true);
      return done;
    } catch (error) {
      const isPassing = !(error instanceof Problem) || error.code === 'unavailable';
      if (!isPassing || signal.aborted) throw error;
      deps.onState?.(false);
      deps.say(
        'warn',
        { error: String(error), wait_ms: wait },
        'inbound records wait: Kafka does not take or give them',
      );
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
}
