/**
 * Three-valued logic (controls.md 2.3): a question about evidence is true, false, or cannot be decided.
 * `unknown` never turns into a pass: `and` keeps it unless something is false, `or` unless something is true.
 */
export type Truth = true | false | 'unknown';

/** False if any part is false, else unknown if any part is unknown, else true. The empty conjunction is true. */
export function and(...parts: readonly Truth[]): Truth {
  if (parts.includes(false)) return false;
  return parts.includes('unknown') ? 'unknown' : true;
}

/** True if any part is true, else unknown if any part is unknown, else false. The empty disjunction is false. */
export function or(...parts: readonly Truth[]): Truth {
  if (parts.includes(true)) return true;
  return parts.includes('unknown') ? 'unknown' : false;
}

/** Swaps true and false; unknown stays unknown. */
export function not(part: Truth): Truth {
  return part === 'unknown' ? 'unknown' : !part;
}
