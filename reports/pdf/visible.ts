// Letters, numbers, punctuation, symbols and the plain space. Everything else (controls, format characters, marks that
// combine, other spaces, lone surrogates, private use) can hide, merge or reorder text, so it is shown by its number.
const PLAIN = /^[\p{L}\p{N}\p{P}\p{S} ]$/u;

/** Ranges whose characters run from right to left: the plain layout does not reorder, so it would show them wrongly. */
const RIGHT_TO_LEFT: readonly (readonly [number, number])[] = [
  [0x590, 0x8ff],
  [0xfb1d, 0xfdff],
  [0xfe70, 0xfeff],
  [0x10800, 0x10fff],
  [0x1e800, 0x1efff],
];

/** Characters that pass for plain but are seen as nothing (braille blank) or stand for lost text (replacement). */
const BLANK = new Set([0x2800, 0xfffd]);

/** Whether a character may be shown as itself; false means that it is shown as an escape. */
export function isPlain(codePoint: number): boolean {
  if (codePoint >= 0x20 && codePoint < 0x7f) return true;
  if (BLANK.has(codePoint) || RIGHT_TO_LEFT.some(([from, to]) => codePoint >= from && codePoint <= to)) return false;
  return PLAIN.test(String.fromCodePoint(codePoint));
}

/** The escape of a character: its number in hexadecimal, as JavaScript writes it. */
export function escapeOf(codePoint: number): string {
  return `\\u{${codePoint.toString(16).toUpperCase()}}`;
}

/** The text with every character that is not plain written as an escape: for metadata, bookmarks and file names. */
export function visibleText(text: string): string {
  let out = '';
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0;
    out += isPlain(codePoint) ? character : escapeOf(codePoint);
  }
  return out;
}
