import { parseStamp } from '../../model/time.ts';
import type { Stamp } from '../../model/time.ts';

/**
 * The text form of Keycloak's event listener (sources.md 1.7.1): `name="value", name="value"`. It writes `"` as `\"` but
 * does not escape a backslash, so a caller who ends a name with one can break a line. A line is read only where it has
 * one reading: the fixed head in its order, no name twice, no value that swallowed the next field. All else is refused.
 */
export type KeycloakLine =
  | { readonly ok: true; readonly fields: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly detail: string };

const USER_HEAD = ['type', 'realmId', 'realmName', 'clientId', 'userId', 'sessionId', 'ipAddress', 'error'];
const ADMIN_HEAD = [
  'operationType', 'realmId', 'realmName', 'clientId', 'userId', 'ipAddress', 'resourceType', 'resourcePath', 'error',
]; // prettier-ignore
const MAY_MISS = new Set(['sessionId', 'error', 'realmName', 'resourcePath']);

const NAME = /([A-Za-z_][\w.-]{0,99})="/y;
// What a swallowed field leaves at the end of the value that swallowed it: `\", userId=`.
const SWALLOWED = /\\", [\w.-]+=$/;

/** Reads the message of an event; `detail` of a refusal says what is ambiguous, never the value. */
export function readKeycloakMessage(message: string): KeycloakLine {
  const fields = new Map<string, string>();
  let index = 0;
  while (index < message.length) {
    NAME.lastIndex = index;
    const name = NAME.exec(message)?.[1];
    if (name === undefined) return refused(fields, 'has no single reading');
    const start = NAME.lastIndex;
    const end = endOfValue(message, start);
    const value = message.slice(start, end);
    if (end < 0 || SWALLOWED.test(value.slice(-200))) return refused(fields, 'has no single reading');
    if (fields.has(name)) return refused(fields, 'has a field twice');
    // A backslash is left as it is: it was not escaped, so it stands for itself.
    fields.set(name, value.replaceAll('\\"', '"'));
    index = end + 1;
    if (index === message.length) break;
    if (!message.startsWith(', ', index)) return refused(fields, 'has no single reading');
    index += 2;
    if (index === message.length) return refused(fields, 'is cut');
  }
  return headIsInOrder(fields) ? { ok: true, fields } : refused(fields, 'has not the fixed fields in their order');
}

// A value goes on until a quote that no backslash precedes: Keycloak writes every quote within a value as `\"`.
function endOfValue(message: string, start: number): number {
  let end = message.indexOf('"', start);
  while (end > start && message[end - 1] === '\\') end = message.indexOf('"', end + 1);
  return end;
}

function refused(fields: ReadonlyMap<string, string>, what: string): KeycloakLine {
  const last = [...fields.keys()].at(-1);
  return { ok: false, detail: last === undefined ? `the line ${what}` : `the line ${what} after ${last.slice(0, 40)}` };
}

function headIsInOrder(fields: ReadonlyMap<string, string>): boolean {
  const names = [...fields.keys()];
  const head = names[0] === 'type' ? USER_HEAD : ADMIN_HEAD;
  let next = 0;
  for (const wanted of head) {
    if (names[next] === wanted) next += 1;
    else if (!MAY_MISS.has(wanted)) return false;
  }
  // What belongs to the head must not come after it: a detail of that name is a field that somebody made up.
  return !names.slice(next).some((name) => head.includes(name));
}

/** The parts of a line of the default console format: time without zone, level, logger, thread, message. */
export interface ConsoleLine {
  /** "2026-08-20 09:15:40,123", in the zone of the server. */
  readonly time: string;
  readonly level: string;
  readonly logger: string;
  readonly message: string;
}

const CONSOLE =
  /^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},\d{3}) ([A-Z]{4,5}) {1,2}\[([\w.]{1,200})\] \(([^)]{0,200})\) ([^\n]*)$/s;

/** Reads a line of the console; undefined if it is none. */
export function readConsoleLine(text: string): ConsoleLine | undefined {
  const found = CONSOLE.exec(text.replace(/\r?\n$/, ''));
  if (!found) return undefined;
  const [, time = '', level = '', logger = '', , message = ''] = found;
  return { time, level, logger, message };
}

/** The time of a console line in a zone such as "+02:00". */
export function consoleTime(line: ConsoleLine, zone: string): Stamp | undefined {
  return parseStamp(`${line.time}${zone}`);
}
