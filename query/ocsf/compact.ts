/** An object without the attributes that are undefined: OCSF knows absent attributes, not null ones. */
export function compact(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
