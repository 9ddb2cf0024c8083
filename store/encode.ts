import { ACTIONS } from '../model/action.ts';
import type { ActorRef } from '../model/actor.ts';
import type { AuditEvent, Confidence, Edge, EventKey } from '../model/event.ts';
import { quoteJson } from '../model/canonical-json.ts';
import type { KeyClass } from '../model/key.ts';
import type { Disposition } from '../model/reason.ts';
import type { Precision } from '../model/time.ts';
import { createBinaryRows } from './binary-rows.ts';
import type { BinaryRows, RowSink } from './binary-rows.ts';
import { createDigest, crcOf } from './digest.ts';
import { STATUS } from './encode-record.ts';
import type { Digest, DigestBuilder, TableRows } from './digest.ts';

/** The identity and the place of an event. */
export interface EventPlace {
  readonly tenant: string;
  readonly ref: bigint;
  readonly eventId: string;
  /** 32 hex digits. */
  readonly contentHash: string;
  readonly disposition: Exclude<Disposition, 'rejected'>;
  readonly firstRef: bigint;
  readonly receivedAtMs: number;
  readonly ingestedAtUs: number;
}

/** The parts of an event that are stored as JSON, and its keys and edges without repeats. */
export interface EventTexts {
  readonly facts: string;
  readonly actor: string;
  readonly parties: string;
  readonly keysJson: string;
  readonly unread: string;
  readonly keys: readonly EventKey[];
  readonly edges: readonly Edge[];
}

/** Throws (a RangeError for a time that is none) for an event that cannot be stored, before any of it is written. */
export function textsOf(event: AuditEvent): EventTexts {
  const times = [event.occurred.at, event.observed?.at ?? 0];
  if (!times.every((at) => Number.isSafeInteger(at) && at >= 0))
    throw new RangeError('a time of an event is no whole number of microseconds since 1970');
  const keys = uniqueKeys(event.keys);
  return {
    facts: JSON.stringify(event.facts),
    actor: JSON.stringify(event.actor),
    parties: partiesOf(event),
    keysJson: keysJsonOf(keys),
    unread: event.unread.length === 0 ? '' : JSON.stringify(event.unread),
    keys,
    edges: uniqueEdges(event.edges),
  };
}

const PRECISION: Record<Precision, number> = { s: 0, ms: 3, us: 6, ns: 9 };
const CLASS: Record<KeyClass, number> = { chain: 1, session: 2, hub: 3 };
const CONFIDENCE: Record<Confidence, number> = { exact: 1, asserted: 2, inferred: 3 };
const DIRECTION = { down: 1, up: 2 } as const;

/** What one batch becomes, table by table. */
export interface BatchLines {
  readonly records: TableRows;
  readonly events: TableRows;
  /** The engine makes the rows of keys from the events; what it must find is computed here all the same. */
  readonly keys: DigestBuilder;
  readonly edges: TableRows;
}

export type BatchDigests = { readonly [Table in keyof BatchLines]: Digest };

/** The tables whose rows come in files. */
export const FILED = ['records', 'events', 'edges'] as const;
export type Filed = (typeof FILED)[number];

/** No rows yet; those that are added go to the sinks. */
export function createBatchLines(sinks: Readonly<Record<Filed, RowSink>>): BatchLines {
  const table = (name: Filed): TableRows => ({ rows: createBinaryRows(sinks[name]), digest: createDigest() });
  return { records: table('records'), events: table('events'), keys: createDigest(), edges: table('edges') };
}

/** Adds an event, column by column as `EVENTS.structure` names them, and if it counts, its keys and edges. */
export function encodeEvent(
  lines: BatchLines,
  place: EventPlace,
  event: AuditEvent,
  texts: EventTexts,
  parserVersion: string,
): void {
  const { rows, digest } = lines.events;
  rows.text(place.tenant);
  rows.uint64(place.ref);
  rows.uuid(place.eventId);
  rows.fixed(place.contentHash);
  rows.int8(STATUS[place.disposition]);
  rows.uint64(place.firstRef);
  for (const text of [event.family, event.source, event.instance, event.nativeId, event.type]) rows.text(text);
  rows.int64(event.occurred.at);
  rows.int8(PRECISION[event.occurred.precision]);
  rows.nullable(event.observed?.at);
  rows.int64(place.receivedAtMs);
  rows.int64(place.ingestedAtUs);
  whatHappened(rows, event);
  whoDidIt(rows, event, texts);
  for (const text of [texts.facts, texts.keysJson, texts.unread, parserVersion]) rows.text(text);
  const check = crcOf(`${event.nativeId}\t${event.type}\t${event.action}\t${texts.facts}`) + STATUS[place.disposition];
  digest.add(place.ref, check + Number(place.firstRef % 1_048_573n));
  if (place.disposition !== 'accepted') return;
  for (const { key } of texts.keys) lines.keys.add(place.ref, crcOf(key));
  for (const edge of texts.edges) {
    encodeEdge(lines.edges, place, event, edge, 'down');
    encodeEdge(lines.edges, place, event, edge, 'up');
  }
}

