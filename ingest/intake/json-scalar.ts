import { TRAIT_OF } from '../../model/secret-traits.ts';
import type { ScanFault, ScanLimits } from './scan-types.ts';

/** Kinds of tokens. `links` holds, for a container, the token after its subtree; for a key, its hash; for a string, its
 * traits (model/secret-traits.ts). */
export const KIND = { object: 1, array: 2, key: 3, string: 4, number: 5, literal: 6 } as const;

/** Added to the kind of a string or key that holds a backslash. */
export const ESCAPED = 8;

/** A tape that is being written, and the fault that ended the writing. */
export interface TapeState {
  kinds: Uint8Array;
  starts: Int32Array;
  ends: Int32Array;
  links: Int32Array;
  size: number;
  fault: ScanFault | undefined;
}

// The traits of each byte, and 128 for those that end the run of plain bytes in a string: the quote, the backslash, and
// what must be escaped.
const STOP = 128;
const CLASSES = TRAIT_OF.map((traits, byte) => (byte < 0x20 || byte === 0x22 || byte === 0x5c ? STOP : traits));
const HEX = Uint8Array.from({ length: 256 }, (_, byte) => (/[0-9a-fA-F]/.test(String.fromCharCode(byte)) ? 1 : 0));
const SIMPLE_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
const LITERALS: Readonly<Record<number, Uint8Array>> = {
  0x74: Buffer.from('true'),
  0x66: Buffer.from('false'),
  0x6e: Buffer.from('null'),
};
const DIGITS_OF_A_DOUBLE = 300;

const FIRST_ROWS = 4_096;
const MOST_KEPT_ROWS = 1 << 20;
let spare = makeState(FIRST_ROWS);

/**
 * An empty tape. It is one and the same each time, because a tape is read and walked within one synchronous call; one
 * that grew large is let go.
 */
export function takeState(): TapeState {
  if (spare.kinds.length > MOST_KEPT_ROWS) spare = makeState(FIRST_ROWS);
  spare.size = 0;
  spare.fault = undefined;
  return spare;
}

/** Runs work that reads another text while the tape of the text around it is still needed. */
export function withOwnTape<T>(work: () => T): T {
  const held = spare;
  spare = makeState(FIRST_ROWS);
  try {
    return work();
  } finally {
    spare = held;
  }
}

function makeState(rows: number): TapeState {
  return {
    kinds: new Uint8Array(rows),
    starts: new Int32Array(rows),
    ends: new Int32Array(rows),
    links: new Int32Array(rows),
    size: 0,
    fault: undefined,
  };
}

/** Writes a row and gives its number. */
export function push(state: TapeState, kind: number, start: number, end: number): number {
  if (state.size === state.kinds.length) grow(state);
  const token = state.size;
  state.kinds[token] = kind;
  state.starts[token] = start;
  state.ends[token] = end;
  state.links[token] = 0;
  state.size += 1;
  return token;
}

/** Notes what is wrong and gives -1, so that a reader can hand both on in one line. */
export function fault(state: TapeState, reason: ScanFault['reason'], detail: string, position: number): -1 {
  state.fault = { reason, detail, position };
  return -1;
}

/** The position of the first byte from `start` that is no white space of JSON. */
export function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** Reads a string, number, true, false or null; gives the position after it, or -1 with the fault in the state. */
export function readScalar(bytes: Buffer, start: number, limits: ScanLimits, state: TapeState): number {
  const byte = bytes[start];
  if (byte === 0x22) return readString(bytes, start, KIND.string, limits, state);
  if (byte === 0x2d || isDigit(byte)) return readNumber(bytes, start, limits, state);
  const word = byte === undefined ? undefined : LITERALS[byte];
  if (word !== undefined && word.every((letter, at) => bytes[start + at] === letter)) {
    push(state, KIND.literal, start, start + word.length);
    return start + word.length;
  }
  if (start >= bytes.length) return fault(state, 'invalid_json', 'the text ends too early', start);
  if (byte === 0xef) return fault(state, 'invalid_json', 'a byte order mark, or text without quotes', start);
  return fault(state, 'invalid_json', 'not the beginning of a value', start);
}

/** Reads a string token, quotes included, without decoding it. The bytes are valid UTF-8 already. */
export function readString(bytes: Buffer, start: number, kind: number, limits: ScanLimits, state: TapeState): number {
  const { length } = bytes;
  let escaped = 0;
  let traits = 0;
  let at = start + 1;
  for (;;) {
    let found = 0;
    while (at < length && (found = CLASSES[bytes[at] as number] as number) < STOP) {
      traits |= found;
      at += 1;
    }
    if (at >= length) return fault(state, 'invalid_json', 'a string has no end', start);
    const byte = bytes[at];
    if (byte === 0x22) break;
    if (byte !== 0x5c) return fault(state, 'invalid_json', 'a control character in a string', at);
    const width = escapeWidth(bytes, at);
    if (width === 0) return fault(state, 'invalid_json', 'an escape that JSON does not know', at);
    escaped = ESCAPED;
    at += width;
  }
  if (at - start - 1 > limits.maxStringBytes) {
    return fault(state, 'bounds', `a string is longer than ${limits.maxStringBytes} bytes`, start);
  }
  state.links[push(state, kind | escaped, start, at + 1)] = traits;
  return at + 1;
}

function escapeWidth(bytes: Buffer, at: number): number {
  const next = bytes[at + 1];
  if (next === undefined) return 0;
  if (next !== 0x75) return SIMPLE_ESCAPES.has(next) ? 2 : 0;
  for (let digit = at + 2; digit < at + 6; digit++) if (HEX[bytes[digit] ?? 0] === 0) return 0;
  return 6;
}

function readNumber(bytes: Buffer, start: number, limits: ScanLimits, state: TapeState): number {
  let at = bytes[start] === 0x2d ? start + 1 : start;
  const integer = at;
  at = skipDigits(bytes, at);
  let wrong = at === integer || (bytes[integer] === 0x30 && at > integer + 1);
  let long = at - integer > DIGITS_OF_A_DOUBLE;
  if (bytes[at] === 0x2e) {
    const fraction = at + 1;
    at = skipDigits(bytes, fraction);
    wrong ||= at === fraction;
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    const exponent = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1;
    at = skipDigits(bytes, exponent);
    wrong ||= at === exponent;
    long = true;
  }
  if (wrong) return fault(state, 'invalid_json', 'a number that JSON does not know', start);
  if (at - start > limits.maxNumberBytes) {
    return fault(state, 'bounds', `a number is longer than ${limits.maxNumberBytes} bytes`, start);
  }
  if (long && !Number.isFinite(Number(bytes.toString('latin1', start, at)))) {
    return fault(state, 'bounds', 'a number is beyond the range of a double', start);
  }
  push(state, KIND.number, start, at);
  return at;
}

function skipDigits(bytes: Buffer, start: number): number {
  let at = start;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function grow(state: TapeState): void {
  const rows = state.kinds.length * 2;
  const kinds = new Uint8Array(rows);
  kinds.set(state.kinds);
  state.kinds = kinds;
  for (const column of ['starts', 'ends', 'links'] as const) {
    const wider = new Int32Array(rows);
    wider.set(state[column]);
    state[column] = wider;
  }
}
