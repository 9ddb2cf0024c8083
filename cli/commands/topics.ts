import { formatOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { readKafkaSettings } from '../../ingest/settings.ts';
import type { KafkaSettings } from '../../ingest/settings.ts';
import type { TopicFinding, TopicState } from '../../ingest/log/kafka-topics.ts';
import { Problem } from '../../model/problem.ts';
import { TOPICS } from '../../model/source.ts';

/** What became of the topics. */
interface Outcome {
  readonly created: readonly string[];
  readonly states: readonly TopicState[];
  readonly findings: readonly TopicFinding[];
}

export const topicsCommand: Command = {
  name: 'topics',
  help: `
Usage: custody topics [--check] [options]

Makes the topics that are missing, one for each family of sources and one for dead letters, and checks all of them:
cleanup.policy=delete, replicas, min.insync.replicas, retention, no unclean election, stamps by the broker. What exists is
never changed. Ends with 1 where something is not as it should be; a compacted topic is refused, because it drops records
from between others.

CUSTODY_KAFKA_BROKERS=host:port,... names the brokers. CUSTODY_KAFKA_SASL, _USERNAME, _PASSWORD_FILE, _TLS, _TLS_CA_FILE,
_TLS_CERT_FILE and _TLS_KEY_FILE say how to speak with them; CUSTODY_KAFKA_TOPIC_PREFIX, _PARTITIONS (3), _REPLICATION (3),
_MIN_INSYNC (2) and _RETENTION_DAYS (30) how the topics are to be.

Partitions of a topic that holds records are not to be added lightly: an instance may move to another partition.`,
  common: ['format'],
  options: { check: { type: 'boolean' } },
  describe: { check: 'make nothing, only check' },
  async run(args, context) {
    if (args.positionals.length > 0) throw new Problem('usage', 'topics takes no argument. See: custody topics --help');
    const format = formatOption(args, ['text', 'json']);
    const settings = readKafkaSettings();
    if (!settings)
      throw new Problem('configuration', 'CUSTODY_KAFKA_BROKERS names no broker. See: custody topics --help');
    const outcome = await judgeTopics(settings, args.values['check'] === true, context);
    await context.out(format === 'json' ? jsonOf(outcome) : textOf(outcome));
    return outcome.findings.length === 0 ? 0 : 1;
  },
};

async function judgeTopics(settings: KafkaSettings, checkOnly: boolean, context: CommandContext): Promise<Outcome> {
  const { createKafka } = await import('../../ingest/log/kafka-client.ts');
  const { kafkaRefusal } = await import('../../ingest/log/kafka-refusal.ts');
  const { checkTopics, createTopics, describeTopics } = await import('../../ingest/log/kafka-topics.ts');
  const admin = createKafka(settings.connection).admin();
  try {
    context.say(`asking ${settings.connection.brokers.join(', ')}\n`);
    await admin.connect();
    const created = checkOnly ? [] : await createTopics(admin, TOPICS, settings.topics);
    const states = await describeTopics(admin, TOPICS, settings.topics.prefix);
    return { created, states, findings: checkTopics(states, TOPICS, settings.topics) };
  } catch (error) {
    throw kafkaRefusal(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

function textOf({ created, states, findings }: Outcome): string {
  const width = Math.max(0, ...states.map(({ topic }) => topic.length)) + 2;
  const lines = states.map(({ topic, partitions, replication }) => {
    const note = created.includes(topic) ? '  made now' : '';
    return `${topic.padEnd(width)}${partitions} partitions, ${replication} replicas${note}\n`;
  });
  const told = findings.map(({ topic, refused, text }) => `${refused ? 'refused' : 'warning'}: ${topic} ${text}\n`);
  return [...lines, ...told].join('');
}

function jsonOf({ created, states, findings }: Outcome): string {
  const topics = states.map(({ config, ...state }) => ({ ...state, config: Object.fromEntries(config) }));
  return `${JSON.stringify({ created, topics, findings })}\n`;
}
