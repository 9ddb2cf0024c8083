/** Rows by source: family, blank, installation. */
export function groupBy<Row extends { readonly family: string; readonly instance: string }>(
  rows: readonly Row[],
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const list = groups.get(idOf(row));
    if (list) list.push(row);
    else groups.set(idOf(row), [row]);
  }
  return groups;
}

/** The name of a source in groups and in queries. */
export function idOf(entry: { readonly family: string; readonly instance: string }): string {
  return `${entry.family} ${entry.instance}`;
}
