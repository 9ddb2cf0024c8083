import { fault, KIND, push, readScalar, readString, skipSpace, takeState } from './json-scalar.ts';
import type { TapeState } from './json-scalar.ts';
import type { ScanFault, ScanLimits } from './scan-types.ts';

/** A JSON text as flat columns, one row a token, in the order of the bytes. Positions of strings include the quotes. */
export interface Tape {
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly links: Int32Array;
  readonly size: number;
}

/** `afterValue`: where the first value ended, if what is wrong is that something follows it. */
export type TapeResult =
  | { readonly ok: true; readonly tape: Tape }
  | ({ readonly ok: false; readonly afterValue?: number } & ScanFault);

/**
 * Reads one JSON text (RFC 8259, strictly: no comments, no byte order mark, no raw control characters) into a tape: one
 * pass, no recursion, no parsing. The bytes must be valid UTF-8 already. Beyond the grammar it bounds depth, strings and
 * numbers, and refuses numbers that no double can hold (1e999). Escapes of lone surrogates are well-formed and pass.
 */
export function readTape(bytes: Buffer, limits: ScanLimits): TapeResult {
  const state = takeState();
  const start = skipSpace(bytes, 0);
  if (start === bytes.length) return { ok: false, reason: 'empty_body', detail: 'nothing was sent', position: 0 };
  const afterValue = readValue(bytes, start, limits, state);
  if (afterValue < 0) return { ok: false, ...(state.fault as ScanFault) };
  const rest = skipSpace(bytes, afterValue);
  if (rest < bytes.length) {
    return {
      ok: false,
      reason: 'invalid_json',
      detail: 'something follows the end of the value',
      position: rest,
      afterValue,
    };
  }
  return { ok: true, tape: state };
}

/** Reads a value with all that is in it; gives the position after it, or -1 with the fault in the state. */
function readValue(bytes: Buffer, start: number, limits: ScanLimits, state: TapeState): number {
  const open: number[] = [];
  let at = start;
  for (;;) {
    const byte = bytes[at];
    if (byte === 0x7b || byte === 0x5b) {
      if (open.length >= limits.maxDepth) return fault(state, 'too_deep', `nested deeper than ${limits.maxDepth}`, at);
      open.push(push(state, byte === 0x7b ? KIND.object : KIND.array, at, at));
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== (byte === 0x7b ? 0x7d : 0x5d)) {
        if (byte === 0x7b) at = readKey(bytes, at, limits, state);
        if (at < 0) return -1;
        continue;
      }
    } else {
      at = readScalar(bytes, at, limits, state);
      if (at < 0) return -1;
    }
    // A value, or an opening bracket that is closed at once, lies behind: close what ends here, then go on.
    at = closeAll(bytes, at, open, state);
    if (at < 0 || open.length === 0) return at;
    at = skipSpace(bytes, at + 1);
    if (state.kinds[open.at(-1) as number] === KIND.object) at = readKey(bytes, at, limits, state);
    if (at < 0) return -1;
  }
}

/** Closes the containers that end here. Gives the position of the comma that follows, or the end of the value. */
function closeAll(bytes: Buffer, start: number, open: number[], state: TapeState): number {
  let at = start;
  while (open.length > 0) {
    at = skipSpace(bytes, at);
    const token = open.at(-1) as number;
    const closer = state.kinds[token] === KIND.object ? 0x7d : 0x5d;
    if (bytes[at] === 0x2c) return at;
    if (bytes[at] !== closer) {
      return fault(state, 'invalid_json', `a comma or "${String.fromCharCode(closer)}" is missing`, at);
    }
    at += 1;
    state.ends[token] = at;
    state.links[token] = state.size;
    open.pop();
  }
  return at;
}

/** Reads `"key" :` and gives the position of the value. */
function readKey(bytes: Buffer, start: number, limits: ScanLimits, state: TapeState): number {
  if (bytes[start] !== 0x22) return fault(state, 'invalid_json', 'a key in double quotes is missing', start);
  const token = state.size;
  const end = readString(bytes, start, KIND.key, limits, state);
  if (end < 0) return -1;
  state.links[token] = hashBytes(bytes, start + 1, end - 1);
  const colon = skipSpace(bytes, end);
  if (bytes[colon] !== 0x3a) return fault(state, 'invalid_json', 'a colon is missing', colon);
  return skipSpace(bytes, colon + 1);
}

function hashBytes(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash | 0;
}
