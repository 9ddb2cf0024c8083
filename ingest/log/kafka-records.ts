import { inflate, MAX_INFLATED_BYTES } from './kafka-codecs.ts';
import { crc32c } from './crc32c.ts';
import type { Undecodable } from './event-log.ts';
import { createHeaderReader } from './kafka-headers.ts';
import type { MessageHeaders } from './kafka-headers.ts';
import { readVarint, readVarlong } from './kafka-numbers.ts';
import type { Cursor } from './kafka-numbers.ts';

/** A message as kafkajs hands it on: decimal texts for 64-bit numbers. Key and headers, which it passes over, are ours. */
export interface KafkaMessage extends MessageHeaders {
  readonly offset: string;
  /** Milliseconds UTC. */
  readonly timestamp: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
  /** What kafkajs needs to leave out what an aborted transaction wrote. */
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
  /** Set on the one message that stands for a batch that cannot be decoded; it has the last offset of the batch. */
  readonly undecodable?: Undecodable;
}

// Where the fields of a batch stand (Kafka's record batch, magic 2).
const AT = { length: 8, magic: 16, crc: 17, attributes: 21, lastDelta: 23, firstTime: 27, maxTime: 35 } as const;
const PRODUCER_AT = 43;
const COUNT_AT = 57;
const RECORDS_AT = 61;
const FLAGS = { codec: 7, appendTime: 8, transactional: 16, control: 32 } as const;
// Inflated bytes of one partition in one answer; what lies behind comes with the next. Bounds what many bombs can hold.
const MAX_SET_BYTES = 2 * MAX_INFLATED_BYTES;

/**
 * The messages of a record set, as one partition of a fetch gives it. A batch that is cut off at the end is left for the
 * next fetch. A batch that is broken, of an unknown codec or would inflate beyond its bound becomes one message that
 * says so: the client's own decoder would fail the whole fetch for ever, checks no checksum and inflates without a bound
 * (reliability.md 4).
 */
export function decodeRecordSet(bytes: Buffer): KafkaMessage[] {
  const messages: KafkaMessage[] = [];
  let held = 0;
  for (let at = 0; at + RECORDS_AT <= bytes.length && held <= MAX_SET_BYTES;) {
    const end = at + AT.length + 4 + bytes.readInt32BE(at + AT.length);
    if (end > bytes.length || end < at + RECORDS_AT) break;
    const batch = bytes.subarray(at, end);
    try {
      const records = recordsOf(batch);
      held += records.length;
      readRecords(batch, records, messages);
    } catch (error) {
      messages.push(markerOf(batch, error instanceof Error ? error.message : String(error)));
    }
    at = end;
  }
  return messages;
}

function recordsOf(batch: Buffer): Buffer {
  const magic = batch.readInt8(AT.magic);
  if (magic !== 2) throw new RangeError(`a batch of format ${magic}`);
  if (crc32c(batch, AT.attributes) !== batch.readUInt32BE(AT.crc)) throw new RangeError('the checksum is wrong');
  const codec = batch.readInt16BE(AT.attributes) & FLAGS.codec;
  const records = batch.subarray(RECORDS_AT);
  return codec === 0 ? records : inflate(codec, records);
}

/** Adds the messages of one batch, all or none. */
function readRecords(batch: Buffer, records: Buffer, messages: KafkaMessage[]): void {
  const attributes = batch.readInt16BE(AT.attributes);
  const firstOffset = Number(batch.readBigInt64BE(0));
  const time = Number(batch.readBigInt64BE((attributes & FLAGS.appendTime) > 0 ? AT.maxTime : AT.firstTime));
  const context = contextOf(batch, attributes);
  const count = batch.readInt32BE(COUNT_AT);
  const before = messages.length;
  const cursor = { at: 0 };
  const headersOf = createHeaderReader(records);
  try {
    for (let read = 0; read < count; read += 1) {
      const end = readVarint(records, cursor) + cursor.at;
      if (end > records.length) throw new RangeError('a record is cut off');
      cursor.at += 1;
      const delta = readVarlong(records, cursor);
      const offset = String(firstOffset + readVarint(records, cursor));
      const timestamp = String((attributes & FLAGS.appendTime) > 0 ? time : time + delta);
      const key = readBytes(records, cursor)?.toString('utf8') ?? null;
      const value = readBytes(records, cursor);
      const { headers, received } = headersOf(cursor);
      messages.push({ offset, timestamp, key, value, headers, received, ...context });
      cursor.at = end;
    }
  } catch (error) {
    messages.length = before;
    throw error;
  }
}

function contextOf(batch: Buffer, attributes: number): Pick<KafkaMessage, 'isControlRecord' | 'batchContext'> {
  const producerId = String(batch.readBigInt64BE(PRODUCER_AT));
  const inTransaction = (attributes & FLAGS.transactional) > 0;
  return { isControlRecord: (attributes & FLAGS.control) > 0, batchContext: { producerId, inTransaction } };
}

function markerOf(batch: Buffer, detail: string): KafkaMessage {
  const firstOffset = Number(batch.readBigInt64BE(0));
  // Batches of the formats before 2 have no such field: one message each.
  const lastOffset = firstOffset + (batch.readInt8(AT.magic) === 2 ? Math.max(0, batch.readInt32BE(AT.lastDelta)) : 0);
  return {
    offset: String(lastOffset),
    timestamp: '0',
    key: null,
    value: null,
    headers: {},
    received: undefined,
    isControlRecord: false,
    batchContext: { producerId: '-1', inTransaction: false },
    undecodable: { firstOffset, lastOffset, detail },
  };
}

function readBytes(bytes: Buffer, cursor: Cursor): Buffer | null {
  const length = readVarint(bytes, cursor);
  if (length < 0) return null;
  const from = cursor.at;
  cursor.at += length;
  if (cursor.at > bytes.length) throw new RangeError('a field is cut off');
  return bytes.subarray(from, cursor.at);
}
