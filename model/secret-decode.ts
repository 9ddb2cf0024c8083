/** A decoded text, and for each of its characters where the raw one begins; one more entry for the end. */
export interface Decoded {
  readonly text: string;
  readonly places: Uint32Array;
}

/**
 * Undoes percent-encoding once; undefined if there is none. Bytes are read as Latin-1: every secret is ASCII, and a
 * character stays a character, so that a hit can be led back to the raw text. Malformed escapes stay as they are.
 */
export function decodeUrl(text: string): Decoded | undefined {
  const places = new Uint32Array(text.length + 1);
  let decoded = '';
  let size = 0;
  let from = 0;
  for (let mark = text.indexOf('%'); mark >= 0; mark = text.indexOf('%', mark + 1)) {
    const code = hexOf(text.charCodeAt(mark + 1)) * 16 + hexOf(text.charCodeAt(mark + 2));
    if (!(code >= 0)) continue;
    decoded += text.slice(from, mark) + String.fromCharCode(code);
    for (let at = from; at <= mark; at++) places[size++] = at;
    from = mark + 3;
  }
  if (from === 0) return undefined;
  for (let at = from; at <= text.length; at++) places[size++] = at;
  return { text: decoded + text.slice(from), places: places.subarray(0, size) };
}

/** The value of a hexadecimal digit; NaN for any other character. */
function hexOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}

const BASE64_WORD = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/=_-])/g;
const PROBE = 32;

/** Words that are base64 (either alphabet) of readable text, with that text. */
export function* base64Words(text: string): Generator<{ start: number; end: number; text: string }> {
  for (const match of text.matchAll(BASE64_WORD)) {
    const [word] = match;
    if (!isReadable(Buffer.from(word.slice(0, PROBE), 'base64'))) continue;
    const bytes = Buffer.from(word, 'base64');
    if (isReadable(bytes)) yield { start: match.index, end: match.index + word.length, text: bytes.toString('latin1') };
  }
}

/** Whether nearly all bytes are printable ASCII or white space, as random bytes never are for long. */
function isReadable(bytes: Buffer): boolean {
  let odd = 0;
  for (const byte of bytes) if (byte < 0x20 ? byte < 0x09 || byte > 0x0d : byte > 0x7e) odd += 1;
  return odd * 10 <= bytes.length;
}
