import { readEqualOnce } from '../log/equal-neighbours.ts';

/** A record on its way to the thread that transforms it. */
export interface PackedRecord {
  readonly offset: number;
  readonly receivedAtMs: number;
  readonly ingestedAtUs: number;
  readonly key: string;
  /** Headers as a JSON object with sorted names, as they are stored. */
  readonly headers: string;
  readonly value: Buffer;
}

/** A record of a block. Its bytes are views into the block. */
export interface UnpackedRecord extends Omit<PackedRecord, 'key'> {
  readonly keyBytes: Buffer;
}

const FRAME = 36;
const TRAILER = 8;

/** Gathers records into one block. */
export interface Packer {
  add(record: PackedRecord): void;
  block(): ArrayBuffer;
}

/**
 * Records as one block of bytes that a thread can be given without a copy. Cloning ten thousand objects would stop the
 * main thread for a tenth of a second; this takes some milliseconds. `bytes` is how large it will be, about.
 */
export function createPacker(bytes: number): Packer {
  let buffer = Buffer.allocUnsafeSlow(Math.max(64, bytes));
  let end = 0;
  return {
    add(record) {
      const most = FRAME + TRAILER + record.key.length * 3 + record.headers.length * 3 + record.value.length;
      if (end + most > buffer.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, end + most));
        buffer.copy(larger, 0, 0, end);
        buffer = larger;
      }
      const key = buffer.write(record.key, end + FRAME, 'utf8');
      const headers = buffer.write(record.headers, end + FRAME + key, 'utf8');
      buffer.set(record.value, end + FRAME + key + headers);
      buffer.writeDoubleLE(record.offset, end);
      buffer.writeDoubleLE(record.receivedAtMs, end + 8);
      buffer.writeDoubleLE(record.ingestedAtUs, end + 16);
      buffer.writeUInt32LE(key, end + 24);
      buffer.writeUInt32LE(headers, end + 28);
      buffer.writeUInt32LE(record.value.length, end + 32);
      end += FRAME + key + headers + record.value.length;
    },
    block() {
      // The true length travels in the last bytes of the block.
      buffer.writeDoubleLE(end, buffer.length - TRAILER);
      return buffer.buffer;
    },
  };
}

/** The same for records that are at hand. */
export function packRecords(records: Iterable<PackedRecord>, bytes: number): ArrayBuffer {
  const packer = createPacker(bytes);
  for (const record of records) packer.add(record);
  return packer.block();
}

/** The records of a block, one after another; values are views into it. */
export function* unpackRecords(block: ArrayBuffer): Generator<UnpackedRecord> {
  const buffer = Buffer.from(block);
  const end = buffer.readDoubleLE(buffer.length - TRAILER);
  // One text for all neighbours is also looked up faster.
  const headersOf = readEqualOnce(buffer, (start, stop) => buffer.toString('utf8', start, stop));
  for (let at = 0; at < end;) {
    const record = recordAt(buffer, at, headersOf);
    yield record;
    at = record.value.byteOffset - buffer.byteOffset + record.value.length;
  }
}

/** Finds a record of a block by its offset. The block is read through once, whatever is asked then. */
export function findPacked(block: ArrayBuffer): (offset: number) => UnpackedRecord | undefined {
  const buffer = Buffer.from(block);
  const end = buffer.readDoubleLE(buffer.length - TRAILER);
  const places = new Map<number, number>();
  for (let at = 0; at < end;) {
    places.set(buffer.readDoubleLE(at), at);
    at += FRAME + buffer.readUInt32LE(at + 24) + buffer.readUInt32LE(at + 28) + buffer.readUInt32LE(at + 32);
  }
  return (offset) => {
    const at = places.get(offset);
    return at === undefined ? undefined : recordAt(buffer, at, (start, stop) => buffer.toString('utf8', start, stop));
  };
}

function recordAt(buffer: Buffer, at: number, headersOf: (start: number, end: number) => string): UnpackedRecord {
  const key = at + FRAME + buffer.readUInt32LE(at + 24);
  const headers = key + buffer.readUInt32LE(at + 28);
  const value = headers + buffer.readUInt32LE(at + 32);
  return {
    offset: buffer.readDoubleLE(at),
    receivedAtMs: buffer.readDoubleLE(at + 8),
    ingestedAtUs: buffer.readDoubleLE(at + 16),
    keyBytes: buffer.subarray(at + FRAME, key),
    headers: headersOf(key, headers),
    value: buffer.subarray(headers, value),
  };
}
