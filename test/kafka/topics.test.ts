import { execFile } from 'node:child_process';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { TOPICS } from '../../model/source.ts';
import { describeOnKafka, testTopics, withAdmin } from '../support/kafka-fixture.ts';

const ROOT = join(import.meta.dirname, '../..');

describeOnKafka('custody topics', { brokers: 3, own: true }, (kafka) => {
  const { prefix } = testTopics();
  const run = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      const env = {
        ...process.env,
        CUSTODY_KAFKA_BROKERS: kafka.addresses().join(','),
        CUSTODY_KAFKA_TOPIC_PREFIX: prefix,
      };
      execFile(
        process.execPath,
        ['--import', 'tsx', 'custody.ts', 'topics', ...args],
        { cwd: ROOT, env },
        (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      );
    });

  test('makes what is missing, changes nothing, and refuses a compacted topic', async () => {
    const before = await run('--check');
    expect(before.code).toBe(1);
    expect(before.out.split('\n').filter((line) => line.startsWith('refused: '))).toHaveLength(TOPICS.length);
    const made = await run('--format', 'json');
    expect(made).toMatchObject({ code: 0 });
    const { created, topics } = JSON.parse(made.out) as {
      created: string[];
      topics: { partitions: number; replication: number; config: Record<string, string> }[];
    };
    expect(created).toHaveLength(TOPICS.length);
    for (const topic of topics) {
      expect(topic).toMatchObject({ partitions: 3, replication: 3 });
      expect(topic.config).toMatchObject({
        'cleanup.policy': 'delete',
        'min.insync.replicas': '2',
        'message.timestamp.type': 'LogAppendTime',
        'unclean.leader.election.enable': 'false',
      });
    }
    expect(await run()).toMatchObject({ code: 0, out: expect.not.stringContaining('made now') });
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
    await withAdmin(kafka.addresses(), (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: `${prefix}ce`, configEntries }],
      }),
    );
    const after = await run('--check');
    expect(after.code).toBe(1);
    expect(after.out).toContain(`refused: ${prefix}ce has cleanup.policy=compact`);
  });
});
