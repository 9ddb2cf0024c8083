import { ESCAPED, KIND } from './json-scalar.ts';
import type { Tape } from './json-tape.ts';

/** A tape with the text it was read from: `text` is the bytes as Latin-1, so that indexes are byte offsets. */
export interface ReadText {
  readonly bytes: Buffer;
  readonly text: string;
  readonly tape: Tape;
  /** Somewhere in the text stands a word by which a token names itself. */
  readonly anchored: boolean;
}

/** The kind of a token, without the mark of an escape. */
export function kindOf(tape: Tape, token: number): number {
  return (tape.kinds[token] ?? 0) & 7;
}

/** The token that follows a value and all that is in it. */
export function afterValue(tape: Tape, token: number): number {
  return (tape.kinds[token] ?? 0) <= KIND.array ? (tape.links[token] ?? 0) : token + 1;
}

/**
 * The text of a string or key. One without escapes is given as Latin-1, byte for character, which is the same for ASCII
 * and keeps byte offsets for the rest; one with escapes is decoded, and its offsets mean nothing in the bytes.
 */
export function rawText({ bytes, text, tape }: ReadText, token: number): string {
  const start = tape.starts[token] ?? 0;
  const end = tape.ends[token] ?? 0;
  if (((tape.kinds[token] ?? 0) & ESCAPED) === 0) return text.slice(start + 1, end - 1);
  return JSON.parse(bytes.toString('utf8', start, end)) as string;
}

/** The text of a string or key as it is meant. */
export function readText({ bytes, tape }: ReadText, token: number): string {
  return JSON.parse(bytes.toString('utf8', tape.starts[token], tape.ends[token])) as string;
}

/** The key tokens of an object; the value of each is the token after it. */
export function* keysOf(tape: Tape, object: number): Generator<number> {
  const end = tape.links[object] ?? 0;
  for (let key = object + 1; key < end; key = afterValue(tape, key + 1)) yield key;
}

/** The value tokens of an array. */
export function* itemsOf(tape: Tape, array: number): Generator<number> {
  const end = tape.links[array] ?? 0;
  for (let item = array + 1; item < end; item = afterValue(tape, item)) yield item;
}

/** The value at a path of keys below a token; the last where a key is repeated, as JSON.parse has it. */
export function findPath(read: ReadText, from: number, path: readonly string[]): number | undefined {
  let token = from;
  for (const segment of path) {
    if (kindOf(read.tape, token) !== KIND.object) return undefined;
    let found: number | undefined;
    for (const key of keysOf(read.tape, token)) if (rawText(read, key) === segment) found = key + 1;
    if (found === undefined) return undefined;
    token = found;
  }
  return token;
}

const MANY_KEYS = 128;
const SLOTS = 512;
// One table for all objects, told apart by a number, so that none has to be cleared: [number, hash] a slot.
const slots = new Int32Array(SLOTS * 2);
let objectNumber = 0;

/**
 * Whether an object has one key twice, compared as decoded texts. Linear in the number of its keys, and not asked of an
 * object with more than `most`, which is out of bounds anyway.
 */
export function hasRepeatedKey(read: ReadText, object: number, most: number): boolean {
  const { tape } = read;
  const end = tape.links[object] ?? 0;
  objectNumber = (objectNumber + 1) | 0;
  let count = 0;
  for (let key = object + 1; key < end; key = afterValue(tape, key + 1)) {
    if (++count > MANY_KEYS || tape.kinds[key] !== KIND.key) return hasRepeatedText(read, object, most);
    const hash = tape.links[key] ?? 0;
    let slot = (hash & (SLOTS - 1)) * 2;
    while (slots[slot] === objectNumber) {
      if (slots[slot + 1] === hash) return hasRepeatedText(read, object, most);
      slot = (slot + 2) % (SLOTS * 2);
    }
    slots[slot] = objectNumber;
    slots[slot + 1] = hash;
  }
  return false;
}

function hasRepeatedText(read: ReadText, object: number, most: number): boolean {
  const seen = new Set<string>();
  for (const key of keysOf(read.tape, object)) {
    const text = readText(read, key);
    if (seen.has(text)) return true;
    if (seen.size === most) return false;
    seen.add(text);
  }
  return false;
}
