/** The numbers of Kafka's record format (protocol guide, "Record Batch"): zigzag, seven bits a byte, the lowest first. */

/** A place in bytes, moved on by what is read. */
export interface Cursor {
  at: number;
}

/** A varint of at most 32 bits. Throws a RangeError where it is cut off or too long. */
export function readVarint(bytes: Buffer, cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new RangeError('a number is cut off');
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
  throw new RangeError('a number is too long');
}

/** A varint of 64 bits; exact up to 2^53, which is far beyond any time. Throws as the other. */
export function readVarlong(bytes: Buffer, cursor: Cursor): number {
  let value = 0;
  for (let unit = 1; unit < 2 ** 70; unit *= 128) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new RangeError('a number is cut off');
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  throw new RangeError('a number is too long');
}
