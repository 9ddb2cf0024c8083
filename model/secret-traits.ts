/** What kinds of characters a text has, as bits. Enough to see without reading it twice that no rule can find anything. */
export const TRAIT = { assign: 1, colon: 2, upper: 4, lower: 8, digit: 16, space: 32, dash: 64 } as const;

/** The trait of each byte; characters beyond ASCII have none. Every value is below 128. */
export const TRAIT_OF: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => traitOf(String.fromCharCode(byte)));

function traitOf(char: string): number {
  if (char === '=' || char === '%') return TRAIT.assign;
  if (char === ':') return TRAIT.colon;
  if (char === '-') return TRAIT.dash;
  if (/[\s"']/.test(char)) return TRAIT.space;
  if (/\d/.test(char)) return TRAIT.digit;
  // T and Z stand in every time stamp, so that alone they say nothing; a token has other letters too.
  if (/[A-SU-Y]/.test(char)) return TRAIT.upper;
  return /[a-z]/.test(char) ? TRAIT.lower : 0;
}

/** The traits of a text, joined. */
export function traitsOf(text: string): number {
  let traits = 0;
  for (let at = 0; at < text.length; at++) traits |= TRAIT_OF[text.charCodeAt(at)] ?? 0;
  return traits;
}

const SHORTEST = 9;
const SHORTEST_BASE64 = 20;

/**
 * Whether a text with these traits can hold a secret that does not name itself by a prefix: an assignment, a password in
 * a URL, an option of a command, a long mixed word, something encoded.
 */
export function mayHoldSecret(traits: number, length: number): boolean {
  if (length < SHORTEST) return false;
  const letters = traits & (TRAIT.upper | TRAIT.lower);
  if ((traits & TRAIT.assign) !== 0) return true;
  if ((traits & TRAIT.colon) !== 0 && letters !== 0) return true;
  if ((traits & (TRAIT.space | TRAIT.dash)) === (TRAIT.space | TRAIT.dash)) return true;
  return length >= SHORTEST_BASE64 && letters === (TRAIT.upper | TRAIT.lower);
}
