import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startInbound } from '../../ingest/inbound/start-inbound.ts';
import { scanDelivery } from '../../ingest/intake/json-scan.ts';
import { createKafka } from '../../ingest/log/kafka-client.ts';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import { createTopics } from '../../ingest/log/kafka-topics.ts';
import { readInboundTopics, readKafkaSettings } from '../../ingest/settings.ts';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { parsePolicy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { DEAD_LETTERS } from '../../model/source.ts';
import type { TestCluster } from '../support/kafka-brokers.ts';
import { startBrokers } from '../support/kafka-brokers.ts';
import { describeOnKafka, rawKafka, testTopics, withAdmin } from '../support/kafka-fixture.ts';
import { makeIdentity, tlsSettings } from '../support/kafka-secured.ts';
import type { TestIdentity } from '../support/kafka-secured.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HUB_USER = '$ConnectionString';
const HUB_PASSWORD = 'Endpoint=sb://acme.example/;SharedAccessKeyName=listen;SharedAccessKey=abcdefghijklmnop=';
const PASSWORD = 'a-password-of-scram';
const HUB = 'insights-logs-auditlogs';
const TENANT = '11111111-2222-3333-4444-555555555555';

// One broker with three doors beside the open one: passwords in plain as Event Hubs has them, SCRAM, certificates.
describeOnKafka('brokers that ask who comes', { brokers: 1, own: true }, () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let cluster: TestCluster;
  let broker: TestIdentity;
  let client: TestIdentity;
  let stranger: TestIdentity;
  const file = (name: string, text: string): string => {
    const path = join(folder.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };

  beforeAll(async () => {
    folder = await tempFolder();
    broker = makeIdentity(folder.path, 'broker');
    client = makeIdentity(folder.path, 'client');
    stranger = makeIdentity(folder.path, 'stranger');
    const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
    cluster = await startBrokers(1, undefined, {
      HUB: {
        protocol: 'SASL_SSL',
        settings: {
          ...tlsSettings(broker),
          'sasl.enabled.mechanisms': 'PLAIN',
          'plain.sasl.jaas.config': `${plain} user_${HUB_USER}="${HUB_PASSWORD}";`,
        },
      },
      SCRAM: {
        protocol: 'SASL_SSL',
        settings: {
          ...tlsSettings(broker),
          'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
          'scram-sha-256.sasl.jaas.config': scram,
          'scram-sha-512.sasl.jaas.config': scram,
        },
        scram: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((name) => `${name}=[name=custody,password=${PASSWORD}]`),
      },
      CERTIFIED: { protocol: 'SSL', settings: tlsSettings(broker, client) },
    });
  }, 120_000);
  afterAll(async () => {
    await cluster.stop();
    await folder.remove();
  });

  const doors = {
    plain: () => ({
      BROKERS: cluster.secured['HUB'],
      SASL: 'plain',
      USERNAME: HUB_USER,
      PASSWORD_FILE: file('hub', `${HUB_PASSWORD}\n`),
      TLS_CA_FILE: broker.certificateFile,
    }),
    'scram-sha-256': () => scramDoor('scram-sha-256', PASSWORD),
    'scram-sha-512': () => scramDoor('scram-sha-512', PASSWORD),
    certificate: () => certificateDoor(client),
  };
  const scramDoor = (mechanism: string, password: string) => ({
    BROKERS: cluster.secured['SCRAM'],
    SASL: mechanism,
    USERNAME: 'custody',
    PASSWORD_FILE: file(`${mechanism}-${password.length}`, password),
    TLS_CA_FILE: broker.certificateFile,
  });
  const certificateDoor = (who: TestIdentity) => ({
    BROKERS: cluster.secured['CERTIFIED'],
    TLS: '1',
    TLS_CA_FILE: broker.certificateFile,
    TLS_CERT_FILE: who.certificateFile,
    TLS_KEY_FILE: who.keyFile,
  });
  const envOf = (prefix: string, settings: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv =>
    Object.fromEntries(Object.entries(settings).map(([name, value]) => [prefix + name, value]));
  const connectionOf = (settings: Readonly<Record<string, string | undefined>>) => {
    const read = readKafkaSettings(envOf('CUSTODY_KAFKA_', settings));
    if (!read) throw new Error('no settings');
    return read.connection;
  };

  test.each(Object.entries(doors))('the log goes in and out through %s', async (_name, door) => {
    const topics = testTopics();
    const connection = connectionOf(door());
    const admin = createKafka(connection).admin();
    await admin.connect();
    await createTopics(admin, ['okta.log', DEAD_LETTERS], topics);
    await admin.disconnect();
    const log = await openKafkaLog({ ...connection, topics, families: ['okta.log'] });
    try {
      const record = {
        key: 'org',
        headers: { 'x-custody-source': 'okta.system-log' },
        value: Buffer.from('{"uuid":"1"}'),
      };
      const { partition } = await log.append('okta.log', 'org', [{ ...record, timestampMs: Date.now() }]);
      let read: Buffer | undefined;
      const consumer = await log.consume(
        { group: 'secured', topics: ['okta.log'] },
        { assigned: (place) => log.startOffset(place), batch: async ({ records }) => void (read = records[0]?.value) },
      );
      await expect.poll(() => read?.toString(), { timeout: 20_000 }).toBe('{"uuid":"1"}');
      await consumer.stop();
      expect(await log.endOffset({ topic: 'okta.log', partition })).toBe(1);
    } finally {
      await log.close();
    }
  });

  // At once, for the client tries again for ten seconds before it gives up.
  test('who is not let in is told why in words, without the secret', async () => {
    const wordsOf = (settings: Readonly<Record<string, string | undefined>>): Promise<string> =>
      openKafkaLog({ ...connectionOf(settings), topics: testTopics(), families: ['okta.log'] }).then(
        () => 'let in',
        (error: unknown) => (error instanceof Problem && error.code === 'unavailable' ? error.message : String(error)),
      );
    const [password, authority, certificate, port] = await Promise.all([
      wordsOf(scramDoor('scram-sha-512', 'wrong')),
      wordsOf({ ...doors.plain(), TLS_CA_FILE: stranger.certificateFile }),
      wordsOf(certificateDoor(stranger)),
      wordsOf({ ...doors.plain(), BROKERS: cluster.addresses[0] }),
    ]);
    expect(password).toContain('refuses the user or the password');
    expect(authority).toContain('_TLS_CA_FILE');
    expect(certificate).toContain('_TLS_CERT_FILE');
    expect(port).toContain('Does the port speak TLS?');
    expect(`${password}${authority}${certificate}${port}`).not.toMatch(/wrong|abcdefgh/);
  });

  test('Entra by Event Hubs: the connection string over TLS, each record once in our log', async () => {
    await withAdmin(cluster.addresses, (admin) => admin.createTopics({ topics: [{ topic: HUB, numPartitions: 2 }] }));
    const producer = rawKafka(cluster.addresses).producer();
    await producer.connect();
    const record = {
      time: '2026-11-02T09:00:00.0000000Z',
      category: 'AuditLogs',
      operationName: 'Update user',
      tenantId: TENANT,
      properties: { id: 'Directory_1', activityDisplayName: 'Update user', activityDateTime: '2026-11-02T09:00:00Z' },
    };
    await producer.send({ topic: HUB, messages: [{ value: JSON.stringify({ records: [record] }) }] });
    await producer.disconnect();
    const env = envOf('CUSTODY_EVENTHUBS_', { ...doors.plain(), TOPIC: HUB, INSTANCE: TENANT });
    const [inbound] = readInboundTopics(env);
    if (!inbound) throw new Error('no inbound topic');
    const policy = parsePolicy(`tenant: acme\nsources:\n  - { family: entra, instance: ${TENANT} }\n`, 'secured');
    const log = createMemoryLog();
    const arrived: string[] = [];
    const said: string[] = [];
    const running = startInbound(inbound, {
      policy,
      adapterFor,
      scan: scanDelivery,
      now: () => Date.now() * 1_000,
      log: {
        append(topic, key, records) {
          arrived.push(...records.map(({ value }) => value.toString()));
          return log.append(topic, key, records);
        },
      },
      say: (_level, facts, text) => void said.push(JSON.stringify([facts, text])),
    });
    await expect.poll(() => arrived, { timeout: 30_000 }).toEqual([expect.stringContaining('Directory_1')]);
    await sleep(500);
    await running.stop();
    expect(arrived).toHaveLength(1);
    expect(said.join('\n')).not.toContain('abcdefgh');
  }, 60_000);
});
