/**
 * Rows as the engine reads `RowBinary`: columns one after another, nothing between rows, numbers little-endian. For
 * tables whose rows are mostly bytes that are at hand: they are copied, and nothing has to be escaped or looked through.
 * One builder a table and batch; a row begins with `begin`, which makes room for all of it.
 */
export interface BinaryRows {
  /** Makes room for a row of at most so many bytes. */
  begin(bytes: number): void;
  int8(value: number): void;
  uint16(value: number): void;
  /** A whole number that JavaScript holds exactly, as Int64 or UInt64; not negative. */
  int64(value: number): void;
  uint64(value: bigint): void;
  /** A String of text. */
  text(value: string): void;
  /** A String of raw bytes. */
  string(value: Uint8Array): void;
  /** A FixedString from its hex digits. */
  fixed(hex: string): void;
  bytes(): Buffer;
}

// Below this length the bytes of a text are fewer than 128, so its length fits one byte.
const SHORT = 42;

/** An empty builder; `sizeHint` in bytes saves growing. */
export function createBinaryRows(sizeHint: number): BinaryRows {
  let buffer = Buffer.allocUnsafeSlow(sizeHint);
  let end = 0;
  const length = (value: number): void => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      buffer[end] = (rest % 0x80) + 0x80;
      end += 1;
    }
    buffer[end] = rest;
    end += 1;
  };
  return {
    begin(bytes) {
      if (end + bytes <= buffer.length) return;
      const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, end + bytes));
      buffer.copy(larger, 0, 0, end);
      buffer = larger;
    },
    int8: (value) => void (end = buffer.writeInt8(value, end)),
    uint16: (value) => void (end = buffer.writeUInt16LE(value, end)),
    int64(value) {
      end = buffer.writeUInt32LE(value % 2 ** 32, end);
      end = buffer.writeUInt32LE(Math.floor(value / 2 ** 32), end);
    },
    uint64: (value) => void (end = buffer.writeBigUInt64LE(value, end)),
    text(value) {
      if (value.length < SHORT) {
        const written = value === '' ? 0 : buffer.write(value, end + 1, 'utf8');
        buffer[end] = written;
        end += 1 + written;
        return;
      }
      length(Buffer.byteLength(value));
      end += buffer.write(value, end, 'utf8');
    },
    string(value) {
      length(value.length);
      buffer.set(value, end);
      end += value.length;
    },
    fixed: (hex) => void (end += buffer.write(hex, end, 'hex')),
    bytes: () => buffer.subarray(0, end),
  };
}
