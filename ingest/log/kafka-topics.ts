import type { Admin } from 'kafkajs';
import { Problem } from '../../model/problem.ts';
import type { Topic } from '../../model/source.ts';
import { TOPIC_RESOURCE } from './kafka-client.ts';

/** How the topics of Custody are made, and what they are held to. */
export interface TopicSettings {
  /** Put before the name of each family; '' for none. */
  readonly prefix: string;
  readonly partitions: number;
  readonly replication: number;
  readonly minInsync: number;
  /** How long Kafka keeps records: at least the longest outage of the store and the time to restore it. */
  readonly retentionDays: number;
}

/** A topic as the brokers tell it. */
export interface TopicState {
  readonly family: Topic;
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  readonly maxMessageBytes: number;
  /** Its settings by Kafka's names; empty where the brokers do not tell them (Event Hubs). */
  readonly config: ReadonlyMap<string, string>;
}

/** Something about a topic that is not as it should be. A `refused` one is not read and not written. */
export interface TopicFinding {
  readonly topic: string;
  readonly refused: boolean;
  readonly text: string;
}

// The longest record that an import takes (ingest/intake/limits.ts), and room for what is around it.
const MAX_MESSAGE_BYTES = 32 * 1_024 * 1_024;
const KAFKA_DEFAULT_BYTES = 1_048_588;
const DAY_MS = 86_400_000;

/** The topics of these families that exist. */
export async function describeTopics(
  admin: Admin,
  families: readonly Topic[],
  prefix: string,
): Promise<readonly TopicState[]> {
  const existing = new Set(await admin.listTopics());
  const wanted = families
    .map((family) => ({ family, topic: prefix + family }))
    .filter(({ topic }) => existing.has(topic));
  if (wanted.length === 0) return [];
  const names = wanted.map(({ topic }) => topic);
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const configs = await readConfigs(admin, names);
  return wanted.map(({ family, topic }) => {
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    const config = configs.get(topic) ?? new Map<string, string>();
    const replication = Math.min(...partitions.map(({ replicas }) => replicas.length));
    const maxMessageBytes = Number(config.get('max.message.bytes') ?? KAFKA_DEFAULT_BYTES);
    return { family, topic, partitions: partitions.length, replication, maxMessageBytes, config };
  });
}

async function readConfigs(admin: Admin, names: readonly string[]): Promise<Map<string, Map<string, string>>> {
  const resources = names.map((name) => ({ type: TOPIC_RESOURCE, name }));
  const { resources: answers } = await admin.describeConfigs({ resources, includeSynonyms: false });
  return new Map(
    answers.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
}

/** The settings of a new topic, by Kafka's names. */
function configOf(settings: TopicSettings): Record<string, string> {
  return {
    'cleanup.policy': 'delete',
    'min.insync.replicas': String(settings.minInsync),
    'unclean.leader.election.enable': 'false',
    // Retention counts from the arrival: a sender's clock must not have its records dropped at once or kept for ever.
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': String(settings.retentionDays * DAY_MS),
    'retention.bytes': '-1',
    'max.message.bytes': String(MAX_MESSAGE_BYTES),
  };
}

/** Makes the topics that are missing. Gives their names. Existing ones are left as they are (`checkTopics` judges them). */
export async function createTopics(
  admin: Admin,
  families: readonly Topic[],
  settings: TopicSettings,
): Promise<readonly string[]> {
  const existing = new Set(await admin.listTopics());
  const missing = families.map((family) => settings.prefix + family).filter((topic) => !existing.has(topic));
  if (missing.length === 0) return [];
  const configEntries = Object.entries(configOf(settings)).map(([name, value]) => ({ name, value }));
  const { partitions: numPartitions, replication: replicationFactor } = settings;
  await admin.createTopics({
    waitForLeaders: true,
    topics: missing.map((topic) => ({ topic, numPartitions, replicationFactor, configEntries })),
  });
  return missing;
}

/**
 * What is wrong with topics. Refused is what would lose or change evidence behind our back: a compacted topic drops all
 * records of a key but the last. The rest is told.
 */
export function checkTopics(
  states: readonly TopicState[],
  families: readonly Topic[],
  settings: TopicSettings,
): readonly TopicFinding[] {
  const missing = families
    .map((family) => settings.prefix + family)
    .filter((topic) => !states.some((state) => state.topic === topic))
    .map((topic) => ({ topic, refused: true, text: 'does not exist; custody topics makes it' }));
  return [...missing, ...states.flatMap((state) => findingsOf(state, settings))];
}

function findingsOf({ topic, config, replication }: TopicState, settings: TopicSettings): TopicFinding[] {
  const tell = (text: string, refused = false): TopicFinding => ({ topic, refused, text });
  const findings: TopicFinding[] = [];
  const policy = config.get('cleanup.policy') ?? 'delete';
  if (policy !== 'delete') {
    findings.push(
      tell(`has cleanup.policy=${policy}: records would vanish from between others; it must be delete`, true),
    );
  }
  if (replication < settings.replication) {
    findings.push(tell(`has ${replication} replicas, not ${settings.replication}`));
  }
  const insync = config.get('min.insync.replicas');
  if (insync !== undefined && Number(insync) < settings.minInsync) {
    findings.push(tell(`has min.insync.replicas=${insync}, not ${settings.minInsync}`));
  }
  if (config.get('unclean.leader.election.enable') === 'true') {
    findings.push(tell('allows an unclean election, which loses what was acknowledged'));
  }
  const stamps = config.get('message.timestamp.type');
  if (stamps !== undefined && stamps !== 'LogAppendTime') {
    findings.push(tell(`has message.timestamp.type=${stamps}: retention then counts from what senders claim`));
  }
  const retention = Number(config.get('retention.ms') ?? -1);
  if (retention >= 0 && retention < settings.retentionDays * DAY_MS) {
    findings.push(tell(`keeps records for ${(retention / DAY_MS).toFixed(1)} days, not ${settings.retentionDays}`));
  }
  return findings;
}

/** Throws a Problem of code `configuration` that names every topic that may not be used. */
export function refuseTopics(findings: readonly TopicFinding[]): void {
  const refused = findings.filter((finding) => finding.refused);
  if (refused.length === 0) return;
  throw new Problem('configuration', refused.map(({ topic, text }) => `the topic ${topic} ${text}`).join('; '), {
    topics: refused.map(({ topic }) => topic),
  });
}
