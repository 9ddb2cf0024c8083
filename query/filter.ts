import { Problem } from '../model/problem.ts';

/** The fields by which events can be filtered: the closed list from which the store builds its conditions. */
export const FILTER_FIELDS = [
  'actor',
  'action',
  'stage',
  'outcome',
  'family',
  'instance',
  'type',
  'resource',
  'environment',
  'ip',
  'key',
] as const;
export type FilterField = (typeof FILTER_FIELDS)[number];

/** One condition. `values` are alternatives; with `prefix` a value is what the text begins with. */
export interface Condition {
  readonly field: FilterField;
  readonly negated: boolean;
  readonly prefix: boolean;
  readonly values: readonly string[];
}

/** All conditions must hold. */
export type Filter = readonly Condition[];

const MAX_CONDITIONS = 16;
const MAX_CHARS = 2_048;

/**
 * Reads a filter such as `actor=email:mara@acme.example action=secret.* outcome!=success`: fields from a closed list,
 * `=` or `!=`, a value that may end in `*`; a value with spaces stands in double quotes. All must hold. Throws a
 * Problem of code `invalid_request` that names what is wrong and which fields exist.
 */
export function parseFilter(text: string): Filter {
  if (text.length > MAX_CHARS) throw invalid(`a filter has at most ${MAX_CHARS} characters`);
  const conditions: Condition[] = [];
  const term = /\s*([A-Za-z_]+)(!?=)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/y;
  while (text.slice(term.lastIndex).trim() !== '') {
    const from = term.lastIndex;
    const found = term.exec(text);
    if (!found) throw invalid(`expected field=value at ${JSON.stringify(text.slice(from).trim().slice(0, 40))}`);
    const value = found[3] === undefined ? (found[4] ?? '') : found[3].replace(/\\(.)/g, '$1');
    conditions.push(conditionOf(found[1] ?? '', found[2] === '!=', value));
    if (conditions.length > MAX_CONDITIONS) throw invalid(`a filter has at most ${MAX_CONDITIONS} conditions`);
  }
  return conditions;
}

/** A filter with the values of a field replaced, such as a person by all of its accounts. */
export function expandFilter(filter: Filter, field: FilterField, expand: (value: string) => readonly string[]): Filter {
  return filter.map((condition) =>
    condition.field === field && !condition.prefix
      ? { ...condition, values: [...new Set(condition.values.flatMap((value) => [value, ...expand(value)]))] }
      : condition,
  );
}

function conditionOf(name: string, negated: boolean, value: string): Condition {
  const field = FILTER_FIELDS.find((known) => known === name);
  if (field === undefined)
    throw invalid(`there is no field ${JSON.stringify(name)}; fields are ${FILTER_FIELDS.join(', ')}`);
  const prefix = value.endsWith('*');
  return { field, negated, prefix, values: [prefix ? value.slice(0, -1) : value] };
}

function invalid(detail: string): Problem {
  return new Problem('invalid_request', `The filter cannot be read: ${detail}.`);
}
