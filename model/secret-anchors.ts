/** Whether one of the words begins and ends within `start` (inclusive) and `end` (exclusive). */
export type AnchorScanner = (text: string, start: number, end: number) => boolean;

/**
 * Finds out in one pass over a text whether any of a set of ASCII words occurs (Aho and Corasick, 1975): a table of
 * states, one step a character, whatever the number of words. Used to see at once that a delivery holds no token of a
 * known form, which is true of nearly every one.
 */
export function compileAnchors(words: readonly string[]): AnchorScanner {
  const rows: Int32Array[] = [new Int32Array(256).fill(-1)];
  const final = new Set<number>();
  for (const word of words) {
    let state = 0;
    for (const byte of Buffer.from(word, 'latin1')) {
      const row = rows[state] as Int32Array;
      if (row[byte] === -1) row[byte] = rows.push(new Int32Array(256).fill(-1)) - 1;
      state = row[byte] as number;
    }
    final.add(state);
  }
  linkFailures(rows, final);
  return scannerOf(rows, final);
}

/** Fills every missing step with that of the longest suffix that is a prefix of a word, breadth first. */
function linkFailures(rows: readonly Int32Array[], final: Set<number>): void {
  const fails = new Int32Array(rows.length);
  const queue: number[] = [];
  const root = rows[0] as Int32Array;
  for (let byte = 0; byte < 256; byte++) {
    if (root[byte] === -1) root[byte] = 0;
    else queue.push(root[byte] as number);
  }
  for (let at = 0; at < queue.length; at++) {
    const state = queue[at] as number;
    const row = rows[state] as Int32Array;
    const fallback = rows[fails[state] as number] as Int32Array;
    if (final.has(fails[state] as number)) final.add(state);
    for (let byte = 0; byte < 256; byte++) {
      const next = row[byte] as number;
      if (next === -1) row[byte] = fallback[byte] as number;
      else {
        fails[next] = fallback[byte] as number;
        queue.push(next);
      }
    }
  }
}

/** The automaton as one flat table; states that end a word are negative, so that finding one is a single comparison. */
function scannerOf(rows: readonly Int32Array[], final: ReadonlySet<number>): AnchorScanner {
  const table = new Int16Array(rows.length * 256);
  rows.forEach((row, state) => row.forEach((next, byte) => (table[state * 256 + byte] = final.has(next) ? -1 : next)));
  return (text, start, end) => {
    let state = 0;
    for (let at = start; at < end; at++) {
      const code = text.charCodeAt(at);
      state = code > 255 ? 0 : (table[(state << 8) | code] as number);
      if (state < 0) return true;
    }
    return false;
  };
}
