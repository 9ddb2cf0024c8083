/**
 * JSON with sorted keys and no spaces (the order of RFC 8785; numbers as JavaScript prints them). Used only to compare
 * and identify values within Custody, never to hash evidence: records are hashed as the bytes that arrived.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string' || value === null || typeof value === 'boolean' || typeof value === 'number')
    return JSON.stringify(value);
  if (Array.isArray(value)) {
    let items = '';
    for (const item of value) items += items === '' ? canonicalItem(item) : `,${canonicalItem(item)}`;
    return `[${items}]`;
  }
  if (typeof value !== 'object') return 'null';
  const members = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of Object.keys(members).sort()) {
    const member = members[key];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

function canonicalItem(item: unknown): string {
  return item === undefined ? 'null' : canonicalJson(item);
}
