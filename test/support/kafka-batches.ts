import { gzipSync } from 'node:zlib';
import { createRequire } from 'node:module';
import { crc32c } from '../../ingest/log/crc32c.ts';

/** Record batches as a broker keeps them, written by hand, and the codecs that producers use. */

const load = createRequire(import.meta.url);
const snappy = load('snappyjs') as { compress(bytes: Buffer): Buffer };
const lz4 = load('lz4js') as { compress(bytes: Buffer): Uint8Array };

export const CODECS = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export const compressors = {
  gzip: (bytes: Buffer): Buffer => gzipSync(bytes),
  snappy: (bytes: Buffer): Buffer => snappy.compress(bytes),
  lz4: (bytes: Buffer): Buffer => Buffer.from(lz4.compress(bytes)),
  zstd: zstdFrame,
} as const;

const ZSTD_BLOCK = 128 * 1_024;

/** A frame of zstd of stored blocks, and of repeated bytes where a block is one byte over and over (RFC 8878 3.1.1). */
export function zstdFrame(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])];
  for (let at = 0; at === 0 || at < bytes.length; at += ZSTD_BLOCK) {
    const block = bytes.subarray(at, at + ZSTD_BLOCK);
    const isLast = at + ZSTD_BLOCK >= bytes.length ? 1 : 0;
    const repeats = block.length > 1 && block.every((byte) => byte === block[0]);
    const head = Buffer.alloc(3);
    head.writeUIntLE(isLast | (repeats ? 2 : 0) | (block.length << 3), 0, 3);
    parts.push(head, repeats ? block.subarray(0, 1) : block);
  }
  return Buffer.concat(parts);
}

/** What producers that speak xerial's framing send (Java's snappy). */
export function xerialFrame(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('82534e41505059000000000100000001', 'hex')];
  for (let at = 0; at < bytes.length; at += 32_768) {
    const block = snappy.compress(bytes.subarray(at, at + 32_768));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(block.length);
    parts.push(head, block);
  }
  return Buffer.concat(parts);
}

/** A frame of LZ4 of stored, independent blocks, as the brokers demand it (lz4js sends dependent ones). */
export function lz4StoredFrame(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('04224d18604082', 'hex')];
  for (let at = 0; at < bytes.length; at += 65_536) {
    const block = bytes.subarray(at, at + 65_536);
    const head = Buffer.alloc(4);
    head.writeUInt32LE((0x8000_0000 | block.length) >>> 0);
    parts.push(head, block);
  }
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

export interface BatchOptions {
  readonly firstOffset?: number;
  readonly values: readonly Buffer[];
  readonly codec?: number;
  readonly compress?: (bytes: Buffer) => Buffer;
  readonly attributes?: number;
  readonly maxTimestamp?: number;
}

/** One record batch (magic 2). */
export function recordBatch({ values, ...options }: BatchOptions): Buffer {
  const { firstOffset = 0, codec = 0, compress = (bytes) => bytes, attributes = 0, maxTimestamp = 2_000 } = options;
  const records = compress(Buffer.concat(values.map(encodeRecord)));
  const batch = Buffer.alloc(61 + records.length);
  batch.writeBigInt64BE(BigInt(firstOffset), 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(attributes | codec, 21);
  batch.writeInt32BE(values.length - 1, 23);
  batch.writeBigInt64BE(1_000n, 27);
  batch.writeBigInt64BE(BigInt(maxTimestamp), 35);
  batch.writeBigInt64BE(-1n, 43);
  batch.writeInt16BE(-1, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(values.length, 57);
  records.copy(batch, 61);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

function encodeRecord(value: Buffer, delta: number): Buffer {
  const headers = encodeHeaders([['name', 'value']]);
  const body = [Buffer.from([0]), varint(delta), varint(delta), varint(-1), varint(value.length), value, headers];
  const bytes = Buffer.concat(body);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Headers as they stand in a record; a value may be null. */
export function encodeHeaders(headers: readonly (readonly [string, string | null])[]): Buffer {
  const field = (text: string | null): Buffer[] =>
    text === null ? [varint(-1)] : [varint(Buffer.byteLength(text)), Buffer.from(text)];
  return Buffer.concat([
    varint(headers.length),
    ...headers.flatMap(([name, value]) => [...field(name), ...field(value)]),
  ]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = ((value << 1) ^ (value >> 31)) >>> 0;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}
