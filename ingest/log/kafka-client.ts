import { createRequire } from 'node:module';
import type * as KafkaModule from 'kafkajs';
import type { Kafka, KafkaConfig, LogEntry, SASLOptions } from 'kafkajs';
import { decodeRecordSet } from './kafka-records.ts';
import type { KafkaMessage } from './kafka-records.ts';

/** Where the brokers are, and how to speak with them. Event Hubs is the same: TLS, SASL plain. */
export interface KafkaConnection {
  readonly brokers: readonly string[];
  readonly clientId?: string;
  /** TLS with the machine's roots (`true`) or with what is given, PEM. */
  readonly tls?: boolean | { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
  readonly onClientLog?: ClientLog;
}

/** Takes a line of the client. It never carries a record or a credential. */
export type ClientLog = (
  level: 'debug' | 'info' | 'warn',
  facts: Readonly<Record<string, unknown>>,
  text: string,
) => void;

interface Decoder {
  readInt32(): number;
  canReadBytes(count: number): boolean;
  readBytes(count: number): Buffer;
}
interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

const load = createRequire(import.meta.url);
// The version is pinned, and a test holds each guard to what it does: these are files of the inside of the client.
const DECODE_MESSAGES = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages';
const REQUEST_QUEUE = 'kafkajs/src/network/requestQueue';

const kafkajs = loadGuarded();

/**
 * The client with its known faults guarded. Record sets are decoded by us: it inflates without a bound, checks no
 * checksum, and one broken batch would end the whole fetch for ever. Its queue re-arms a timer of 1 ms without an end,
 * which costs 3 % of a core while idle; it is armed only where something waits (reliability.md 4).
 */
function loadGuarded(): typeof KafkaModule {
  load(DECODE_MESSAGES);
  const decoder = load.cache[load.resolve(DECODE_MESSAGES)];
  if (decoder) decoder.exports = decodeMessages;
  const { prototype } = load(REQUEST_QUEUE) as { readonly prototype: RequestQueue };
  const schedule = Reflect.get<RequestQueue, 'scheduleCheckPendingRequests'>(prototype, 'scheduleCheckPendingRequests');
  prototype.scheduleCheckPendingRequests = function scheduleWhereNeeded(this: RequestQueue): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
  return load('kafkajs') as typeof KafkaModule;
}

function decodeMessages(decoder: Decoder): Promise<KafkaMessage[]> {
  const size = decoder.readInt32();
  const isThere = size > 0 && decoder.canReadBytes(size);
  return Promise.resolve(isThere ? decodeRecordSet(decoder.readBytes(size)) : []);
}

/** Gzip, for what is sent. */
export const GZIP = kafkajs.CompressionTypes.GZIP;
/** What the client calls a topic where it asks for settings. */
export const TOPIC_RESOURCE = kafkajs.ConfigResourceTypes.TOPIC;

/** A client of these brokers. Nothing is connected yet. */
export function createKafka(connection: KafkaConnection): Kafka {
  const { brokers, clientId = 'custody', tls, sasl, onClientLog } = connection;
  const config: KafkaConfig = {
    clientId,
    brokers: [...brokers],
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: 8 },
    logLevel: onClientLog ? kafkajs.logLevel.INFO : kafkajs.logLevel.NOTHING,
    logCreator: () => (entry) => onClientLog?.(...lineOf(entry)),
    ...(tls === undefined || tls === false ? {} : { ssl: tls === true ? true : { ...tls } }),
    ...(sasl ? { sasl: { ...sasl } as SASLOptions } : {}),
  };
  return new kafkajs.Kafka(config);
}

/** The facts of the client's lines that may be told: no stacks, no payloads. */
const TOLD = ['broker', 'clientId', 'groupId', 'memberId', 'topic', 'partition', 'error', 'retryCount', 'retryTime'];
// What the client says on the way to an answer, each time it starts or a coordinator moves.
const PASSING = /not available|is loading|in the middle of a leadership election|rebalancing|Offset out of range/i;

/**
 * A line of the client as one of ours. Nothing it calls an error is one: it tries again, or ends the consumer, which is
 * then started anew and told by us. So its errors are warnings, and what always happens at a start is for debugging.
 */
function lineOf({ namespace, level, log }: LogEntry): Parameters<ClientLog> {
  const facts = Object.fromEntries(TOLD.filter((name) => name in log).map((name) => [name, printable(log[name])]));
  const isLoud = level <= kafkajs.logLevel.WARN;
  const isPassing = PASSING.test(log.message) || PASSING.test(String(log['error'] ?? ''));
  return [isLoud && !isPassing ? 'warn' : 'debug', { client: namespace, ...facts }, log.message];
}

function printable(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value instanceof Error ? value.message : JSON.stringify(value);
}
