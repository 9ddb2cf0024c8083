/**
 * JSON with sorted keys and no spaces (the order of RFC 8785; numbers as JavaScript prints them). Used only to compare
 * and identify values within Custody, never to hash evidence: records are hashed as the bytes that arrived.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoteJson(value);
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return JSON.stringify(value);
  if (typeof value !== 'object') return 'null';
  return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Readonly<Record<string, unknown>>);
}

function canonicalArray(items: readonly unknown[]): string {
  let text = '';
  for (const item of items) text += `${text === '' ? '' : ','}${canonicalJson(item)}`;
  return `[${text}]`;
}

function canonicalObject(members: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member !== undefined) text += `${text === '' ? '' : ','}${quoteName(name)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

// Most text needs no escape, and looking for one costs less than writing the text anew.
// oxlint-disable-next-line no-control-regex -- control characters are what must be found
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A string as JSON. */
export function quoteJson(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

// A source uses the same names in every event. What a sender makes up must not fill the memory.
const MAX_NAMES = 5_000;
const names = new Map<string, string>();

function quoteName(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const quoted = JSON.stringify(name);
  if (names.size < MAX_NAMES && name.length <= 64) names.set(name, quoted);
  return quoted;
}
