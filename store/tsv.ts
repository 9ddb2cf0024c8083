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

function writeEscaped(target: Buffer, start: number, value: Uint8Array): number {
  let end = start;
  for (let index = 0; index < value.length; index += 1) {
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
