import { readFileSync } from 'node:fs';
import { Problem } from '../model/problem.ts';
import type { InboundTopic } from './inbound/start-inbound.ts';
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
  const connection = readConnection(scopeOf(env, 'CUSTODY_KAFKA_'));
  if (!connection) return undefined;
  const scope = scopeOf(env, 'CUSTODY_KAFKA_');
  const replication = wholeOf(scope, 'REPLICATION', 3, 1, 9);
  const minInsync = wholeOf(scope, 'MIN_INSYNC', Math.min(2, replication), 1, replication);
  return {
    connection,
    topics: {
      prefix: prefixOf(scope),
      partitions: wholeOf(scope, 'PARTITIONS', 3, 1, 1_000),
      replication,
      minInsync,
      retentionDays: wholeOf(scope, 'RETENTION_DAYS', 30, 1, 36_500),
    },
  };
}

/**
 * The topics that others produce to (ingest/inbound). `CUSTODY_INBOUND_ISSUER_TOPIC` names the one of token issuers, on the
 * brokers of `CUSTODY_KAFKA_`. Entra's diagnostic records come by Event Hubs, which speaks Kafka:
 * `CUSTODY_EVENTHUBS_BROKERS` (NAMESPACE.servicebus.windows.net:9093), `_TOPIC` (the event hub), `_GROUP` ($Default), `_SASL` (plain),
 * `_USERNAME` ($ConnectionString), `_PASSWORD_FILE` (holds the connection string), `_INSTANCE` (the tenant's id; needed
 * where several are registered), and TLS as for Kafka, which is on with SASL.
 */
export function readInboundTopics(env: Env = process.env): readonly InboundTopic[] {
  const topics: InboundTopic[] = [];
  const kafka = readKafkaSettings(env);
  const issuers = textOf(scopeOf(env, 'CUSTODY_INBOUND_'), 'ISSUER_TOPIC');
  if (issuers !== undefined) {
    const scope = scopeOf(env, 'CUSTODY_INBOUND_');
    if (!kafka) throw wrongSetting(scope, 'ISSUER_TOPIC', 'needs CUSTODY_KAFKA_BROKERS');
    if (!TOPIC_NAME.test(issuers)) throw wrongSetting(scope, 'ISSUER_TOPIC', 'may have letters, digits and . _ -');
    const group = `${kafka.topics.prefix}custody-inbound`;
    topics.push({ source: 'issuer.cloudevents', connection: kafka.connection, topic: issuers, group });
  }
  const hubs = scopeOf(env, 'CUSTODY_EVENTHUBS_');
  const connection = readConnection(hubs);
  if (connection) {
    const topic = textOf(hubs, 'TOPIC');
    if (topic === undefined || !TOPIC_NAME.test(topic)) throw wrongSetting(hubs, 'TOPIC', 'must name the event hub');
    const [group, instance] = [textOf(hubs, 'GROUP') ?? '$Default', textOf(hubs, 'INSTANCE')];
    topics.push({ source: 'entra.log', connection, topic, group, ...(instance === undefined ? {} : { instance }) });
  }
  return topics;
}

const TOPIC_NAME = /^[A-Za-z0-9._-]{1,249}$/;

/** A variable by the part of its name behind the prefix, and the prefix, for messages. */
interface Scope {
  readonly env: Env;
  readonly prefix: string;
}

function scopeOf(env: Env, prefix: string): Scope {
  return { env, prefix };
}

/** The brokers and how to speak with them; undefined where none are named. */
function readConnection(env: Scope): KafkaConnection | undefined {
  const brokers = textOf(env, 'BROKERS')
    ?.split(',')
    .map((broker) => broker.trim());
  if (!brokers) return undefined;
  const wrong = brokers.find((broker) => !/^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/.test(broker));
  if (wrong !== undefined)
    throw wrongSetting(env, 'BROKERS', `must be host:port, with commas between them, not "${wrong}"`);
  const sasl = readSasl(env);
  return { brokers, tls: readTls(env, sasl !== undefined), ...(sasl ? { sasl } : {}) };
}

function readSasl(env: Scope): KafkaConnection['sasl'] {
  const mechanism = textOf(env, 'SASL');
  if (mechanism === undefined) return undefined;
  if (mechanism !== 'plain' && mechanism !== 'scram-sha-256' && mechanism !== 'scram-sha-512') {
    throw wrongSetting(env, 'SASL', 'must be plain, scram-sha-256 or scram-sha-512');
  }
  const username = textOf(env, 'USERNAME');
  const password = fileOf(env, 'PASSWORD_FILE');
  if (username === undefined) throw wrongSetting(env, 'USERNAME', 'is needed with SASL');
  if (password === undefined) throw wrongSetting(env, 'PASSWORD_FILE', 'is needed with SASL');
  return { mechanism, username, password: password.trim() };
}

function readTls(env: Scope, hasSasl: boolean): NonNullable<KafkaConnection['tls']> {
  const wanted = textOf(env, 'TLS') ?? (hasSasl ? '1' : '0');
  if (wanted !== '0' && wanted !== '1') throw wrongSetting(env, 'TLS', 'must be 1 or 0');
  if (wanted === '0') return false;
  const [ca, cert, key] = [fileOf(env, 'TLS_CA_FILE'), fileOf(env, 'TLS_CERT_FILE'), fileOf(env, 'TLS_KEY_FILE')];
  if ((cert === undefined) !== (key === undefined))
    throw wrongSetting(env, 'TLS_CERT_FILE', 'needs the key, and the key it');
  const given = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
  return Object.keys(given).length > 0 ? given : true;
}

function prefixOf(env: Scope): string {
  const prefix = textOf(env, 'TOPIC_PREFIX') ?? '';
  if (!/^[A-Za-z0-9._-]{0,100}$/.test(prefix))
    throw wrongSetting(env, 'TOPIC_PREFIX', 'may have letters, digits and . _ -');
  return prefix;
}

function textOf({ env, prefix }: Scope, name: string): string | undefined {
  const text = env[prefix + name];
  return text === '' ? undefined : text;
}

function fileOf(env: Scope, name: string): string | undefined {
  const file = textOf(env, name);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Problem('configuration', `${env.prefix}${name} names a file that cannot be read`, {}, error);
  }
}

function wholeOf(env: Scope, name: string, preset: number, least: number, most: number): number {
  const text = textOf(env, name);
  const value = text === undefined ? preset : Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw wrongSetting(env, name, `must be a whole number from ${least} to ${most}`);
  }
  return value;
}

function wrongSetting({ prefix }: Scope, name: string, text: string): Problem {
  return new Problem('configuration', `${prefix}${name} ${text}`);
}
