import type { LoggedRecord } from './event-log.ts';
import { readVarint } from './kafka-numbers.ts';
import type { Cursor } from './kafka-numbers.ts';
import type { KafkaMessage } from './kafka-records.ts';
import { receivedAt } from './received-at.ts';

/**
 * When Custody received the record, milliseconds UTC. Topics stamp what they take with their own clock, so that retention
 * counts from the arrival, and no sender's clock can have a record dropped at once or kept for ever.
 */
export const RECEIVED_HEADER = 'x-custody-received';

const RECEIVED = Buffer.from(RECEIVED_HEADER, 'latin1');
const MAX_HEADERS = 1_000;

/** The headers of a message. The object is shared by neighbours whose headers are equal, so it must not be changed. */
export interface MessageHeaders {
  /** All but the header of when it was received. */
  readonly headers: Readonly<Record<string, string>>;
  /** What that header says; undefined where there is none. */
  readonly received: string | undefined;
}

/**
 * Reads the headers of the records of a batch, one record after the other; the cursor stands at their count. Records of
 * one delivery have equal headers but for the moment they were received, so these are passed over by their lengths and
 * compared as bytes, and what is made of them is made once. Throws a RangeError where they are cut off.
 */
export function createHeaderReader(bytes: Buffer): (cursor: Cursor) => MessageHeaders {
  let last: (Span & { readonly headers: Readonly<Record<string, string>> }) | undefined;
  return (cursor) => {
    const span = passOver(bytes, cursor);
    if (!last || !areEqual(bytes, last, span)) last = { ...span, headers: textsOf(bytes, span) };
    const { valueFrom, valueTo } = span;
    return { headers: last.headers, received: valueTo < 0 ? undefined : bytes.toString('latin1', valueFrom, valueTo) };
  };
}

/** Where headers stand in the bytes, and within them the one that says when the record was received. */
interface Span {
  readonly from: number;
  readonly to: number;
  /** From its name to its end; nothing, at the end of all, where it is missing. */
  readonly cutFrom: number;
  readonly cutTo: number;
  /** Its value; to -1 where it is missing. */
  readonly valueFrom: number;
  readonly valueTo: number;
}

function passOver(bytes: Buffer, cursor: Cursor): Span {
  const from = cursor.at;
  const count = Math.min(readVarint(bytes, cursor), MAX_HEADERS);
  let [cutFrom, cutTo, valueFrom, valueTo] = [-1, -1, -1, -1];
  for (let read = 0; read < count; read += 1) {
    const begin = cursor.at;
    const name = pass(bytes, cursor, readVarint(bytes, cursor));
    const isReceived = cursor.at - name === RECEIVED.length && bytes.compare(RECEIVED, 0, RECEIVED.length, name, cursor.at) === 0; // prettier-ignore
    const value = pass(bytes, cursor, readVarint(bytes, cursor));
    if (isReceived) [cutFrom, cutTo, valueFrom, valueTo] = [begin, cursor.at, value, cursor.at];
  }
  const to = cursor.at;
  return cutFrom < 0 ? { from, to, cutFrom: to, cutTo: to, valueFrom, valueTo } : { from, to, cutFrom, cutTo, valueFrom, valueTo }; // prettier-ignore
}

/** Goes on behind a field of this length, and gives where it begins. */
function pass(bytes: Buffer, cursor: Cursor, length: number): number {
  const from = cursor.at;
  cursor.at += Math.max(0, length);
  if (cursor.at > bytes.length) throw new RangeError('a header is cut off');
  return from;
}

function areEqual(bytes: Buffer, a: Span, b: Span): boolean {
  return (
    bytes.compare(bytes, a.from, a.cutFrom, b.from, b.cutFrom) === 0 &&
    bytes.compare(bytes, a.cutTo, a.to, b.cutTo, b.to) === 0
  );
}

function textsOf(bytes: Buffer, { from, to }: Span): Readonly<Record<string, string>> {
  const cursor = { at: from };
  const entries: [string, string][] = [];
  readVarint(bytes, cursor);
  const text = (): string => {
    const begin = pass(bytes, cursor, readVarint(bytes, cursor));
    return bytes.toString('utf8', begin, cursor.at);
  };
  while (cursor.at < to) {
    const name = text();
    const value = text();
    if (name !== RECEIVED_HEADER) entries.push([name, value]);
  }
  return Object.fromEntries(entries);
}

/**
 * A message as the log gives it to its readers. What has no header of when it was received was produced by others: its
 * stamp is Kafka's.
 */
export function recordOf(message: KafkaMessage): LoggedRecord {
  const { received, headers } = message;
  const stamped = Number(message.timestamp);
  const claimed = received === undefined ? undefined : stampOf(received);
  return {
    offset: Number(message.offset),
    timestampMs: claimed === undefined ? stamped : receivedAt(claimed, stamped),
    key: message.key ?? '',
    value: message.value ?? Buffer.alloc(0),
    headers,
  };
}

function stampOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
