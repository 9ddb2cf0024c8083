import { readFileSync } from 'node:fs';
import { Problem } from '../model/problem.ts';
import type { KafkaConnection } from './log/kafka-client.ts';
import type { TopicSettings } from './log/kafka-topics.ts';

/** What the intake takes from the environment. */
export interface IngestSettings {
  /** Bytes of bodies held at once, over all senders. */
  readonly maxBytesInFlight: number;
}

const DEFAULT_MEMORY_MIB = 64;

/** Reads `CUSTODY_INTAKE_MEMORY_MIB` (1 to 4096, default 64): room for bodies that are being taken in. */
export function readIngestSettings(env: NodeJS.ProcessEnv = process.env): IngestSettings {
  const text = env['CUSTODY_INTAKE_MEMORY_MIB'];
  const mebibytes = text === undefined || text === '' ? DEFAULT_MEMORY_MIB : Number(text);
  if (!Number.isInteger(mebibytes) || mebibytes < 1 || mebibytes > 4_096) {
    throw new Problem('configuration', 'CUSTODY_INTAKE_MEMORY_MIB must be a whole number from 1 to 4096');
  }
  return { maxBytesInFlight: mebibytes * 1_048_576 };
}

/** How Kafka is reached, and how its topics are. */
export interface KafkaSettings {
  readonly connection: KafkaConnection;
  readonly topics: TopicSettings;
}

type Env = NodeJS.ProcessEnv;

/**
 * Reads where Kafka is; undefined where `CUSTODY_KAFKA_BROKERS` names none (host:port, with commas). Passwords and keys
 * stand in files that are named: `CUSTODY_KAFKA_SASL` (plain, scram-sha-256 or scram-sha-512) with `_USERNAME` and
 * `_PASSWORD_FILE`; `CUSTODY_KAFKA_TLS` (1, or 0 for none; on with SASL) with `_TLS_CA_FILE`, `_TLS_CERT_FILE` and
 * `_TLS_KEY_FILE`. Topics: `_TOPIC_PREFIX`, `_PARTITIONS` (3), `_REPLICATION` (3), `_MIN_INSYNC` (2) and
 * `_RETENTION_DAYS` (30). A Problem of code `configuration` names what is wrong.
 */
export function readKafkaSettings(env: Env = process.env): KafkaSettings | undefined {
  const brokers = textOf(env, 'BROKERS')
    ?.split(',')
    .map((broker) => broker.trim());
  if (!brokers) return undefined;
  const wrong = brokers.find((broker) => !/^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/.test(broker));
  if (wrong !== undefined) throw wrongSetting('BROKERS', `must be host:port, with commas between them, not "${wrong}"`);
  const sasl = readSasl(env);
  const tls = readTls(env, sasl !== undefined);
  const replication = wholeOf(env, 'REPLICATION', 3, 1, 9);
  const minInsync = wholeOf(env, 'MIN_INSYNC', Math.min(2, replication), 1, replication);
  return {
    connection: { brokers, tls, ...(sasl ? { sasl } : {}) },
    topics: {
      prefix: prefixOf(env),
      partitions: wholeOf(env, 'PARTITIONS', 3, 1, 1_000),
      replication,
      minInsync,
      retentionDays: wholeOf(env, 'RETENTION_DAYS', 30, 1, 36_500),
    },
  };
}

function readSasl(env: Env): KafkaConnection['sasl'] {
  const mechanism = textOf(env, 'SASL');
  if (mechanism === undefined) return undefined;
  if (mechanism !== 'plain' && mechanism !== 'scram-sha-256' && mechanism !== 'scram-sha-512') {
    throw wrongSetting('SASL', 'must be plain, scram-sha-256 or scram-sha-512');
  }
  const username = textOf(env, 'USERNAME');
  const password = fileOf(env, 'PASSWORD_FILE');
  if (username === undefined) throw wrongSetting('USERNAME', 'is needed with SASL');
  if (password === undefined) throw wrongSetting('PASSWORD_FILE', 'is needed with SASL');
  return { mechanism, username, password: password.trim() };
}

function readTls(env: Env, hasSasl: boolean): NonNullable<KafkaConnection['tls']> {
  const wanted = textOf(env, 'TLS') ?? (hasSasl ? '1' : '0');
  if (wanted !== '0' && wanted !== '1') throw wrongSetting('TLS', 'must be 1 or 0');
  if (wanted === '0') return false;
  const [ca, cert, key] = [fileOf(env, 'TLS_CA_FILE'), fileOf(env, 'TLS_CERT_FILE'), fileOf(env, 'TLS_KEY_FILE')];
  if ((cert === undefined) !== (key === undefined))
    throw wrongSetting('TLS_CERT_FILE', 'needs the key, and the key it');
  const given = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
  return Object.keys(given).length > 0 ? given : true;
}

function prefixOf(env: Env): string {
  const prefix = textOf(env, 'TOPIC_PREFIX') ?? '';
  if (!/^[A-Za-z0-9._-]{0,100}$/.test(prefix)) throw wrongSetting('TOPIC_PREFIX', 'may have letters, digits and . _ -');
  return prefix;
}

function textOf(env: Env, name: string): string | undefined {
  const text = env[`CUSTODY_KAFKA_${name}`];
  return text === '' ? undefined : text;
}

function fileOf(env: Env, name: string): string | undefined {
  const file = textOf(env, name);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Problem('configuration', `CUSTODY_KAFKA_${name} names a file that cannot be read`, {}, error);
  }
}

function wholeOf(env: Env, name: string, preset: number, least: number, most: number): number {
  const text = textOf(env, name);
  const value = text === undefined ? preset : Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw wrongSetting(name, `must be a whole number from ${least} to ${most}`);
  }
  return value;
}

function wrongSetting(name: string, text: string): Problem {
  return new Problem('configuration', `CUSTODY_KAFKA_${name} ${text}`);
}
