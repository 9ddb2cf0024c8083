import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import type { KafkaLogOptions } from '../../ingest/log/kafka-log.ts';
import { createTopics } from '../../ingest/log/kafka-topics.ts';
import type { TopicSettings } from '../../ingest/log/kafka-topics.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { DEAD_LETTERS } from '../../model/source.ts';
import type { Family } from '../../model/source.ts';

/** Settings for topics of a test of its own: nobody else uses the prefix. */
export function testTopics(more: Partial<TopicSettings> = {}): TopicSettings {
  const prefix = `t${randomUUID().slice(0, 8)}.`;
  return { prefix, partitions: 1, replication: 1, minInsync: 1, retentionDays: 7, ...more };
}

/** Runs work with a client for administration. */
export async function withAdmin<T>(addresses: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = rawKafka(addresses);
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** The client without any of our code around it, for what others produce. */
export function rawKafka(addresses: readonly string[]): InstanceType<typeof kafkajs.Kafka> {
  return new kafkajs.Kafka({ clientId: 'other', brokers: [...addresses], logLevel: kafkajs.logLevel.NOTHING });
}

/** A log on topics of its own, which are made. */
export async function openTestLog(
  addresses: readonly string[],
  families: readonly Family[],
  more: Partial<KafkaLogOptions> & { readonly topics?: TopicSettings } = {},
): Promise<EventLog> {
  const topics = more.topics ?? testTopics();
  await withAdmin(addresses, (admin) => createTopics(admin, [...families, DEAD_LETTERS], topics));
  return openKafkaLog({ brokers: addresses, families, sessionTimeoutMs: 6_000, ...more, topics });
}
