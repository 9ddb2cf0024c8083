/** Shannon entropy of a text in bits a character; 0 for an empty one. Reads at most the first 4,096 characters. */
export function shannonEntropy(text: string): number {
  const length = Math.min(text.length, 4_096);
  if (length === 0) return 0;
  const counts = new Map<number, number>();
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  let bits = 0;
  for (const count of counts.values()) bits -= (count / length) * Math.log2(count / length);
  return bits;
}

/** Whether a text has lower case, upper case and digits, as random tokens of any length have and words have not. */
export function isMixed(text: string): boolean {
  return /[a-z]/.test(text) && /[A-Z]/.test(text) && /\d/.test(text);
}

/** Whether a text has a digit beside letters, or both cases: the least that tells a token from a word. */
export function looksMade(text: string): boolean {
  return (/\d/.test(text) && /[A-Za-z]/.test(text)) || (/[a-z]/.test(text) && /[A-Z]/.test(text.slice(1)));
}
