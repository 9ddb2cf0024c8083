/**
 * Cuts one or more JSON documents, as they stream by, into the elements that are records: those of a top-level array,
 * of the array at a container path ({"Records": [...]}), or else a whole document. Memory holds one element. It only
 * looks for where values begin and end; whether an element is well-formed is for the scan to say.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** A cut element; undefined for one longer than the limit, whose bytes were dropped. */
export type CutElement = Buffer | undefined;

export interface JsonCutter {
  /** Takes the next bytes and gives the elements that end in them. */
  push(chunk: Buffer): readonly CutElement[];
  /** Gives what is left at the end: an element that was cut off, or stands alone outside of any document. */
  end(): { readonly last: CutElement; readonly isCutOff: boolean; readonly isTooLong: boolean };
}

interface State {
  /** Bytes of the value being collected, and whether it passed the limit. */
  parts: Buffer[];
  size: number;
  depth: number;
  inString: boolean;
  escaped: boolean;
  /** Depth of the array whose elements are records; -1 outside of one. */
  base: number;
  /** Whether the document has already given the elements of a container: then the rest of it is no record. */
  given: boolean;
  /** Names that lead to the current depth, for the outermost depths. */
  readonly names: (string | undefined)[];
  /** Which of the outermost depths are arrays. */
  readonly isArray: boolean[];
  /** Bytes of the string being read, where it may be a name that leads to a container. */
  text: number[];
}

const NAMED_DEPTH = 4;
const MAX_NAME = 64;

/** A cutter for these container paths. `maxElement` bounds one element in bytes. */
export function createJsonCutter(containers: readonly (readonly string[])[], maxElement: number): JsonCutter {
  const paths = new Set(containers.filter((path) => path.length > 0).map((path) => path.join('\u0000')));
  const state: State = {
    parts: [],
    size: 0,
    depth: 0,
    inString: false,
    escaped: false,
    base: -1,
    given: false,
    names: [],
    isArray: [],
    text: [],
  };
  const collect = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    state.size += bytes.length;
    if (state.size <= maxElement) state.parts.push(bytes);
    else state.parts = [];
  };
  const take = (): CutElement => {
    const element = state.size <= maxElement ? Buffer.concat(state.parts) : undefined;
    state.parts = [];
    state.size = 0;
    return element;
  };
  return {
    push(chunk) {
      const found: CutElement[] = [];
      let start = 0;
      const give = (end: number): void => {
        collect(chunk.subarray(start, end));
        const element = take();
        if (!element || !isBlank(element)) found.push(element);
      };
      for (let at = 0; at < chunk.length; at += 1) {
        const byte = chunk[at] ?? 0;
        if (state.inString) {
          at = stepString(state, chunk, at);
          continue;
        }
        if (!isStructural(byte)) continue;
        const { base, depth } = state;
        stepValue(state, byte, paths);
        const hasBegun = base === -1 && state.base !== -1;
        const hasElement = base !== -1 && depth === base && (byte === COMMA || byte === CLOSE_ARRAY);
        const hasEnded = state.depth === 0 && depth === 1;
        if (hasElement || (hasEnded && !state.given)) give(hasElement ? at : at + 1);
        // What stands before the elements of a container and after them is no record.
        if (hasBegun || (hasEnded && !hasElement)) take();
        if (hasBegun || hasElement || hasEnded) start = at + 1;
        if (hasEnded) state.given = false;
      }
      collect(chunk.subarray(start));
      return found;
    },
    end() {
      const isCutOff = state.depth > 0 || state.inString;
      const isTooLong = state.size > maxElement;
      const last = take();
      return { last: last && isBlank(last) ? undefined : last, isCutOff, isTooLong };
    },
  };
}

// Inside a string only its end matters, so it is searched for; its text is kept only where it may be a name.
function stepString(state: State, chunk: Buffer, from: number): number {
  const isNamed = state.base === -1 && state.depth < NAMED_DEPTH;
  let at = from;
  while (at < chunk.length) {
    const byte = chunk[at] ?? 0;
    if (state.escaped) state.escaped = false;
    else if (byte === BACKSLASH) state.escaped = true;
    else if (byte === QUOTE) {
      state.inString = false;
      if (isNamed) state.names[state.depth] = Buffer.from(state.text).toString('utf8');
      return at;
    }
    if (isNamed && state.text.length < MAX_NAME) state.text.push(byte);
    at += 1;
  }
  return at;
}

// A name stands under the depth of its object until the next string there: a string value in its place is harmless,
// because a comma and the next name follow before any array can. Within an array nothing is a name.
function stepValue(state: State, byte: number, paths: ReadonlySet<string>): void {
  if (byte === QUOTE) {
    state.inString = true;
    state.text = [];
  } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
    const isContainer = byte === OPEN_ARRAY && state.base === -1 && !state.given && leadsToRecords(state, paths);
    state.depth += 1;
    if (state.depth < NAMED_DEPTH) state.isArray[state.depth] = byte === OPEN_ARRAY;
    if (isContainer) {
      state.base = state.depth;
      state.given = true;
    }
  } else if (isClosing(byte)) {
    if (state.base === state.depth) state.base = -1;
    state.depth = Math.max(0, state.depth - 1);
  }
}

function leadsToRecords(state: State, paths: ReadonlySet<string>): boolean {
  if (state.depth === 0) return true;
  if (state.depth >= NAMED_DEPTH || state.isArray.slice(1, state.depth + 1).includes(true)) return false;
  return paths.has(state.names.slice(1, state.depth + 1).join('\u0000'));
}

function isStructural(byte: number): boolean {
  return byte === QUOTE || byte === COMMA || byte === OPEN_OBJECT || byte === OPEN_ARRAY || isClosing(byte);
}

function isClosing(byte: number): boolean {
  return byte === CLOSE_OBJECT || byte === CLOSE_ARRAY;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d || byte === COMMA);
}
