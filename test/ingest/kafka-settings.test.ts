import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readKafkaSettings } from '../../ingest/settings.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('the settings of Kafka', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  const file = (name: string, text: string): string => {
    const path = join(folder.path, name);
    writeFileSync(path, text);
    return path;
  };
  const read = (more: Record<string, string> = {}): ReturnType<typeof readKafkaSettings> =>
    readKafkaSettings(
      Object.fromEntries(
        Object.entries({ BROKERS: 'a.example:9092', ...more }).map(([name, value]) => [`CUSTODY_KAFKA_${name}`, value]),
      ),
    );
  beforeAll(async () => void (folder = await tempFolder()));
  afterAll(() => folder.remove());

  test('none without brokers', () => expect(readKafkaSettings({})).toBeUndefined());

  test('what is preset', () => {
    expect(read()).toEqual({
      connection: { brokers: ['a.example:9092'], tls: false },
      topics: { prefix: '', partitions: 3, replication: 3, minInsync: 2, retentionDays: 30 },
    });
  });

  test('Event Hubs: SASL plain over TLS, the connection string from a file', () => {
    const password = file('password', 'Endpoint=sb://x.example/;SharedAccessKey=abc=\n');
    const { connection } =
      read({ BROKERS: 'x.example:9093', SASL: 'plain', USERNAME: '$ConnectionString', PASSWORD_FILE: password }) ?? {};
    expect(connection).toEqual({
      brokers: ['x.example:9093'],
      tls: true,
      sasl: {
        mechanism: 'plain',
        username: '$ConnectionString',
        password: 'Endpoint=sb://x.example/;SharedAccessKey=abc=',
      },
    });
  });

  test('TLS with own roots and a client certificate', () => {
    const files = {
      TLS_CA_FILE: file('ca', 'CA'),
      TLS_CERT_FILE: file('cert', 'CERT'),
      TLS_KEY_FILE: file('key', 'KEY'),
    };
    expect(read({ TLS: '1', ...files })?.connection.tls).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY' });
  });

  test.each([
    ['BROKERS', { BROKERS: 'a.example' }],
    ['BROKERS', { BROKERS: 'a.example:9092,http://b:1' }],
    ['SASL', { SASL: 'gssapi' }],
    ['USERNAME', { SASL: 'plain' }],
    ['PASSWORD_FILE', { SASL: 'plain', USERNAME: 'x' }],
    ['PASSWORD_FILE', { SASL: 'plain', USERNAME: 'x', PASSWORD_FILE: '/there/is/none' }],
    ['TLS', { TLS: 'yes' }],
    ['TOPIC_PREFIX', { TOPIC_PREFIX: 'a b' }],
    ['PARTITIONS', { PARTITIONS: '0' }],
    ['MIN_INSYNC', { REPLICATION: '1', MIN_INSYNC: '2' }],
    ['RETENTION_DAYS', { RETENTION_DAYS: 'long' }],
  ])('%s that is wrong is named: %j', (name, more) => {
    expect(() => read(more)).toThrow(
      expect.objectContaining({ code: 'configuration', message: expect.stringContaining(`CUSTODY_KAFKA_${name} `) }),
    );
  });
});
