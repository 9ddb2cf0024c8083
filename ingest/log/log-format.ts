import { LIMITS } from '../../model/position.ts';
import { DEAD_LETTERS, FAMILIES } from '../../model/source.ts';
import type { Topic } from '../../model/source.ts';
import { readEqualOnce } from './equal-neighbours.ts';
import { HEADERS } from './event-log.ts';
import type { LoggedRecord, LogRecord, TopicPartition } from './event-log.ts';

/**
 * How records lie on disk. The records of a commit are packed into blocks, because a page of LMDB holds one value of
 * 1.2 KB and wastes the rest of itself; the key of a block is the place of its first record. All numbers little-endian:
 *   block   u8 version, u32 count, then the records
 *   record  u32 size of what follows, f64 timestamp ms, u32 size and bytes of the key, u32 size and bytes of the headers,
 *           the value
 *   header  u8 number of a known name, or 0, u8 size and bytes of the name; u32 size and bytes of the value
 */
const VERSION = 1;
const BLOCK_HEAD = 5;
const RECORD_HEAD = 4 + 8 + 4 + 4;
/** A block is closed when it has so many bytes; a larger record has a block of its own. */
export const BLOCK_BYTES = 64 * 1024;

// Numbered from 1 in the files: append only, never reorder.
const KNOWN_NAMES: readonly string[] = [
  HEADERS.source, HEADERS.instance, HEADERS.tenant, HEADERS.delivery, HEADERS.redacted, HEADERS.part, HEADERS.unreadable,
  'content-type', 'webhook-id', 'webhook-timestamp', 'svix-id', 'svix-timestamp', 'idempotency-key',
  'x-gitlab-event', 'x-gitlab-instance', 'x-gitlab-audit-event-type',
  HEADERS.duplicateKeys,
]; // prettier-ignore
const NUMBER_OF = new Map(KNOWN_NAMES.map((name, index) => [name, index + 1]));

/** The number under which a record lies: one range of numbers a partition, in the order of offsets. */
export function recordKey({ topic, partition }: TopicPartition<Topic>, offset: number): number {
  return (numberOf(topic) * LIMITS.partitions + partition) * LIMITS.offset + offset;
}

// Families have six bits (model/position.ts); the last number is no family's.
const LAST_TOPIC = 63;

function numberOf(topic: Topic): number {
  return topic === DEAD_LETTERS ? LAST_TOPIC : FAMILIES.indexOf(topic);
}

/** One record as it stands in a block, its size included. */
export function encodeRecord(record: LogRecord): Buffer {
  const headers = encodeHeaders(record.headers);
  const keySize = Buffer.byteLength(record.key);
  const size = RECORD_HEAD + keySize + headers.length + record.value.length;
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32LE(size - 4, 0);
  bytes.writeDoubleLE(record.timestampMs, 4);
  bytes.writeUInt32LE(keySize, 12);
  bytes.write(record.key, 16);
  bytes.writeUInt32LE(headers.length, 16 + keySize);
  headers.copy(bytes, 20 + keySize);
  record.value.copy(bytes, 20 + keySize + headers.length);
  return bytes;
}

/** A block of encoded records. */
export function encodeBlock(records: readonly Buffer[]): Buffer {
  const head = Buffer.allocUnsafe(BLOCK_HEAD);
  head.writeUInt8(VERSION, 0);
  head.writeUInt32LE(records.length, 1);
  return Buffer.concat([head, ...records]);
}

/** How many records a block holds. */
export function countOf(block: Buffer): number {
  if (block[0] !== VERSION) throw new Error(`the log has a block of version ${block[0]}`);
  return block.readUInt32LE(1);
}

/**
 * Decodes the records of a block from offset `from` on, in order; `first` is the offset of its first record. Values are
 * views of the block. `take` says whether to go on.
 */
export function decodeBlock(block: Buffer, first: number, from: number, take: (record: LoggedRecord) => boolean): void {
  const count = countOf(block);
  let at = BLOCK_HEAD;
  const headersOf = readEqualOnce(block, (start, end) => decodeHeaders(block, start, end));
  for (let index = 0; index < count; index++) {
    const end = at + 4 + block.readUInt32LE(at);
    if (first + index >= from && !take(decodeRecord(block, at, end, first + index, headersOf))) return;
    at = end;
  }
}

function decodeRecord(
  block: Buffer,
  start: number,
  end: number,
  offset: number,
  headersOf: (start: number, end: number) => LoggedRecord['headers'],
): LoggedRecord {
  const keySize = block.readUInt32LE(start + 12);
  const key = block.toString('utf8', start + 16, start + 16 + keySize);
  const headersStart = start + 20 + keySize;
  const headersEnd = headersStart + block.readUInt32LE(headersStart - 4);
  return {
    offset,
    timestampMs: block.readDoubleLE(start + 4),
    key,
    headers: headersOf(headersStart, headersEnd),
    value: block.subarray(headersEnd, end),
  };
}

function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const number = NUMBER_OF.get(name) ?? 0;
    const spelled = number === 0 ? Buffer.from(name) : Buffer.alloc(0);
    if (spelled.length > 255) throw new RangeError('the name of a header is longer than 255 bytes');
    const text = Buffer.from(value);
    const head = Buffer.allocUnsafe(number === 0 ? 2 + spelled.length + 4 : 5);
    head.writeUInt8(number, 0);
    if (number === 0) {
      head.writeUInt8(spelled.length, 1);
      spelled.copy(head, 2);
    }
    head.writeUInt32LE(text.length, head.length - 4);
    parts.push(head, text);
  }
  return Buffer.concat(parts);
}

function decodeHeaders(block: Buffer, start: number, end: number): Record<string, string> {
  // Without a prototype, because names come from senders.
  const headers = Object.create(null) as Record<string, string>;
  let at = start;
  while (at < end) {
    let name = KNOWN_NAMES[(block[at] ?? 0) - 1];
    at += 1;
    if (name === undefined) {
      const size = block[at] ?? 0;
      name = block.toString('utf8', at + 1, at + 1 + size);
      at += 1 + size;
    }
    const size = block.readUInt32LE(at);
    headers[name] = block.toString('utf8', at + 4, at + 4 + size);
    at += 4 + size;
  }
  return headers;
}
