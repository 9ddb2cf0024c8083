import { crc32 } from 'node:zlib';

/**
 * Tab-separated values as the engine reads them. One builder a table and batch: lines go to one growing buffer, from
 * which they are written to a file in one piece (performance.md A1, B: the cheapest way into the engine from here).
 */
export interface TsvBuilder {
  /** Adds lines of text, each ended by a newline, whose values were escaped. */
  add(text: string): void;
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

/** An empty builder; `sizeHint` in bytes saves growing. */
export function createTsvBuilder(sizeHint = 1 << 20): TsvBuilder {
  let buffer = Buffer.allocUnsafeSlow(sizeHint);
  let end = 0;
  return {
    add(text) {
      if (end + text.length * 3 > buffer.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, end + text.length * 3));
        buffer.copy(larger, 0, 0, end);
        buffer = larger;
      }
      end += buffer.write(text, end, 'utf8');
    },
    bytes: () => buffer.subarray(0, end),
  };
}
