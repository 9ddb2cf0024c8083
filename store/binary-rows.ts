/**
 * Rows as the engine reads `RowBinary`: columns one after another, nothing between rows, numbers little-endian. Bytes
 * are copied, and nothing has to be escaped or looked through. One builder a table and batch: rows go through a buffer
 * that stays in the cache of the processor into a file (performance.md A1: the cheapest way into the engine).
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
  /** Hands on what is still in the buffer. */
  flush(): void;
}

/** Takes bytes of rows, in order. They are overwritten after the call. */
export type RowSink = (bytes: Uint8Array) => void;

// Below these lengths the bytes of a text are fewer than 2^7 and 2^14, so that the length fits one byte and two.
const SHORT = 42;
const MIDDLE = 5_461;
// A call into the engine of JavaScript costs more than to write so few characters here.
const BY_HAND = 24;
const CHUNK = 256 * 1_024;
// More than the numbers and hashes of any row: text and bytes make room for themselves and for so much behind them.
const SLACK = 512;

/** An empty builder; its rows go to the sink in chunks, which do not end with rows. */
export function createBinaryRows(sink: RowSink): BinaryRows {
  return new RowBuffer(sink);
}

class RowBuffer implements BinaryRows {
  readonly #sink: RowSink;
  #buffer = Buffer.allocUnsafeSlow(CHUNK);
  #end = 0;

  constructor(sink: RowSink) {
    this.#sink = sink;
  }

  int8(value: number): void {
    this.#end = this.#buffer.writeInt8(value, this.#end);
  }

  uint16(value: number): void {
    this.#end = this.#buffer.writeUInt16LE(value, this.#end);
  }

  int64(value: number): void {
    this.#end = this.#buffer.writeUInt32LE(value % 2 ** 32, this.#end);
    this.#end = this.#buffer.writeUInt32LE(Math.floor(value / 2 ** 32), this.#end);
  }

  uint64(value: bigint): void {
    this.#end = this.#buffer.writeBigUInt64LE(value, this.#end);
  }

  nullable(value: number | undefined): void {
    this.#byte(value === undefined ? 1 : 0);
    if (value !== undefined) this.int64(value);
  }

  // The length stands before the bytes and is known after them: where it fits, its place is left free.
  text(value: string): void {
    if (value === '') return this.#byte(0);
    this.#reserve(value.length * 3);
    if (value.length <= BY_HAND && this.#ascii(value)) return;
    const at = this.#end;
    if (value.length < SHORT) {
      const written = this.#buffer.write(value, at + 1, 'utf8');
      this.#buffer[at] = written;
      this.#end += 1 + written;
    } else if (value.length < MIDDLE) {
      const written = this.#buffer.write(value, at + 2, 'utf8');
      this.#buffer[at] = (written & 0x7f) | 0x80;
      this.#buffer[at + 1] = written >>> 7;
      this.#end += 2 + written;
    } else {
      this.#length(Buffer.byteLength(value));
      this.#end += this.#buffer.write(value, this.#end, 'utf8');
    }
  }

  string(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#length(value.length);
    this.#buffer.set(value, this.#end);
    this.#end += value.length;
  }

  fixed(hex: string): void {
    this.#end += this.#buffer.write(hex, this.#end, 'hex');
  }

  uuid(text: string): void {
    for (const half of [
      text.slice(9, 13) + text.slice(14, 18),
      text.slice(0, 8),
      text.slice(28),
      text.slice(19, 23) + text.slice(24, 28),
    ])
      this.#end = this.#buffer.writeUInt32LE(Number.parseInt(half, 16), this.#end);
  }

  flush(): void {
    if (this.#end > 0) this.#sink(this.#buffer.subarray(0, this.#end));
    this.#end = 0;
  }

  #byte(value: number): void {
    this.#buffer[this.#end] = value;
    this.#end += 1;
  }

  #length(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#byte((rest % 0x80) + 0x80);
    this.#byte(rest);
  }

  /** Writes text of ASCII; gives false, with nothing written, for any other. */
  #ascii(value: string): boolean {
    const buffer = this.#buffer;
    let at = this.#end;
    buffer[at] = value.length;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      at += 1;
      buffer[at] = code;
    }
    this.#end = at + 1;
    return true;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes + SLACK <= this.#buffer.length) return;
    this.flush();
    if (bytes + SLACK > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes + SLACK);
  }
}
