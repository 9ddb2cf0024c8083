import { inflate, MAX_INFLATED_BYTES } from './kafka-codecs.ts';
import { crc32c } from './crc32c.ts';
import type { Undecodable } from './event-log.ts';

/** A message as kafkajs hands it on: decimal texts for 64-bit numbers. */
export interface KafkaMessage {
  readonly offset: string;
  /** Milliseconds UTC. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
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
const MAX_HEADERS = 1_000;

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
  const cursor = { bytes: records, at: 0 };
  try {
    for (let read = 0; read < count; read += 1) {
      const end = readVarint(cursor) + cursor.at;
      if (end > records.length) throw new RangeError('a record is cut off');
      cursor.at += 1;
      const delta = readVarlong(cursor);
      const offset = firstOffset + readVarint(cursor);
      const timestamp = (attributes & FLAGS.appendTime) > 0 ? time : time + delta;
      const [key, value] = [readBytes(cursor), readBytes(cursor)];
      const headers = readHeaders(cursor);
      messages.push({ offset: String(offset), timestamp: String(timestamp), key, value, headers, ...context });
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
    isControlRecord: false,
    batchContext: { producerId: '-1', inTransaction: false },
    undecodable: { firstOffset, lastOffset, detail },
  };
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

function readHeaders(cursor: Cursor): Record<string, Buffer> {
  const count = readVarint(cursor);
  if (count === 0) return {};
  const entries: [string, Buffer][] = [];
  for (let read = 0; read < Math.min(count, MAX_HEADERS); read += 1) {
    const name = readBytes(cursor)?.toString('utf8') ?? '';
    entries.push([name, readBytes(cursor) ?? Buffer.alloc(0)]);
  }
  return Object.fromEntries(entries);
}

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  const from = cursor.at;
  cursor.at += length;
  if (cursor.at > cursor.bytes.length) throw new RangeError('a field is cut off');
  return cursor.bytes.subarray(from, cursor.at);
}

/** A zigzag varint of at most 32 bits. */
function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new RangeError('a number is cut off');
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
  throw new RangeError('a number is too long');
}

/** A zigzag varint of 64 bits; exact up to 2^53, which is far beyond any time. */
function readVarlong(cursor: Cursor): number {
  let value = 0;
  for (let unit = 1; unit < 2 ** 70; unit *= 128) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new RangeError('a number is cut off');
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  throw new RangeError('a number is too long');
}
