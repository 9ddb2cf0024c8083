import { refuse } from './adapter.ts';
import type { ParseResult } from './adapter.ts';
import { identifier } from '../../model/key.ts';
import type { Reason } from '../../model/reason.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros, Stamp } from '../../model/time.ts';

/**
 * Readers of hostile JSON. A document remembers what it could not read, so that an adapter reads field after field
 * without a branch each: `get...` gives undefined for what is absent or null and notes a value of another type as
 * unread (the event is still accepted); `need...` also keeps the first fault, for which the record is refused.
 */

export type JsonObject = { readonly [name: string]: unknown };
export type Path = readonly (string | number)[];

export interface Doc {
  readonly json: unknown;
  /** Path of `json` within the record, "" for the record itself. */
  readonly where: string;
  /** Shared by all documents of one record. */
  readonly notes: { readonly unread: string[]; fault?: { readonly reason: Reason; readonly detail: string } };
}

/** A document over the parsed JSON of one record. */
export function openDoc(json: unknown): Doc {
  return { json, where: '', notes: { unread: [] } };
}

/** A document over a part of another; what it cannot read is noted with the whole path. An absent part is empty. */
export function partOf(doc: Doc, ...path: Path): Doc {
  return { json: getObject(doc, ...path), where: pathOf(doc, path), notes: doc.notes };
}

/** The documents of the objects in an array; what is no object is noted and left out. */
export function partsOf(doc: Doc, ...path: Path): readonly Doc[] {
  const parts: Doc[] = [];
  for (const [index, item] of getList(doc, ...path).entries()) {
    const part = { json: item, where: `${pathOf(doc, path)}[${index}]`, notes: doc.notes };
    if (isObject(item)) parts.push(part);
    else note(doc, ...path, index);
  }
  return parts;
}

/** Whether a value is a JSON object: not null, no array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path, of whatever type; undefined where it ends. Only own properties: "__proto__" finds nothing. */
export function at(value: unknown, ...path: Path): unknown {
  return follow(value, path);
}

// Every field of every record is read through here: to spread a path into a call once more would cost as much again.
function follow(value: unknown, path: Path): unknown {
  let found = value;
  for (let index = 0; index < path.length; index += 1) {
    const step = path[index];
    if (typeof found !== 'object' || found === null) return undefined;
    if (typeof step === 'number') found = Array.isArray(found) ? (found as unknown[])[step] : undefined;
    else found = Array.isArray(found) ? undefined : ownOf(found as JsonObject, step ?? '');
  }
  return found;
}

// What objects inherit are functions and `__proto__`, and JSON holds no function: so most steps need no second look-up.
function ownOf(object: JsonObject, name: string): unknown {
  const value = object[name];
  if (typeof value !== 'function' && name !== '__proto__') return value;
  return Object.hasOwn(object, name) ? value : undefined;
}

/** Text, as it is: sentinels are dropped where keys are built. */
export function getString(doc: Doc, ...path: Path): string | undefined {
  return typed(doc, path, isString);
}

/** A finite number. */
export function getNumber(doc: Doc, ...path: Path): number | undefined {
  return typed(doc, path, isFiniteNumber);
}

export function getBoolean(doc: Doc, ...path: Path): boolean | undefined {
  return typed(doc, path, isBoolean);
}

export function getObject(doc: Doc, ...path: Path): JsonObject | undefined {
  return typed(doc, path, isObject);
}

/** The items of an array; none where it is absent. */
export function getList(doc: Doc, ...path: Path): readonly unknown[] {
  return typed(doc, path, isList) ?? [];
}

/** An identifier as text (sources.md 0.6); a sentinel is nothing, another type is noted. */
export function getId(doc: Doc, ...path: Path): string | undefined {
  return identifier(typed(doc, path, isStringOrNumber));
}

/** A time with a zone. Text that cannot be read is noted, an empty text is nothing. */
export function getStamp(doc: Doc, ...path: Path): Stamp | undefined {
  const text = getString(doc, ...path);
  if (text === undefined || text === '') return undefined;
  const stamp = parseStamp(text);
  if (!stamp) note(doc, ...path);
  return stamp;
}

/** A time that may be absent, in microseconds UTC. An unreadable one is noted. */
export function getMicros(doc: Doc, ...path: Path): Micros | undefined {
  return getStamp(doc, ...path)?.at;
}

/** Text that must be there; "" and a fault where it is not. */
export function needString(doc: Doc, ...path: Path): string {
  const value = follow(doc.json, path);
  if (typeof value === 'string' && value !== '') return value;
  needFault(doc, path, value === undefined || value === null || value === '');
  return '';
}

/** An identifier that must be there, as text; "" and a fault where it is not. A sentinel counts as missing. */
export function needId(doc: Doc, ...path: Path): string {
  const value = follow(doc.json, path);
  const id = identifier(value);
  if (id !== undefined) return id;
  needFault(doc, path, value === undefined || value === null || typeof value === 'string' || value === 0);
  return '';
}

/** An object that must be there; an empty one and a fault where it is not. */
export function needObject(doc: Doc, ...path: Path): JsonObject {
  const value = follow(doc.json, path);
  if (isObject(value)) return value;
  needFault(doc, path, value === undefined || value === null);
  return {};
}

/** A time that must be there; 1970 and a fault where it is not. */
export function needStamp(doc: Doc, ...path: Path): Stamp {
  const text = needString(doc, ...path);
  const stamp = text === '' ? undefined : parseStamp(text);
  if (stamp) return stamp;
  if (text !== '') fault(doc, 'bad_timestamp', path);
  return { at: 0, precision: 's' };
}

/** Notes a field as not understood: the event is accepted, and says so. */
export function note(doc: Doc, ...path: Path): void {
  const where = pathOf(doc, path);
  if (!doc.notes.unread.includes(where) && doc.notes.unread.length < 100) doc.notes.unread.push(where);
}

/** Keeps a fault, if it is the first: the record will be refused. Names the field, never its value. */
export function fault(doc: Doc, reason: Reason, path: Path): void {
  doc.notes.fault ??= { reason, detail: pathOf(doc, path) || 'the record' };
}

/** The refusal for the first fault that was met; undefined if all that is needed was there. */
export function refusalOf(doc: Doc): ParseResult | undefined {
  return doc.notes.fault && refuse(doc.notes.fault.reason, doc.notes.fault.detail);
}

function typed<T>(doc: Doc, path: Path, fits: (value: unknown) => value is T): T | undefined {
  const value = follow(doc.json, path);
  if (fits(value)) return value;
  const culprit = value === undefined || value === null ? wrongStep(doc, path) : path;
  if (culprit) note(doc, ...culprit);
  return undefined;
}

// Where a path ends early because a step on the way is of another type: the path of that step.
function wrongStep(doc: Doc, path: Path): Path | undefined {
  let value = doc.json;
  for (let length = 1; length < path.length; length += 1) {
    value = at(value, path[length - 1] ?? '');
    if (value === undefined || value === null) return undefined;
    if (typeof path[length] === 'number' ? !Array.isArray(value) : !isObject(value)) return path.slice(0, length);
  }
  return undefined;
}

function needFault(doc: Doc, path: Path, missing: boolean): void {
  const culprit = missing ? wrongStep(doc, path) : path;
  fault(doc, culprit ? 'wrong_type' : 'missing_required_fields', culprit ?? path);
}

function pathOf(doc: Doc, path: Path): string {
  let text = doc.where;
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  return text;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isStringOrNumber(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}
