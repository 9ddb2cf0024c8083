/**
 * What must not reach a terminal, a file or a page as it is: control characters, marks that turn the direction of
 * writing (they make a name read as another), characters without width, and line separators.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** Text that can be printed: what is unsafe stands as `\u{hex}`, and what is longer than `limit` characters is cut. */
export function printable(text: string, limit = 400): string {
  const safe = text.replace(UNSAFE, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
  return safe.length > limit ? `${safe.slice(0, limit - 1)}…` : safe;
}

/**
 * A field of a CSV file (RFC 4180). A field that a spreadsheet would take for a formula gets an apostrophe in front,
 * whatever spaces stand before the sign.
 */
export function csvField(value: string | number | undefined): string {
  if (value === undefined) return '';
  const safe = printable(String(value), 4_000);
  const text = /^\s*[=+\-@|]/.test(safe) ? `'${safe}` : safe;
  return /[",\r\n']/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}
