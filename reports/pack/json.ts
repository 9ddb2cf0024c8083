import { canonicalJson } from '../../model/canonical-json.ts';

/** JSON for people: names sorted, two spaces, a newline at the end. */
export function pretty(value: object): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(value)), undefined, 2)}\n`;
}
