/** Reads what the engine writes as `RowBinary`: columns one after another, nothing between rows. Numbers little-endian. */
export interface RowBinaryReader {
  atEnd(): boolean;
  /** UInt64 or Int64 whose value a JavaScript number holds exactly. */
  integer(): number;
  string(): Buffer;
  text(): string;
}

/** A reader over one answer. Reading past the end throws a RangeError. */
export function readRowBinary(bytes: Buffer): RowBinaryReader {
  let at = 0;
  const length = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const string = (): Buffer => {
    const size = length();
    if (at + size > bytes.length) throw new RangeError('the answer ends within a value');
    const value = bytes.subarray(at, at + size);
    at += size;
    return value;
  };
  return {
    atEnd: () => at >= bytes.length,
    integer() {
      const value = bytes.readBigInt64LE(at);
      at += 8;
      return Number(value);
    },
    string,
    text: () => string().toString('utf8'),
  };
}