function whatHappened(rows: BinaryRows, event: AuditEvent): void {
  rows.text(event.sequence ?? '');
  rows.text(event.action);
  rows.text(ACTIONS[event.action]);
  rows.text(event.outcome);
  rows.text(event.outcomeCode ?? '');
  rows.text(event.outcomeReason ?? '');
}

function whoDidIt(rows: BinaryRows, event: AuditEvent, texts: EventTexts): void {
  const { actor, credential, resource } = event;
  rows.text(actor.kind);
  rows.text(actor.key);
  rows.text(texts.actor);
  rows.text(texts.parties);
  rows.text(credential?.kind ?? '');
  rows.text(credential?.key ?? '');
  rows.text(resource?.type ?? '');
  rows.text(resource?.key ?? '');
  rows.text(resource?.display ?? '');
  rows.text(event.environment ?? '');
  rows.text(event.sourceIp ?? '');
  rows.text(event.userAgent ?? '');
}

function encodeEdge(
  { rows, digest }: TableRows,
  place: EventPlace,
  event: AuditEvent,
  edge: Edge,
  direction: keyof typeof DIRECTION,
): void {
  const [own, other] = direction === 'down' ? [edge.parent, edge.child] : [edge.child, edge.parent];
  rows.text(place.tenant);
  rows.text(own.key);
  rows.int8(DIRECTION[direction]);
  rows.text(other.key);
  rows.int8(CLASS[other.class]);
  rows.text(edge.relation);
  rows.int8(CONFIDENCE[edge.confidence]);
  rows.text(edge.rule);
  rows.text(edge.principal ?? '');
  rows.uint64(place.ref);
  rows.int64(event.occurred.at);
  rows.int64(place.receivedAtMs);
  rows.int64(place.ingestedAtUs);
  digest.add(place.ref, crcOf(own.key) + DIRECTION[direction]);
}

// As JSON.stringify writes it. The engine takes no half of a surrogate pair, so what holds one is mended as in UTF-8.
function keysJsonOf(keys: readonly EventKey[]): string {
  let text = '';
  for (const { key, class: of, role, confidence, field } of keys)
    text += `${text === '' ? '' : ','}[${quoteJson(key.toWellFormed())},"${of}","${role}","${confidence}",${quoteJson(field.toWellFormed())}]`;
  return `[${text}]`;
}

function partiesOf(event: AuditEvent): string {
  if (!event.onBehalfOf && !event.actChain && !event.initiator) return '';
  const parties: { onBehalfOf?: ActorRef; actChain?: readonly ActorRef[]; initiator?: ActorRef } = {};
  if (event.onBehalfOf) parties.onBehalfOf = event.onBehalfOf;
  if (event.actChain) parties.actChain = event.actChain;
  if (event.initiator) parties.initiator = event.initiator;
  return JSON.stringify(parties);
}

// A row is told from others of its event by key and role (tables.ts, identity), so the first of equals stands for all.
// An event has a handful of keys: looking through them costs less than a set of joined texts.
function uniqueKeys(keys: readonly EventKey[]): readonly EventKey[] {
  if (keys.length > MANY_KEYS) {
    const seen = new Set<string>();
    return keys.filter(({ role, key }) => !seen.has(`${role}\t${key}`) && seen.add(`${role}\t${key}`));
  }
  const isFirst = (key: EventKey, index: number): boolean =>
    keys.findIndex((other) => other.key === key.key && other.role === key.role) === index;
  return keys.every(isFirst) ? keys : keys.filter(isFirst);
}

const MANY_KEYS = 32;

// An edge of a key to itself says nothing and would be a loop in every walk.
function uniqueEdges(edges: readonly Edge[]): readonly Edge[] {
  if (edges.length === 0) return edges;
  const seen = new Set<string>();
  return edges.filter((edge) => {
    const identity = `${edge.relation}\t${edge.parent.key}\t${edge.child.key}`;
    return edge.parent.key !== edge.child.key && !seen.has(identity) && seen.add(identity);
  });
}
