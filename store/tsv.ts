import { crc32 } from 'node:zlib';

/**
 * Tab-separated values as the engine reads them. One builder a table and batch: lines go to one growing buffer, from
 * which they are written to a file in one piece (performance.md A1, B: the cheapest way into the engine from here).
 */
export interface TsvBuilder {
  /** Adds lines of text, each ended by a newline, whose values were escaped. */
  add(text: string): void;
  /** Adds one line: text up to and with a tab, then a value of raw bytes, which is escaped here. */
  addWithBytes(text: string, value: Uint8Array): void;
  bytes(): Buffer;
}

const SPECIAL = /[\t\n\r\\\0]/;
const ESCAPES: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\', '\0': '\\0' };

/** A value as it stands in a line. */
export function escapeTsv(value: string): string {
  return SPECIAL.test(value) ? value.replaceAll(/[\t\n\r\\\0]/g, (char) => ESCAPES[char] ?? char) : value;
}

/** The engine's `CRC32` of a text in UTF-8. */
export function crcOf(text: string | Uint8Array): number {
  return crc32(text);
}

// Second byte of the escape of each byte that needs one.
const BYTE_ESCAPES = new Uint8Array(256);
for (const [char, escape] of Object.entries(ESCAPES)) BYTE_ESCAPES[char.charCodeAt(0)] = escape.charCodeAt(1);
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;

/** An empty builder; `sizeHint` in bytes saves growing. */
export function createTsvBuilder(sizeHint = 1 << 20): TsvBuilder {
  let buffer = Buffer.allocUnsafeSlow(sizeHint);
  let end = 0;
  const reserve = (bytes: number): void => {
    if (end + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, end + bytes));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  };
  const add = (text: string): void => {
    reserve(text.length * 3);
    end += buffer.write(text, end, 'utf8');
  };
  return {
    add,
    addWithBytes(text, value) {
      add(text);
      reserve(value.length * 2 + 1);
      end = writeEscaped(buffer, end, value);
      buffer[end] = NEWLINE;
      end += 1;
    },
    bytes: () => buffer.subarray(0, end),
  };
}

// Most values hold none of the rare ones, and backslashes only inside strings of JSON: what lies between two of them is
// copied as it is. A value that is full of them goes byte by byte.
const RARE = [0x09, 0x0a, 0x0d, 0x00];
const FEW = 64;

function writeEscaped(target: Buffer, start: number, value: Uint8Array): number {
  if (RARE.some((byte) => value.includes(byte))) return writeBytes(target, start, value, 0);
  let end = start;
  let from = 0;
  for (let found = 0; found < FEW; found += 1) {
    const at = value.indexOf(BACKSLASH, from);
    const to = at < 0 ? value.length : at + 1;
    target.set(from === 0 && to === value.length ? value : value.subarray(from, to), end);
    end += to - from;
    if (at < 0) return end;
    target[end] = BACKSLASH;
    end += 1;
    from = to;
  }
  return writeBytes(target, end, value, from);
}

function writeBytes(target: Buffer, start: number, value: Uint8Array, from: number): number {
  let end = start;
  for (let index = from; index < value.length; index += 1) {
    const byte = value[index] ?? 0;
    const escape = BYTE_ESCAPES[byte] ?? 0;
    if (escape !== 0) {
      target[end] = BACKSLASH;
      target[end + 1] = escape;
      end += 2;
    } else {
      target[end] = byte;
      end += 1;
    }
  }
  return end;
}
