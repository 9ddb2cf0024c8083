import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';
import { Decompress } from 'fzstd';

/** What a compressed batch may grow to. Above it the batch counts as undecodable (reliability.md 3.2 row 13). */
export const MAX_INFLATED_BYTES = 16 * 1_024 * 1_024;

interface Lz4 {
  decompressBlock(from: Uint8Array, to: Uint8Array, at: number, length: number, writeAt: number): number;
}
interface Snappy {
  uncompress(compressed: Buffer, maxLength: number): Buffer;
}
const load = createRequire(import.meta.url);
const lz4 = load('lz4js') as Lz4;
const snappy = load('snappyjs') as Snappy;

type Inflate = (bytes: Buffer, most: number) => Buffer;

// By the number in the attributes of a record batch.
const CODECS: readonly (Inflate | undefined)[] = [undefined, inflateGzip, inflateSnappy, inflateLz4, inflateZstd];

/**
 * The records of a batch, inflated. `codec`: 1 gzip, 2 snappy, 3 lz4, 4 zstd. Throws where it is none of them, where the
 * bytes are broken, or where more than `most` bytes would come out; it never holds much more than that.
 */
export function inflate(codec: number, bytes: Buffer, most = MAX_INFLATED_BYTES): Buffer {
  const decode = CODECS[codec];
  if (!decode) throw new RangeError(`there is no codec ${codec}`);
  return decode(bytes, most);
}

const GZIP_CHUNK = { least: 64 * 1_024, spare: 64 } as const;

/** Gzip says at its end how much comes out (RFC 1952 2.3.1): room for all of it at once, where that is within the bound. */
function inflateGzip(bytes: Buffer, most: number): Buffer {
  const stated = bytes.length < 18 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  const chunkSize = Math.min(most, Math.max(GZIP_CHUNK.least, stated + GZIP_CHUNK.spare));
  return gunzipSync(bytes, { maxOutputLength: most, chunkSize });
}

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/** Snappy as Java writes it (magic, two versions, then blocks with their length before them), or one bare block. */
function inflateSnappy(bytes: Buffer, most: number): Buffer {
  if (!bytes.subarray(0, 8).equals(XERIAL)) return snappy.uncompress(bytes, most);
  const parts: Buffer[] = [];
  let room = most;
  for (let at = 16; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new RangeError('a block of snappy is cut off');
    const part = snappy.uncompress(bytes.subarray(at + 4, end), room);
    room -= part.length;
    parts.push(part);
    at = end;
  }
  return Buffer.concat(parts);
}

const LZ4_BLOCK_BYTES = [65_536, 262_144, 1_048_576, 4_194_304] as const;
const LZ4_STORED = 0x8000_0000;

/** An LZ4 frame (lz4_Frame_format.md 1.6.3). Checksums in it are passed over: the batch has its own over all of it. */
function inflateLz4(bytes: Buffer, most: number): Buffer {
  if (bytes.readUInt32LE(0) !== 0x184d2204) throw new RangeError('this is no frame of lz4');
  const flags = bytes.readUInt8(4);
  const size = LZ4_BLOCK_BYTES[((bytes.readUInt8(5) >> 4) & 7) - 4];
  if (flags >> 6 !== 1 || size === undefined) throw new RangeError('this frame of lz4 is of an unknown version');
  let at = 7 + ((flags & 8) > 0 ? 8 : 0) + ((flags & 1) > 0 ? 4 : 0);
  // Blocks may look back at what came before them, so all go into one buffer. It grows with what really comes out.
  let out = Buffer.alloc(Math.min(most, size));
  let end = 0;
  for (;;) {
    const head = bytes.readUInt32LE(at);
    if (head === 0) return out.subarray(0, end);
    const length = head % LZ4_STORED;
    const from = at + 4;
    if (from + length > bytes.length) throw new RangeError('a block of lz4 is cut off');
    out = grow(out, end, Math.min(size, most - end));
    if (head >= LZ4_STORED) {
      if (length > out.length - end) throw new RangeError('lz4: more comes out than may');
      end += bytes.copy(out, end, from, from + length);
    } else {
      // The decoder writes past the end of a typed array without a word; where it stops tells.
      end = lz4.decompressBlock(bytes, out, from, length, end);
      if (end > out.length) throw new RangeError('lz4: more comes out than may');
    }
    at = from + length + ((flags & 16) > 0 ? 4 : 0);
  }
}

function grow(held: Buffer, used: number, more: number): Buffer<ArrayBuffer> {
  if (held.length - used >= more) return held as Buffer<ArrayBuffer>;
  const next = Buffer.alloc(used + Math.max(more, used));
  held.copy(next, 0, 0, used);
  return next;
}

const ZSTD_SLICE = 64 * 1_024;

/** A frame of zstd, given in slices, so that a bomb is stopped soon after it passes the bound. */
function inflateZstd(bytes: Buffer, most: number): Buffer {
  const parts: Uint8Array[] = [];
  let held = 0;
  const stream = new Decompress((part) => {
    held += part.length;
    if (held > most) throw new RangeError('zstd: more comes out than may');
    parts.push(part.slice());
  });
  if (windowOfZstd(bytes) > most) throw new RangeError('zstd: the window is larger than may come out');
  for (let at = 0; at < bytes.length; at += ZSTD_SLICE) {
    stream.push(bytes.subarray(at, at + ZSTD_SLICE), at + ZSTD_SLICE >= bytes.length);
  }
  return Buffer.concat(parts);
}

/** The memory that a frame asks its decoder to hold (RFC 8878 3.1.1.1.2); 0 where it gives its size instead. */
function windowOfZstd(bytes: Buffer): number {
  if (bytes.readUInt32LE(0) !== 0xfd2fb528) throw new RangeError('this is no frame of zstd');
  const descriptor = bytes.readUInt8(4);
  if ((descriptor & 0x20) > 0) {
    const width = [1, 2, 4, 8][descriptor >> 6] ?? 1;
    const at = 5 + ([0, 1, 2, 4][descriptor & 3] ?? 0);
    return width === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, width);
  }
  const window = bytes.readUInt8(5);
  const base = 2 ** (10 + (window >> 3));
  return base + (base / 8) * (window & 7);
}
