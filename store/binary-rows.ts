/**
 * Rows as the engine reads `RowBinary`: columns one after another, nothing between rows, numbers little-endian. Bytes
 * are copied, and nothing has to be escaped or looked through. One builder a table and batch: rows go to one growing
 * buffer, from which they are written to a file in one piece (performance.md A1: the cheapest way into the engine).
 */
export interface BinaryRows {
  int8(value: number): void;
  uint16(value: number): void;
  /** A whole number that JavaScript holds exactly, as Int64 or UInt64; not negative. */
  int64(value: number): void;
  uint64(value: bigint): void;
  /** As `int64`, of a Nullable column. */
  nullable(value: number | undefined): void;
  /** A String of text. */
  text(value: string): void;
  /** A String of raw bytes. */
  string(value: Uint8Array): void;
  /** A FixedString from its hex digits. */
  fixed(hex: string): void;
  /** A UUID from its text: the engine writes each half as a number. */
  uuid(text: string): void;
  bytes(): Buffer;
}

// Below these lengths the bytes of a text are fewer than 2^7 and 2^14, so that the length fits one byte and two.
const SHORT = 42;
const MIDDLE = 5_461;
// More than the numbers and hashes of any row: text and bytes make room for themselves and for so much behind them.
const SLACK = 512;

/** An empty builder; `sizeHint` in bytes saves growing. */
export function createBinaryRows(sizeHint: number): BinaryRows {
  let buffer = Buffer.allocUnsafeSlow(Math.ceil(sizeHint) + 2 * SLACK);
  let end = 0;
  const reserve = (bytes: number): void => {
    if (end + bytes + SLACK <= buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, end + bytes + SLACK));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  };
  const length = (value: number): void => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      buffer[end] = (rest % 0x80) + 0x80;
      end += 1;
    }
    buffer[end] = rest;
    end += 1;
  };
  const int64 = (value: number): void => {
    end = buffer.writeUInt32LE(value % 2 ** 32, end);
    end = buffer.writeUInt32LE(Math.floor(value / 2 ** 32), end);
  };
  return {
    int8: (value) => void (end = buffer.writeInt8(value, end)),
    uint16: (value) => void (end = buffer.writeUInt16LE(value, end)),
    int64,
    uint64: (value) => void (end = buffer.writeBigUInt64LE(value, end)),
    nullable(value) {
      buffer[end] = value === undefined ? 1 : 0;
      end += 1;
      if (value !== undefined) int64(value);
    },
    // The length stands before the bytes and is known after them: where it fits, its place is left free.
    text(value) {
      if (value === '') {
        buffer[end] = 0;
        end += 1;
        return;
      }
      reserve(value.length * 3);
      if (value.length < SHORT) {
        const written = buffer.write(value, end + 1, 'utf8');
        buffer[end] = written;
        end += 1 + written;
      } else if (value.length < MIDDLE) {
        const written = buffer.write(value, end + 2, 'utf8');
        buffer[end] = (written & 0x7f) | 0x80;
        buffer[end + 1] = written >>> 7;
        end += 2 + written;
      } else {
        length(Buffer.byteLength(value));
        end += buffer.write(value, end, 'utf8');
      }
    },
    string(value) {
      reserve(value.length);
      length(value.length);
      buffer.set(value, end);
      end += value.length;
    },
    fixed: (hex) => void (end += buffer.write(hex, end, 'hex')),
    uuid(text) {
      end = buffer.writeUInt32LE(Number.parseInt(text.slice(9, 13) + text.slice(14, 18), 16), end);
      end = buffer.writeUInt32LE(Number.parseInt(text.slice(0, 8), 16), end);
      end = buffer.writeUInt32LE(Number.parseInt(text.slice(28), 16), end);
      end = buffer.writeUInt32LE(Number.parseInt(text.slice(19, 23) + text.slice(24, 28), 16), end);
    },
    bytes: () => buffer.subarray(0, end),
  };
}
